"""EC2 instances."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.errors import Missing

# Amazon EC2 API Reference, DescribeInstances: up to 200 values in a filter, 1000 results a page.
_MOST_VALUES = 200
_PAGE = 1000
# Amazon EC2 API Reference, TerminateInstances: up to 1000 ids in one request.
_MOST_TERMINATED = 1000
# Amazon EC2 User Guide, "Tag a Spot Fleet": EC2 puts this tag on the machines that a fleet starts.
_FLEET_TAG = "aws:ec2spot:fleet-request-id"


class _State(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")


class _Tag(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    value: str = msgspec.field(name="Value", default="")


class _Instance(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="InstanceId")
    state: _State = msgspec.field(name="State")
    tags: tuple[_Tag, ...] = msgspec.field(name="Tags", default=())


class _Reservation(msgspec.Struct, frozen=True):
    instances: tuple[_Instance, ...] = msgspec.field(name="Instances")


class _Reservations(msgspec.Struct, frozen=True):
    reservations: tuple[_Reservation, ...] = msgspec.field(name="Reservations")


class Ec2Machines:
    """`Machines` by Amazon EC2.

    Instances are asked for by filter, never by InstanceIds: one id that EC2 has forgotten fails
    the whole of such a call (InvalidInstanceID.NotFound).
    """

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def of_fleets(self, fleet_ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Instance id → (fleet id, state), in every state that EC2 still shows."""
        wanted = frozenset(fleet_ids)
        found = {}
        for instance in self._instances(f"tag:{_FLEET_TAG}", wanted):
            fleet_id = next((tag.value for tag in instance.tags if tag.key == _FLEET_TAG), None)
            if fleet_id in wanted and fleet_id is not None:
                found[instance.id] = fleet_id, instance.state.name
        return found

    def names(self, fleet_id: str) -> frozenset[str]:
        """The `Name` tags of a fleet's machines, in every state that EC2 still shows."""
        return frozenset(
            tag.value
            for instance in self._instances(f"tag:{_FLEET_TAG}", frozenset({fleet_id}))
            for tag in instance.tags
            if tag.key == "Name"
        )

    def states(self, instance_ids: Iterable[str]) -> Mapping[str, str]:
        """Instance id → state; ids that EC2 no longer knows are left out."""
        wanted = frozenset(instance_ids)
        return {
            instance.id: instance.state.name
            for instance in self._instances("instance-id", wanted)
            if instance.id in wanted
        }

    def terminate(self, instance_ids: Sequence[str]) -> None:
        """Terminate exactly these; those that EC2 no longer knows are fine."""
        for batch in batches(list(dict.fromkeys(instance_ids)), _MOST_TERMINATED):
            self._terminate(batch)

    def _terminate(self, ids: list[str]) -> None:
        while ids:
            try:
                self._edge.call(op.TERMINATE_INSTANCES, InstanceIds=ids)
            except Missing:
                # One unknown id fails the call for all; those that EC2 still shows are left.
                known = self.states(ids)
                left = [instance_id for instance_id in ids if instance_id in known]
                if len(left) == len(ids):
                    raise
                ids = left
            else:
                return

    def _instances(self, name: str, values: Iterable[str]) -> Iterator[_Instance]:
        for batch in batches(sorted(values), _MOST_VALUES):
            filters: list[dict[str, Any]] = [{"Name": name, "Values": batch}]
            pages = self._edge.pages(
                op.DESCRIBE_INSTANCES,
                lambda answer: answer.take(_Reservations),
                Filters=filters,
                MaxResults=_PAGE,
            )
            for page in pages:
                for reservation in page.reservations:
                    yield from reservation.instances
