"""Spot fleet requests: what they want, what they have, and how they get there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dcp_engine.simulation.machines import Cause, Machine, Machines, MachineState
from dcp_engine.simulation.timeline import Timeline

_ERROR_SUBTYPES = frozenset(
    {
        "iamFleetRoleInvalid",
        "allLaunchSpecsTemporarilyBlacklisted",
        "spotInstanceCountLimitExceeded",
        "spotFleetRequestConfigurationInvalid",
    }
)
"""EC2 API reference, EventInformation: the sub-types of `error`; others here are `information`."""


@dataclass(frozen=True)
class FleetEvent:
    """One record of a fleet's history."""

    at: datetime
    event_type: str
    sub_type: str
    description: str | None = None
    instance_id: str | None = None


@dataclass
class Fleet:
    """One spot fleet request."""

    fleet_id: str
    region: str
    config: dict[str, Any]
    created: datetime
    specs: list[dict[str, Any]]
    target: int
    tags: list[dict[str, str]]
    state: str = "submitted"
    excess_policy: str = "default"
    coming: float = 0.0
    """Capacity units asked for and not yet there."""
    retrying: bool = False
    history: list[FleetEvent] = field(default_factory=list)
    capacity_limit: int | None = None
    """A knob: no more than this many machines can be had at a time. None: as many as wanted."""
    launch_error: tuple[str, str] | None = None
    """A knob: sub-type and description of the event that each attempt to launch ends in."""

    @property
    def maintains(self) -> bool:
        """Whether lost machines are replaced."""
        return bool(self.config.get("Type", "maintain") == "maintain")

    @property
    def live(self) -> bool:
        """Whether it may still launch machines."""
        return self.state in ("active", "modifying")


@dataclass
class Fleets:
    """All spot fleet requests of the account."""

    timeline: Timeline
    machines: Machines
    _fleets: dict[str, Fleet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines.on_end.append(self._machine_ended)
        self.machines.on_gone.append(self._machine_gone)

    def all(self) -> list[Fleet]:
        """Every fleet request that AWS still remembers, oldest first."""
        return list(self._fleets.values())

    def find(self, fleet_id: str) -> Fleet | None:
        """The fleet request, or None."""
        return self._fleets.get(fleet_id)

    def __getitem__(self, fleet_id: str) -> Fleet:
        return self._fleets[fleet_id]

    def fulfilled(self, fleet: Fleet) -> float:
        """Capacity units it has now."""
        return sum(machine.weight for machine in self.machines.of_fleet(fleet.fleet_id))

    def request(
        self,
        region: str,
        config: Mapping[str, Any],
        specs: list[dict[str, Any]],
        tags: list[dict[str, str]],
    ) -> Fleet:
        """Submit a new request."""
        fleet = Fleet(
            fleet_id=f"sfr-{UUID(int=self.timeline.random.getrandbits(128), version=4)}",
            region=region,
            config=dict(config),
            created=self.timeline.now(),
            specs=specs,
            target=int(config["TargetCapacity"]),
            tags=tags,
            excess_policy=config.get("ExcessCapacityTerminationPolicy", "default"),
        )
        self._fleets[fleet.fleet_id] = fleet
        self._changed(fleet, "submitted")
        self.timeline.schedule(
            self.timeline.timings.activation_delay, lambda: self._activate(fleet)
        )
        if "ValidUntil" in config:
            self.timeline.schedule_at(config["ValidUntil"], lambda: self._expire(fleet))
        return fleet

    def modify(self, fleet: Fleet, target: int, excess_policy: str) -> None:
        """Change the target; the fleet must be `active`."""
        self._changed(fleet, "modifying", event="modify_in_progress")
        fleet.target = target
        fleet.excess_policy = excess_policy
        self.timeline.schedule(self.timeline.timings.modify_delay, lambda: self._modified(fleet))

    def cancel(self, fleet: Fleet, *, terminate: bool, cause: Cause) -> None:
        """Stop launching, and with `terminate` end its machines."""
        self._changed(fleet, "cancelled_terminating" if terminate else "cancelled_running")
        if terminate:
            self.timeline.schedule(
                self.timeline.timings.cancel_delay, lambda: self._end_all(fleet, cause)
            )
        self._settle(fleet)

    def note(self, fleet: Fleet, event: FleetEvent) -> None:
        """Add to its history."""
        fleet.history.append(event)

    def _changed(self, fleet: Fleet, state: str, *, event: str | None = None) -> None:
        fleet.state = state
        self.note(fleet, FleetEvent(self.timeline.now(), "fleetRequestChange", event or state))

    def _activate(self, fleet: Fleet) -> None:
        if fleet.state == "submitted":
            self._changed(fleet, "active")
            self._evaluate(fleet)

    def _modified(self, fleet: Fleet) -> None:
        if fleet.state != "modifying":
            return
        self._changed(fleet, "active", event="modify_succeeded")
        if fleet.excess_policy == "default":
            excess = self.fulfilled(fleet) - fleet.target
            for machine in self.machines.of_fleet(fleet.fleet_id):
                if machine.weight <= excess:
                    excess -= machine.weight
                    self.machines.end(machine, Cause.FLEET_SHRUNK)
        self._evaluate(fleet)

    def _expire(self, fleet: Fleet) -> None:
        if not fleet.live:
            return
        self.note(fleet, FleetEvent(self.timeline.now(), "fleetRequestChange", "expired"))
        terminate = bool(fleet.config.get("TerminateInstancesWithExpiration", False))
        self.cancel(fleet, terminate=terminate, cause=Cause.FLEET_EXPIRED)

    def _end_all(self, fleet: Fleet, cause: Cause) -> None:
        for machine in self.machines.of_fleet(fleet.fleet_id):
            self.machines.end(machine, cause)

    def _evaluate(self, fleet: Fleet) -> None:
        """Ask for what is missing."""
        if not fleet.live:
            return
        missing = fleet.target - self.fulfilled(fleet) - fleet.coming
        if missing > 0 and fleet.launch_error is not None:
            sub_type, description = fleet.launch_error
            kind = "error" if sub_type in _ERROR_SUBTYPES else "information"
            self.note(fleet, FleetEvent(self.timeline.now(), kind, sub_type, description))
            self._try_later(fleet)
            return
        while missing > 0:
            spec = self.timeline.random.choice(fleet.specs)
            weight = float(spec.get("WeightedCapacity", 1.0))
            fleet.coming += weight
            missing -= weight
            self._ask_for(fleet, spec, weight)

    def _ask_for(self, fleet: Fleet, spec: dict[str, Any], weight: float) -> None:
        delay = self.timeline.draw(self.timeline.timings.capacity_delay)
        self.timeline.schedule(delay, lambda: self._arrive(fleet, spec, weight))

    def _arrive(self, fleet: Fleet, spec: dict[str, Any], weight: float) -> None:
        fleet.coming -= weight
        if not fleet.live or self.fulfilled(fleet) >= fleet.target:
            return
        have = len(self.machines.of_fleet(fleet.fleet_id))
        if fleet.capacity_limit is not None and have >= fleet.capacity_limit:
            self._try_later(fleet)
            return
        machine = self.machines.launch(fleet.fleet_id, fleet.region, spec)
        self._instance_changed(fleet, "launched", machine)

    def _try_later(self, fleet: Fleet) -> None:
        if fleet.retrying:
            return
        fleet.retrying = True

        def retry() -> None:
            fleet.retrying = False
            self._evaluate(fleet)

        self.timeline.schedule(self.timeline.timings.capacity_retry, retry)

    def _machine_ended(self, machine: Machine) -> None:
        fleet = self._fleets.get(machine.fleet_id)
        if fleet is None:
            return
        self._instance_changed(fleet, "terminated", machine)
        if fleet.live and fleet.maintains:
            self.timeline.schedule(
                self.timeline.timings.replace_delay, lambda: self._evaluate(fleet)
            )

    def _machine_gone(self, machine: Machine) -> None:
        fleet = self._fleets.get(machine.fleet_id)
        if fleet is not None:
            self._settle(fleet)

    def _instance_changed(self, fleet: Fleet, sub_type: str, machine: Machine) -> None:
        self.note(
            fleet,
            FleetEvent(
                self.timeline.now(), "instanceChange", sub_type, instance_id=machine.instance_id
            ),
        )

    def _settle(self, fleet: Fleet) -> None:
        """A cancelled fleet is `cancelled` once its last machine is gone, and later forgotten."""
        if fleet.state not in ("cancelled_running", "cancelled_terminating"):
            return
        if any(
            machine.fleet_id == fleet.fleet_id and machine.state is not MachineState.TERMINATED
            for machine in self.machines.all()
        ):
            return
        self._changed(fleet, "cancelled")
        self.timeline.schedule(
            self.timeline.timings.fleet_memory,
            lambda: self._forget(fleet),
        )

    def _forget(self, fleet: Fleet) -> None:
        self._fleets.pop(fleet.fleet_id, None)
