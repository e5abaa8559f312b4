"""Simulated spot instances: moto's EC2 instances with a life of their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any

from moto.ec2.models.block_device import BlockDeviceType
from moto.ec2.models.elastic_block_store import VolumeAttachment

from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.spans import Span
from dcp_engine.simulation.timeline import Timeline


class MachineState(StrEnum):
    """EC2's instance states, as far as spot instances reach them."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


_STATE_CODES = {
    MachineState.PENDING: 0,
    MachineState.RUNNING: 16,
    MachineState.SHUTTING_DOWN: 32,
    MachineState.TERMINATED: 48,
}


class Cause(Enum):
    """Why a machine ended, or lost its task."""

    API_CALL = "a call to TerminateInstances"
    FLEET_CANCELLED = "its fleet was cancelled with its instances"
    FLEET_SHRUNK = "its fleet's target was lowered with termination"
    FLEET_EXPIRED = "its fleet expired"
    SERVICE_SCALED = "its ECS service was scaled down or deleted"
    IDLE_ALARM = "its idle alarm"
    CRASH = "it crashed or its capacity was taken back"


_USER = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
_SPOT = (
    "Server.SpotInstanceTermination",
    "Server.SpotInstanceTermination: Spot instance termination",
)
"""Code and message (EC2 API reference, StateReason). Fleets and alarms end instances by the API."""

_DEVICES: tuple[dict[str, Any], ...] = (
    {
        "DeviceName": "/dev/xvda",
        "Ebs": {"VolumeSize": 30, "VolumeType": "gp2", "DeleteOnTermination": True},
    },
    {
        "DeviceName": "/dev/xvdcz",
        "Ebs": {"VolumeSize": 200, "VolumeType": "gp2", "DeleteOnTermination": True},
    },
)
"""What DCP's example fleet files give each machine."""
_ZONES = 3
"""Over so many availability zones of a region a fleet's machines are spread."""


@dataclass
class Machine:
    """One instance of a fleet."""

    instance_id: str
    spot_request_id: str
    fleet_id: str
    region: str
    instance_type: str
    weight: float
    launched_at: datetime
    zone: str
    state: MachineState = MachineState.PENDING
    job: str | None = None
    """The id of the job it is really working on; None when idle, stalled or dead."""
    ended_by: Cause | None = None
    running_at: datetime | None = None
    ended_at: datetime | None = None
    """When it stopped counting."""
    worked: list[Span] = field(default_factory=list)
    """When it had a job."""

    @property
    def alive(self) -> bool:
        """Whether it counts for its fleet (and bills)."""
        return self.state in (MachineState.PENDING, MachineState.RUNNING)

    def begin_job(self, job: str, at: datetime) -> None:
        """From now on it works."""
        self.stop_job(at)
        self.job = job
        self.worked.append(Span(at))

    def stop_job(self, at: datetime) -> None:
        """From now on it does nothing; again is fine."""
        self.job = None
        if self.worked and self.worked[-1].end is None:
            self.worked[-1].end = at


@dataclass(frozen=True)
class Kill:
    """A machine lost its job by somebody's doing."""

    instance_id: str
    fleet_id: str
    job: str
    cause: Cause
    at: datetime


@dataclass
class Machines:
    """All machines of all fleets."""

    timeline: Timeline
    moto: Moto
    on_running: list[Callable[[Machine], None]] = field(default_factory=list)
    on_end: list[Callable[[Machine], None]] = field(default_factory=list)
    """Called when a machine stops counting, before it is gone; `job` still tells what it had."""
    on_gone: list[Callable[[Machine], None]] = field(default_factory=list)
    """Called when a machine is terminated for good."""
    kills: list[Kill] = field(default_factory=list)
    """Every machine that was ended, by an API call or fleet policy, while it worked."""
    _machines: dict[str, Machine] = field(default_factory=dict)
    _reservations: dict[str, Any] = field(default_factory=dict)
    """moto's reservation of each machine; there is one machine in each."""
    _zones: dict[str, list[str]] = field(default_factory=dict)

    def all(self) -> list[Machine]:
        """Every machine there ever was, oldest first."""
        return list(self._machines.values())

    def find(self, instance_id: str) -> Machine | None:
        """The machine, or None when it is none of a fleet's."""
        return self._machines.get(instance_id)

    def of_fleet(self, fleet_id: str) -> list[Machine]:
        """The machines that still count for a fleet, oldest first."""
        return [m for m in self._machines.values() if m.fleet_id == fleet_id and m.alive]

    def launch(self, fleet_id: str, region: str, spec: dict[str, Any]) -> Machine:
        """Start a machine from a launch specification as RequestSpotFleet takes it."""
        ec2 = self.moto.backend("ec2", region)
        tags = {
            tag["Key"]: tag["Value"]
            for each in spec.get("TagSpecifications", [])
            if each.get("ResourceType") == "instance"
            for tag in each.get("Tags", [])
        }
        reservation = ec2.run_instances(
            image_id=spec.get("ImageId", "ami-simulated"),
            count=1,
            user_data=spec.get("UserData"),
            security_group_names=[],
            instance_type=spec.get("InstanceType", "m5.xlarge"),
            # Otherwise moto goes through all the offerings of the region, and uses none of it.
            is_instance_type_default=True,
            region_name=region,
            key_name=spec.get("KeyName"),
            lifecycle="spot",
            block_device_mappings=(),
            tags={"instance": {**tags, "aws:ec2spot:fleet-request-id": fleet_id}},
        )
        instance = reservation.instances[0]
        instance.placement.zone = zone = self._zone(region)
        for device in spec.get("BlockDeviceMappings") or _DEVICES:
            self._attach(ec2, instance, device["DeviceName"], device.get("Ebs", {}))
        machine = Machine(
            instance_id=instance.id,
            spot_request_id=f"sir-{self.timeline.random.getrandbits(32):08x}",
            fleet_id=fleet_id,
            region=region,
            instance_type=instance.instance_type,
            weight=float(spec.get("WeightedCapacity", 1.0)),
            launched_at=self.timeline.now(),
            zone=zone,
        )
        instance.spot_instance_request_id = machine.spot_request_id
        self._machines[machine.instance_id] = machine
        self._reservations[machine.instance_id] = reservation
        self._show(machine, MachineState.PENDING)
        self.timeline.schedule(self.timeline.timings.start_delay, lambda: self._run(machine))
        return machine

    def end(self, machine: Machine, cause: Cause) -> None:
        """Shut a machine down; nothing happens when it already is."""
        if not machine.alive:
            return
        machine.ended_by, machine.ended_at = cause, self.timeline.now()
        self.note_kill(machine, cause)
        self._show(machine, MachineState.SHUTTING_DOWN)
        for observer in self.on_end:
            observer(machine)
        machine.stop_job(self.timeline.now())
        delay = 0.0 if cause is Cause.CRASH else self.timeline.timings.terminate_delay
        if delay > 0:
            self.timeline.schedule(delay, lambda: self._gone(machine))
        else:
            self._gone(machine)

    def note_kill(self, machine: Machine, cause: Cause) -> None:
        """Record that a machine's job was taken from it, unless nobody did that."""
        if machine.job is not None and cause is not Cause.CRASH:
            kill = Kill(
                machine.instance_id, machine.fleet_id, machine.job, cause, self.timeline.now()
            )
            self.kills.append(kill)

    def _run(self, machine: Machine) -> None:
        if machine.state is MachineState.PENDING:
            machine.running_at = self.timeline.now()
            self._show(machine, MachineState.RUNNING)
            for observer in self.on_running:
                observer(machine)

    def _gone(self, machine: Machine) -> None:
        self._reservations[machine.instance_id].instances[0].terminate()
        self._show(machine, MachineState.TERMINATED)
        for observer in self.on_gone:
            observer(machine)
        self.timeline.schedule(self.timeline.timings.instance_memory, lambda: self._forget(machine))

    def _show(self, machine: Machine, state: MachineState) -> None:
        machine.state = state
        instance = self._reservations[machine.instance_id].instances[0]
        instance._state.name = state.value
        instance._state.code = _STATE_CODES[state]
        if machine.ended_at is None:
            return
        taken_back = machine.ended_by is Cause.CRASH
        code, message = _SPOT if taken_back else _USER
        # Only for what a user has done does AWS name the moment.
        moment = f"{machine.ended_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} GMT"
        instance._reason = code if taken_back else f"User initiated ({moment})"
        instance.state_reason.code, instance.state_reason.message = code, message

    def _attach(self, ec2: Any, instance: Any, device: str, ebs: Mapping[str, Any]) -> None:
        """A volume as moto makes it, without its search among all instances for this one."""
        volume = ec2.create_volume(
            size=ebs.get("VolumeSize", 8),
            zone_name=instance.placement.zone,
            volume_type=ebs.get("VolumeType", "gp2"),
        )
        volume.attachment = VolumeAttachment(volume, instance, device, "attached")
        instance.block_device_mapping[device] = BlockDeviceType(
            volume_id=volume.id,
            status=volume.status,
            size=volume.size,
            attach_time=self.timeline.now(),
            delete_on_termination=ebs.get("DeleteOnTermination", True),
        )

    def _zone(self, region: str) -> str:
        if region not in self._zones:
            found = self.moto.backend("ec2", region).describe_availability_zones()
            self._zones[region] = sorted(zone.name for zone in found)[:_ZONES]
        zones = self._zones[region]
        return zones[len(self._machines) % len(zones)]

    def _forget(self, machine: Machine) -> None:
        """EC2 stops describing an instance about an hour after it was terminated."""
        reservation = self._reservations.pop(machine.instance_id)
        self.moto.backend("ec2", machine.region).reservations.pop(reservation.id, None)
