"""What is read of a long answer is what botocore reads of it."""

import gc
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.model import ServiceModel
from botocore.parsers import EC2QueryParser
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine.aws.lean import LeanModels, moment
from dcp_engine.aws.plain_xml import LONG, PASSED_OVER, PlainXml

SPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
WHOLE = botocore.session.get_session().get_service_model("ec2")


@pytest.fixture(scope="module")
def operation() -> Any:
    loader = botocore.session.get_session().get_component("data_loader")
    return ServiceModel(LeanModels(loader).load_service_model("ec2", "service-2")).operation_model(
        LONG[1]
    )


def by_botocore(operation: Any, response: dict[str, Any]) -> Any:
    parser = EC2QueryParser(timestamp_parser=moment)
    return parser.parse(response, operation.output_shape)


def both(operation: Any, body: bytes, status: int = 200) -> tuple[Any, Any]:
    """The answer as botocore reads it, and as it is read with the handler."""
    given_ = {"status_code": status, "headers": {"x-amzn-requestid": "abc"}, "body": body}
    expected = by_botocore(operation, dict(given_))
    custom: dict[str, Any] = {}
    PlainXml()(operation_model=operation, response_dict=given_, customized_response_dict=custom)
    found = by_botocore(operation, given_)
    found.update(custom)
    return expected, found


def element(shape: Any, name: str, draw: Any, depth: int = 0) -> ElementTree.Element:
    """An element of a shape, with any of its members, as EC2 writes it."""
    node = ElementTree.Element(f"{{{SPACE}}}{name}")
    if shape.type_name == "structure":
        for member, inner in shape.members.items():
            if draw(st.booleans()):
                inner_name = inner.serialization.get("name", member)
                node.append(element(inner, inner_name, draw, depth + 1))
        if draw(st.booleans()):
            ElementTree.SubElement(node, f"{{{SPACE}}}somethingNewer").text = "x"
    elif shape.type_name == "list":
        for _ in range(draw(st.integers(0, 2))):
            node.append(element(shape.member, "item", draw, depth + 1))
    elif shape.type_name == "timestamp":
        node.text = draw(st.datetimes()).isoformat(timespec="milliseconds") + "Z"
    elif shape.type_name == "boolean":
        node.text = draw(st.sampled_from(["true", "false"]))
    elif shape.type_name == "integer":
        node.text = str(draw(st.integers(0, 99)))
    else:
        node.text = draw(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=5))
    return node


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_it_is_what_botocore_reads(operation: Any, data: st.DataObject) -> None:
    root = element(operation.output_shape, "DescribeInstancesResponse", data.draw)
    ElementTree.SubElement(root, f"{{{SPACE}}}requestId").text = "abc-1"
    expected, found = both(operation, ElementTree.tostring(root))
    assert found == expected
    assert found["ResponseMetadata"]["RequestId"] == "abc-1"


@settings(deadline=None, max_examples=10)
@given(st.data())
def test_members_that_nobody_reads_are_passed_over(operation: Any, data: st.DataObject) -> None:
    whole = WHOLE.operation_model(LONG[1]).output_shape
    root = element(whole, "DescribeInstancesResponse", data.draw)
    expected, found = both(operation, ElementTree.tostring(root))
    assert found == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"no xml", b"<a><b></a>"])
def test_what_is_no_xml_is_left_to_botocore(operation: Any, body: bytes) -> None:
    response = {"status_code": 200, "headers": {}, "body": body}
    custom: dict[str, Any] = {}
    PlainXml()(operation_model=operation, response_dict=response, customized_response_dict=custom)
    assert (response["body"], custom) == (body, {})


def test_an_error_is_left_to_botocore(operation: Any) -> None:
    body = (
        b"<Response><Errors><Error><Code>Throttled</Code><Message>Slow</Message></Error></Errors>"
        b"<RequestID>r</RequestID></Response>"
    )
    expected, found = both(operation, body, 503)
    assert found == expected
    assert found["Error"]["Code"] == "Throttled"


def test_every_member_of_the_model_can_be_read(operation: Any) -> None:
    expected, found = both(operation, b"<DescribeInstancesResponse/>")
    assert found == expected


def names_within(shape: Any) -> set[str]:
    """Every element that may be in one of this shape."""
    if shape.type_name == "list":
        return {"item"} | names_within(shape.member)
    found: set[str] = set()
    for name, member in shape.members.items() if shape.type_name == "structure" else ():
        found |= {member.serialization.get("name", name)} | names_within(member)
    return found


def test_nothing_that_is_read_is_passed_over(operation: Any) -> None:
    assert not names_within(operation.output_shape) & set(PASSED_OVER)
    assert set(PASSED_OVER) <= names_within(WHOLE.operation_model(LONG[1]).output_shape)


def tagged(name: str) -> bytes:
    return (
        f'<DescribeInstancesResponse xmlns="{SPACE}"><reservationSet><item><groupSet>'
        "<item><groupId>sg-1</groupId></item></groupSet><instancesSet><item><tagSet><item>"
        f"<key>Name</key><value>{name}</value></item></tagSet></item></instancesSet></item>"
        "</reservationSet></DescribeInstancesResponse>"
    ).encode()


@pytest.mark.parametrize(
    "name",
    [
        "&lt;groupSet&gt;a&lt;/groupSet&gt;",
        "<![CDATA[<groupSet>a</groupSet>]]>",
        "<!-- <groupSet> -->Exp1",
    ],
)
def test_a_name_that_looks_like_markup_stays_a_name(operation: Any, name: str) -> None:
    expected, found = both(operation, tagged(name))
    assert found == expected
    assert found["Reservations"][0]["Instances"][0]["Tags"][0]["Key"] == "Name"


@pytest.mark.parametrize("body", [tagged("<groupSet>"), tagged("Exp1")[:110], tagged("Exp1")[:-1]])
def test_what_is_damaged_is_left_to_botocore(operation: Any, body: bytes) -> None:
    custom: dict[str, Any] = {}
    response = {"status_code": 200, "headers": {}, "body": body}
    PlainXml()(operation_model=operation, response_dict=response, customized_response_dict=custom)
    assert (response["body"], custom) == (body, {})


@pytest.mark.parametrize("searching", [True, False])
@pytest.mark.parametrize("body", [tagged("Exp1"), b"no xml"])
def test_garbage_is_searched_for_afterwards_as_before(
    operation: Any, body: bytes, searching: bool
) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if searching else gc.disable)()
        response = {"status_code": 200, "headers": {}, "body": body}
        PlainXml()(operation_model=operation, response_dict=response, customized_response_dict={})
        assert gc.isenabled() is searching
    finally:
        (gc.enable if before else gc.disable)()
