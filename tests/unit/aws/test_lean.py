"""What is left out of botocore's models is used by nobody, and what is kept means what it meant."""

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_origin, get_type_hints

import botocore.session
import msgspec
import pytest
from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape
from botocore.utils import parse_timestamp

from dcp_engine.aws import ec2
from dcp_engine.aws.lean import READ, LeanModels, moment
from dcp_engine.aws.operations import EVERY_OPERATION
from dcp_engine.aws.session import Sessions

SHAPE_OF: dict[str, type[msgspec.Struct]] = {
    "Reservation": ec2._Reservation,
    "Instance": ec2._Instance,
    "InstanceState": ec2._State,
    "Placement": ec2._Placement,
    "StateReason": ec2._Reason,
    "InstanceBlockDeviceMapping": ec2._Device,
    "EbsInstanceBlockDevice": ec2._Ebs,
}


@pytest.fixture(scope="module")
def whole() -> Any:
    return create_loader().load_service_model("ec2", "service-2")


@pytest.mark.parametrize(("service", "shape"), READ)
def test_exactly_what_the_engine_reads_is_kept_of_a_shape(
    service: str, shape: str, whole: Any
) -> None:
    assert service == "ec2"
    names = {field.encode_name for field in msgspec.structs.fields(SHAPE_OF[shape])}
    assert names == READ[service, shape]
    assert names <= whole["shapes"][shape]["members"].keys()


def test_every_struct_within_a_kept_shape_has_its_own_line_or_is_small() -> None:
    within = {
        inner
        for struct in SHAPE_OF.values()
        for hint in get_type_hints(struct).values()
        for inner in (hint, *get_args(hint))
        if inspect.isclass(inner)
        and get_origin(inner) is None
        and issubclass(inner, msgspec.Struct)
    }
    assert within - set(SHAPE_OF.values()) == {ec2._Tag}


def test_no_request_carries_what_was_left_out(whole: Any) -> None:
    model = ServiceModel(LeanModels(create_loader()).load_service_model("ec2", "service-2"))
    cut = {name for _, name in READ}
    for operation in model.operation_names:
        asked = model.operation_model(operation).input_shape
        assert asked is not None
        assert not cut & _names(asked, set()), operation


def _names(shape: Shape, seen: set[str]) -> set[str]:
    if shape.name not in seen:
        seen.add(shape.name)
        inner = [*getattr(shape, "members", {}).values()]
        inner += [shape.member] if hasattr(shape, "member") else []
        for one in inner:
            _names(one, seen)
    return seen


@pytest.mark.parametrize("service", sorted({each.service for each in EVERY_OPERATION} - {"sts"}))
def test_a_client_has_every_operation_that_the_engine_calls_and_no_other(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = Sessions(None, None, timeout=timedelta(seconds=1)).client(service, None)
    operations = set(client.meta.service_model.operation_names)
    assert operations == {each.name for each in EVERY_OPERATION if each.service == service}


def test_a_session_of_somebody_else_s_keeps_the_whole_model() -> None:
    shared = create_loader()
    lean = LeanModels(shared)
    assert len(lean.load_service_model("ec2", "service-2")["operations"]) < 50
    assert len(shared.load_service_model("ec2", "service-2")["operations"]) > 500
    members = shared.load_service_model("ec2", "service-2")["shapes"]["Instance"]["members"]
    assert "VpcId" in members


@pytest.mark.parametrize(
    "value",
    [
        *("2026-03-01T12:30:15Z", "2026-03-01T12:30:15.123Z", "2026-03-01T12:30:15+02:00"),
        *("2026-03-01T12:30:15.123456Z", "2026-03-01T00:00:00-0330", "20260301T123015Z"),
        *("Sun, 01 Mar 2026 12:30:15 GMT", "2026-03-01 12:30:15", "2026-03-01"),
        *("2026-03-01T12:30:15", 1772368215, 1772368215.25, "1772368215", "1772368215.5"),
        "2026-03-01T12:30:15.1234567Z",
    ],
)
def test_a_moment_is_the_one_that_botocore_reads(value: Any) -> None:
    ours, theirs = moment(value), parse_timestamp(value)
    assert ours == theirs
    assert (ours.tzinfo is None) == (theirs.tzinfo is None)


@pytest.mark.parametrize(
    "value", ["", "soon", "2026-13-01T00:00:00Z", "T", "2026-03-01T24:00:00Z", {}]
)
def test_what_is_no_moment_is_refused_as_botocore_refuses_it(value: Any) -> None:
    with pytest.raises(Exception) as theirs:
        parse_timestamp(value)
    with pytest.raises(type(theirs.value)):
        moment(value)


def test_the_clients_of_a_session_read_moments_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    sessions = Sessions(None, None, timeout=timedelta(seconds=1))
    sessions.client("ec2", None)
    core: botocore.session.Session = sessions._current()
    parser = core.get_component("response_parser_factory").create_parser("ec2")
    assert parser._timestamp_parser("2026-03-01T12:30:15Z") == datetime(
        2026, 3, 1, 12, 30, 15, tzinfo=UTC
    )
    assert parser._timestamp_parser is moment
