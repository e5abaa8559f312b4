"""Reads a long XML answer several times as fast as botocore does, by the same model.

botocore looks at every element of an answer, and an instance of EC2 has some sixty. Here those that
the model does not have are passed over (`dcp_engine.aws.lean` takes out what nobody reads), and all
that is known of a shape is worked out once. It is for answers of structures, lists, texts and
moments only, in the `ec2` protocol: nothing flattened, nothing in attributes or headers (Smithy,
"AWS EC2 query protocol", "XML shape serialization").
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from xml.etree import ElementTree

from botocore.model import Shape

from dcp_engine.aws.lean import moment

LONG: Final = ("ec2", "DescribeInstances")
"""The service and the operation whose answers come by the megabyte."""

PASSED_OVER: Final = (
    *("networkInterfaceSet", "groupSet", "productCodes", "iamInstanceProfile", "monitoring"),
    *("metadataOptions", "cpuOptions", "enclaveOptions", "hibernationOptions"),
    *("maintenanceOptions", "privateDnsNameOptions", "capacityReservationSpecification"),
)
"""Elements with others in them that nobody reads: half of what EC2 says of an instance."""

_Reader = Callable[[ElementTree.Element], Any]


class PlainXml:
    """A handler of botocore's `before-parse` for the answers of one operation."""

    def __init__(self) -> None:
        self._read: _Reader | None = None

    def __call__(
        self,
        *,
        operation_model: Any,
        response_dict: dict[str, Any],
        customized_response_dict: dict[str, Any],
        **_: Any,
    ) -> None:
        """Read a good answer, and leave to botocore only what comes around it.

        An error and what is no XML are left to it as a whole.
        """
        if operation_model.name != LONG[1] or response_dict["status_code"] >= 300:
            return
        if self._read is None:
            self._read = _reader(operation_model.output_shape)
        with suppress(ElementTree.ParseError), _no_search_for_garbage():
            root = ElementTree.fromstring(_without(response_dict["body"]))
            customized_response_dict.update(self._read(root))
            # What is left has the id of the request, which botocore puts beside the answer.
            for child in list(root):
                if not child.tag.endswith("requestId"):
                    root.remove(child)
            response_dict["body"] = ElementTree.tostring(root)


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """So many elements at once would have Python search all that it has, which takes as long again.

    They refer downwards only, so that they go by themselves.
    """
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # Where another thread has stopped it as well, that one lets it go on or has.
        if searching:
            gc.enable()


def _without(body: bytes) -> bytes:
    """A document less what is passed over, which need not even be made into elements.

    A `<` is markup wherever it stands, unless there are comments or sections of plain text, which
    AWS does not write (Extensible Markup Language 1.0, 2.4 "Character Data and Markup").
    """
    if b"<!" in body:
        return body
    for name in PASSED_OVER:
        first, *rest = body.split(f"<{name}>".encode())
        end = f"</{name}>".encode()
        body = first + b"".join(part.partition(end)[2] for part in rest)
    return body


def _reader(shape: Shape) -> _Reader:
    """What makes of an element what botocore makes of it. Raises ValueError for other shapes."""
    kind: Any = shape
    match kind.type_name:
        case "structure":
            return _structure(kind)
        case "list":
            item = _reader(kind.member)
            return lambda node: [item(child) for child in node]
        case "timestamp":
            return lambda node: moment(node.text or "")
        case "string":
            return lambda node: node.text or ""
    raise ValueError(f"{shape.name} is of a type that is read by botocore: {shape.type_name}")


def _structure(shape: Any) -> _Reader:
    members = {
        str(member.serialization.get("name", name)): (name, _reader(member))
        for name, member in shape.members.items()
    }
    # By the tag with its namespace; None for what the model does not have.
    found: dict[str, tuple[str, _Reader] | None] = {}

    def read(node: ElementTree.Element) -> dict[str, Any]:
        answer = {}
        for child in node:
            tag = child.tag
            if tag not in found:
                found[tag] = members.get(tag.rpartition("}")[2])
            member = found[tag]
            if member is not None:
                answer[member[0]] = member[1](child)
        return answer

    return read
