"""EC2's long answers put together of pieces that were encoded once.

Ten thousand fleets with their machines differ in their ids only. To encode each of them anew would
take a third of a processor, which is then missing to what is measured.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dcp_engine.simulation.in_process import Reply
from dcp_engine.simulation.wire import AwsRequest, Wire

# Operation → the list in its answer, by botocore's name and by that on the wire.
LISTS: Final = {
    "ec2:DescribeInstances": ("Reservations", "reservationSet"),
    "ec2:DescribeSpotFleetRequests": ("SpotFleetRequestConfigs", "spotFleetRequestConfigSet"),
}
# No id has these.
_MARKS: Final = ("\ue000", "\ue001", "\ue002")


class Pieces:
    """Encodes answers; those of the operations in `LISTS` out of pieces."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._known: dict[tuple[str, str], str] = {}
        self._around: dict[tuple[str, str], tuple[Reply, str, str]] = {}

    def encode(self, request: AwsRequest, answer: Mapping[str, Any]) -> Reply:
        """What `Wire.encode` makes of it."""
        key, _ = LISTS.get(request.name, ("", ""))
        if not answer.get(key):
            return self._wire.encode(request, answer)
        rest = request.name, repr({name: value for name, value in answer.items() if name != key})
        if rest not in self._around:
            whole = self._wire.encode(request, {**answer, key: answer[key][:1]})
            before, _, after = _cut(request.name, whole)
            self._around[rest] = whole, before, after
        reply, before, after = self._around[rest]
        pieces = "".join(self._piece(request, key, one) for one in answer[key])
        return Reply(reply.status, reply.headers, f"{before}{pieces}{after}".encode())

    def _piece(self, request: AwsRequest, key: str, one: Mapping[str, Any]) -> str:
        swaps = dict(zip(dict.fromkeys(_ids(one)), _MARKS, strict=False))
        what = repr(one)
        for own, mark in swaps.items():
            what = what.replace(own, mark)
        piece = self._known.get((request.name, what))
        if piece is None:
            _, piece, _ = _cut(request.name, self._wire.encode(request, {key: [one]}))
            for own, mark in swaps.items():
                piece = piece.replace(own, mark)
            self._known[request.name, what] = piece
        for own, mark in swaps.items():
            piece = piece.replace(mark, own)
        return piece


def _ids(one: Mapping[str, Any]) -> Iterator[str]:
    """What this one has for itself: a fleet's id, or those of a machine, its fleet and its run."""
    if "SpotFleetRequestId" in one:
        yield one["SpotFleetRequestId"]
        return
    (instance,) = one["Instances"]
    # The first digit is the same for all, and others stand in its place in the ids of its volumes.
    yield instance["InstanceId"].removeprefix("i-")[1:]
    yield from (tag["Value"] for tag in instance["Tags"])


def _cut(operation: str, reply: Reply) -> tuple[str, str, str]:
    """What comes before the list's elements, they themselves, and what follows."""
    name = LISTS[operation][1]
    before, begin, rest = reply.body.decode().partition(f"<{name}>")
    inner, end, after = rest.rpartition(f"</{name}>")
    assert begin, f"an answer to {operation} without a {name}"
    assert end, f"an answer to {operation} with a {name} that does not end"
    return before + begin, inner, end + after
