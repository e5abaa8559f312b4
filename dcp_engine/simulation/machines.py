"""Simulated spot instances: moto's EC2 instances with a life of their own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from dcp_engine.simulation.moto_account import Moto
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
    state: MachineState = MachineState.PENDING
    job: str | None = None
    """The id of the job it is really working on; None when idle, stalled or dead."""
    ended_by: Cause | None = None

    @property
    def alive(self) -> bool:
        """Whether it counts for its fleet (and bills)."""
        return self.state in (MachineState.PENDING, MachineState.RUNNING)


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
            is_instance_type_default=False,
            region_name=region,
            key_name=spec.get("KeyName"),
            lifecycle="spot",
            tags={"instance": {**tags, "aws:ec2spot:fleet-request-id": fleet_id}},
        )
        instance = reservation.instances[0]
        machine = Machine(
            instance_id=instance.id,
            spot_request_id=f"sir-{self.timeline.random.getrandbits(32):08x}",
            fleet_id=fleet_id,
            region=region,
            instance_type=instance.instance_type,
            weight=float(spec.get("WeightedCapacity", 1.0)),
            launched_at=self.timeline.now(),
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
        machine.ended_by = cause
        self.note_kill(machine, cause)
        self._show(machine, MachineState.SHUTTING_DOWN)
        for observer in self.on_end:
            observer(machine)
        machine.job = None
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

    def _forget(self, machine: Machine) -> None:
        """EC2 stops describing an instance about an hour after it was terminated."""
        reservation = self._reservations.pop(machine.instance_id)
        self.moto.backend("ec2", machine.region).reservations.pop(reservation.id, None)
