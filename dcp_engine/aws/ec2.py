"""EC2 instances."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import utc
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.operations import Operation
from dcp_engine.errors import Missing
from dcp_engine.model import Run
from dcp_engine.ports import ENDED_STATES, MachineFacts, VolumeFacts

# Amazon EC2 API Reference, DescribeInstances: up to 200 values in a filter, 1000 results a page.
_MOST_VALUES = 200
_PAGE = 1000
# Amazon EC2 API Reference, TerminateInstances: up to 1000 ids in one request.
_MOST_TERMINATED = 1000
# Amazon EC2 User Guide, "Tag a Spot Fleet": EC2 puts this tag on the machines that a fleet starts.
_FLEET_TAG = "aws:ec2spot:fleet-request-id"
# Amazon EC2 API Reference: CreateTags takes up to 1000 resources, DescribeVolumes shows 500 a page.
_MOST_TAGGED = 1000
_VOLUMES_PAGE = 500
_MOMENT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)", re.ASCII)


class _State(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")


class _Tag(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    value: str = msgspec.field(name="Value", default="")


class _Ebs(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="VolumeId", default="")


class _Device(msgspec.Struct, frozen=True):
    ebs: _Ebs = msgspec.field(name="Ebs", default=_Ebs())


class _Placement(msgspec.Struct, frozen=True):
    zone: str = msgspec.field(name="AvailabilityZone", default="")


class _Reason(msgspec.Struct, frozen=True):
    text: str = msgspec.field(name="Message", default="")


class _Instance(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="InstanceId")
    state: _State = msgspec.field(name="State")
    tags: tuple[_Tag, ...] = msgspec.field(name="Tags", default=())
    type: str = msgspec.field(name="InstanceType", default="")
    launched_at: datetime | None = msgspec.field(name="LaunchTime", default=None)
    placement: _Placement = msgspec.field(name="Placement", default=_Placement())
    devices: tuple[_Device, ...] = msgspec.field(name="BlockDeviceMappings", default=())
    reason: _Reason = msgspec.field(name="StateReason", default=_Reason())
    transition: str = msgspec.field(name="StateTransitionReason", default="")

    def tag(self, key: str) -> str | None:
        return next((tag.value for tag in self.tags if tag.key == key), None)

    @property
    def ended_at(self) -> datetime | None:
        """The moment in a text like `User initiated (2014-08-29 09:42:38 GMT)`, if there is one."""
        found = _MOMENT.search(self.transition)
        if found is None or self.state.name not in ENDED_STATES:
            return None
        try:
            return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            return None


class _Reservation(msgspec.Struct, frozen=True):
    instances: tuple[_Instance, ...] = msgspec.field(name="Instances")


class _Attachment(msgspec.Struct, frozen=True):
    instance_id: str = msgspec.field(name="InstanceId", default="")


class _Volume(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="VolumeId")
    attachments: tuple[_Attachment, ...] = msgspec.field(name="Attachments", default=())
    tags: tuple[_Tag, ...] = msgspec.field(name="Tags", default=())

    def of(self, instance_ids: frozenset[str]) -> bool:
        """Whether it is theirs alone; some are shared (Amazon EBS User Guide, "Multi-Attach")."""
        return bool(self.attachments) and all(
            a.instance_id in instance_ids for a in self.attachments
        )

    def facts(self) -> VolumeFacts:
        name = next((tag.value for tag in self.tags if tag.key == "Name"), "")
        return VolumeFacts(id=self.id, instance_id=self.attachments[0].instance_id, name=name)


class _Volumes(msgspec.Struct, frozen=True):
    volumes: tuple[_Volume, ...] = msgspec.field(name="Volumes")


class _Reservations(msgspec.Struct, frozen=True):
    reservations: tuple[_Reservation, ...] = msgspec.field(name="Reservations")


class Ec2Machines:
    """`Machines` by Amazon EC2.

    Instances are asked for by filter, never by InstanceIds: one id that EC2 has forgotten fails
    the whole of such a call (InvalidInstanceID.NotFound).
    """

    def __init__(
        self,
        edge: Edge,
        run: Callable[[], Run],
        joined: Callable[[Sequence[str]], frozenset[str]],
    ) -> None:
        """`joined` tells which of some machines ECS knows."""
        self._edge = edge
        self._run = run
        self._joined = joined

    def of_fleets(self, fleet_ids: Sequence[str]) -> Mapping[str, tuple[str, str]]:
        """Instance id → (fleet id, state), in every state that EC2 still shows."""
        wanted = frozenset(fleet_ids)
        return {
            instance.id: (fleet_id, instance.state.name)
            for fleet_id, instance in self._of_fleets(wanted)
        }

    def facts(self, fleet_ids: Sequence[str]) -> tuple[MachineFacts, ...]:
        """Everything of interest of the fleets' machines, in every state that EC2 still shows."""
        return tuple(
            MachineFacts(
                id=one.id,
                fleet_id=fleet_id,
                state=one.state.name,
                type=one.type,
                zone=one.placement.zone,
                launched_at=utc(one.launched_at) if one.launched_at else None,
                name=one.tag("Name") or "",
                reason=(one.reason.text or one.transition or None)
                if one.state.name in ENDED_STATES
                else None,
                ended_at=one.ended_at,
                volumes=tuple(device.ebs.id for device in one.devices if device.ebs.id),
            )
            for fleet_id, one in self._of_fleets(frozenset(fleet_ids))
        )

    def volumes(self, instance_ids: Sequence[str]) -> tuple[VolumeFacts, ...]:
        """The volumes that are attached to these machines and to no other."""
        wanted = frozenset(instance_ids)
        found: list[VolumeFacts] = []
        for batch in batches(sorted(wanted), _MOST_VALUES):
            pages = self._edge.pages(
                op.DESCRIBE_VOLUMES,
                lambda answer: answer.take(_Volumes),
                Filters=[{"Name": "attachment.instance-id", "Values": batch}],
                MaxResults=_VOLUMES_PAGE,
            )
            for page in pages:
                found += [volume.facts() for volume in page.volumes if volume.of(wanted)]
        return tuple(found)

    def label(self, instance_ids: Sequence[str], volumes: Sequence[VolumeFacts]) -> None:
        """Give these the tag `Name` with the worker's name. Raises Missing when one is gone."""
        about = {volume.id: volume.instance_id for volume in volumes}
        tags = [{"Key": "Name", "Value": self._run().names.worker}]
        for batch in batches(list(dict.fromkeys([*instance_ids, *about])), _MOST_TAGGED):
            self._edge.call(op.LABEL_MACHINES, about=about, Resources=batch, Tags=tags)

    def end_unjoined(self, instance_ids: Sequence[str]) -> tuple[str, ...]:
        """Terminate those of the machines that ECS does not know; returns which."""
        joined = self._joined(instance_ids)
        left = [i for i in dict.fromkeys(instance_ids) if i not in joined]
        for batch in batches(left, _MOST_TERMINATED):
            self._terminate(batch, op.END_UNJOINED)
        return tuple(left)

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

    def _of_fleets(self, wanted: frozenset[str]) -> Iterator[tuple[str, _Instance]]:
        for instance in self._instances(f"tag:{_FLEET_TAG}", wanted):
            fleet_id = instance.tag(_FLEET_TAG)
            if fleet_id in wanted and fleet_id is not None:
                yield fleet_id, instance

    def _terminate(self, ids: list[str], operation: Operation = op.TERMINATE_INSTANCES) -> None:
        while ids:
            try:
                self._edge.call(operation, InstanceIds=ids)
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
