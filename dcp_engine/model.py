"""The values everything else speaks in: plain, typed, frozen; no I/O and no behaviour beyond names.

Moments are timezone-aware datetimes in UTC, spans are timedeltas. `None` for a count or a state
means "not known", never zero and never gone.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec


class State(StrEnum):
    """Where a run stands; see docs/runs.md for what each state does."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    TEARDOWN = "TEARDOWN"
    EXPORTED = "EXPORTED"

    @property
    def watches(self) -> bool:
        """Whether jobs are still counted in this state."""
        return self in {State.PENDING, State.RUNNING, State.DRAINING}


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    COMPLETED_WITH_DEAD_LETTERS = "completed with dead letters"
    JOBS_EXPIRED = "jobs expired"
    QUEUE_VANISHED = "queue vanished"
    ABORTED = "aborted"
    RELEASED = "released"


class Ended(StrEnum):
    """How a teardown step ended."""

    DONE = "done"
    KEPT = "kept"
    WAIVED = "waived"


class Cancelled(StrEnum):
    """What CancelSpotFleetRequests said of one fleet."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    NOT_CANCELLABLE = "not cancellable"
    FAILED = "failed"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's resources are called, as Distributed-CellProfiler's `run.py` names them."""

    app_name: str
    cluster: str
    queue: str
    bucket: str
    log_group: str
    clean_dashboard: bool = False

    @property
    def service(self) -> str:
        return f"{self.app_name}Service"

    @property
    def task_family(self) -> str:
        return f"{self.app_name}Task"

    @property
    def worker(self) -> str:
        """The `Name` tag that the worker gives its machine."""
        return f"{self.app_name}Worker"

    @property
    def dashboard(self) -> str:
        return self.app_name

    @property
    def log_groups(self) -> tuple[str, str]:
        """The job logs and the machines' own logs."""
        return self.log_group, f"{self.log_group}_perInstance"

    @property
    def queue_alarms(self) -> tuple[str, str]:
        """The two alarms that `startCluster` makes when Auto-Monitor is on."""
        return (
            f"ApproximateNumberOfMessagesVisibleisZero_{self.app_name}",
            f"ApproximateNumberOfMessagesNotVisibleisZero_{self.app_name}",
        )

    @property
    def monitor_key(self) -> str:
        """Where `startCluster` puts the monitor file in the bucket when Auto-Monitor is on."""
        return f"monitors/{self.app_name}SpotFleetRequestId.json"

    def alarm(self, instance_id: str) -> str:
        """The idle alarm that the worker places for its machine."""
        return f"{self.app_name}_{instance_id}"


class MonitorFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `startCluster` wrote, checked."""

    names: Names
    fleet_id: str
    start_time: datetime
    extra: dict[str, Any] = {}


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The queue's counts at one moment, by the Date header of AWS's answer.

    SQS counts are approximate (Amazon SQS Developer Guide, "Confirming that a queue is empty").
    """

    visible: int
    in_flight: int
    delayed: int
    at: datetime

    @property
    def total(self) -> int:
        return self.visible + self.in_flight + self.delayed

    @property
    def empty(self) -> bool:
        return self.total == 0


UNKNOWN: Final = "unknown"


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """One spot fleet request of the run. Capacities are in weighted units, `active` in machines.

    `state` is AWS's word, "gone" where AWS has forgotten it, and UNKNOWN where AWS never knew it.

    `bid` is the most that the fleet pays for a machine and hour, in dollars; None where it names
    none, which means the price on demand.

    `driver` is the identity of the store whose mark it carried when last seen, and `driven_until`
    how long that holds; None where no mark was in force.
    """

    id: str
    added_at: datetime
    start_time: datetime
    state: str | None = None
    type: str | None = None
    target: int | None = None
    fulfilled: float | None = None
    active: int | None = None
    largest_weight: float = 1.0
    bid: float | None = None
    valid_until: datetime | None = None
    driver: str | None = None
    driven_until: datetime | None = None
    observed_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether it can still bring machines, as far as was last seen."""
        return self.state in {"submitted", "active", "modifying"}


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """An EC2 instance that was seen in one of the run's fleets.

    `name` is its tag of that name as it was last seen, empty where it had none; `reason` is why it
    ended, in AWS's words; `type` and `zone` tell its price. None is not known.
    """

    instance_id: str
    fleet_id: str
    first_seen: datetime
    ended_at: datetime | None = None
    type: str | None = None
    zone: str | None = None
    launched_at: datetime | None = None
    name: str | None = None
    reason: str | None = None

    @property
    def began(self) -> datetime:
        """Since when it has been there, as far as is known."""
        return self.launched_at or self.first_seen


class Identities(msgspec.Struct, frozen=True, kw_only=True):
    """What told the run's resources from later ones of the same name, recorded while it lived."""

    queue_url: str | None = None
    queue_created_at: datetime | None = None
    queue_retention: timedelta | None = None
    queue_visibility: timedelta | None = None
    dead_letter_queue_arn: str | None = None
    service_created_at: datetime | None = None
    task_definitions: tuple[str, ...] = ()
    seen_at: datetime | None = None


class Cheapest(msgspec.Struct, frozen=True, kw_only=True):
    """Cheapest mode: when it was engaged, and when the requested capacity became one."""

    engaged_at: datetime
    acted_at: datetime | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One item of teardown; `ended` is None while there is still something to do."""

    name: str
    ended: Ended | None = None
    reason: str | None = None
    attempts: int = 0
    first_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None
    next_at: datetime | None = None
    ended_at: datetime | None = None
    progress: dict[str, Any] = {}
    announced: tuple[str, ...] = ()


class DutyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A duty's schedule and memory, which outlive the process."""

    name: str
    next_at: datetime | None = None
    last_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None
    memory: dict[str, Any] = {}


class PluginRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A hook of a plugin that failed, and is not called before `next_at`.

    `failures` is how often on end. `mark` tells what was tried, so that another version is tried at
    once; None where that does not matter.
    """

    plugin: str
    hook: str
    next_at: datetime
    failures: int = 0
    error: str = ""
    mark: str | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a duty saw beside the counts: a number, its unit, and when (by default: now)."""

    name: str
    value: float
    unit: str = ""
    at: datetime | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong now, in words. `needs_person` when time alone will not mend it.

    `advice` is something to know and to decide on: it is shown, and the run is fine all the same.
    """

    name: str
    since: datetime
    text: str
    needs_person: bool = False
    advice: bool = False
    told_at: datetime | None = None


def for_a_person(name: str, text: str | None, since: datetime) -> Problem | None:
    """A problem that time alone does not mend, if there are words for one."""
    return Problem(name=name, since=since, text=text, needs_person=True) if text else None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An append-only fact about a run. `id` marks a repeated telling of it."""

    id: str
    run_id: str
    at: datetime
    kind: str
    text: str
    data: dict[str, Any] = {}


class RequestKind(StrEnum):
    """What a person asked of a run; the driver obeys between calls."""

    ABORT = "abort"
    CHEAPEST_ON = "cheapest-on"
    CHEAPEST_OFF = "cheapest-off"
    ADD_FLEET = "add-fleet"
    WAIVE = "waive"
    RELEASE = "release"
    TAKE_OVER = "take-over"
    TRY_AGAIN = "try-again"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A person's wish, committed without the lease and consumed by whoever drives."""

    id: str
    run_id: str
    kind: RequestKind
    at: datetime
    data: dict[str, Any] = {}


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that drives a run. `host` tells process-id namespaces apart as well."""

    host: str
    pid: int
    started: float
    label: str

    def __str__(self) -> str:
        return f"{self.label} (process {self.pid} on {self.host.partition('/')[0]})"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to drive one run until `until`; `token` grows with every new holder."""

    run_id: str
    token: int
    holder: Holder
    until: datetime

    def lasts(self, now: datetime, enough: timedelta, *, most: timedelta) -> bool:
        """Whether `enough` is left of it; more than `most` means that the clock was set back."""
        return enough <= self.until - now <= most


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One analysis, with everything the engine remembers of it but machines and events.

    `no_machine_since` is when a look first showed that no machine is up, None while any is.
    `taking_over` is since when a person wants it driven from here, whoever else does, until its
    fleets carry our mark; `disarming` holds until Auto-Monitor's alarms do nothing any more.
    """

    id: str
    names: Names
    account: str
    region: str
    registered_at: datetime
    earliest_start: datetime
    state: State
    state_since: datetime
    monitor_path: str | None = None
    monitor_digest: str | None = None
    extra: dict[str, Any] = {}
    identities: Identities = Identities()
    fleets: tuple[Fleet, ...] = ()
    readings: tuple[Reading, ...] = ()
    reading: Reading | None = None
    queue_missing: tuple[datetime, ...] = ()
    jobs_seen: bool = False
    machines_seen: bool = False
    no_machine_since: datetime | None = None
    unworked_fall: int = 0
    idle_jobs: int | None = None
    dead_letters: int | None = None
    dead_letters_before: int | None = None
    dead_letters_draining: int | None = None
    orphans_until: datetime | None = None
    cheapest: Cheapest | None = None
    abort_requested_at: datetime | None = None
    keep_queue: bool = False
    taking_over: datetime | None = None
    disarming: bool = False
    first_cancel_at: datetime | None = None
    machines_ended_at: datetime | None = None
    outcome: Outcome | None = None
    duties: tuple[DutyRecord, ...] = ()
    plugins: tuple[PluginRecord, ...] = ()
    observations: tuple[Observation, ...] = ()
    summary: dict[str, str] = {}
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    next_tick_at: datetime | None = None
    last_tick_at: datetime | None = None
    key_checked: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What makes a monitor file belong to this run."""
        names = self.names
        return self.account, self.region, names.app_name, names.queue, names.cluster

    @property
    def live(self) -> bool:
        return self.state is not State.EXPORTED

    @property
    def fleet_ids(self) -> tuple[str, ...]:
        return tuple(fleet.id for fleet in self.fleets)

    @property
    def active_machines(self) -> int | None:
        """Machines up in all fleets, None when any of them is not known."""
        counts = [fleet.active for fleet in self.fleets]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def machines_known(self) -> bool:
        """Whether any look has ever told how many machines are in its fleets, none among that."""
        looked = any(fleet.active is not None for fleet in self.fleets)
        return looked or self.machines_seen or self.machines_ended_at is not None

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    def ended(self, name: str) -> bool:
        """Whether the teardown step of this name has ended."""
        step = self.step(name)
        return step is not None and step.ended is not None

    def duty(self, name: str) -> DutyRecord | None:
        return next((duty for duty in self.duties if duty.name == name), None)

    def problem(self, name: str) -> Problem | None:
        return next((problem for problem in self.problems if problem.name == name), None)


_Named = TypeVar("_Named", Step, DutyRecord)


def with_step(run: Run, step: Step) -> Run:
    """The run with this step in place of the one of the same name, or added at the end."""
    return msgspec.structs.replace(run, steps=_put(run.steps, step))


def with_duty(run: Run, duty: DutyRecord) -> Run:
    """The run with this duty's record in place of the one of the same name, or added."""
    return msgspec.structs.replace(run, duties=_put(run.duties, duty))


def with_fleet(run: Run, fleet: Fleet) -> Run:
    """The run with this fleet in place of the one with the same id, or added."""
    known = any(old.id == fleet.id for old in run.fleets)
    fleets = (
        tuple(fleet if old.id == fleet.id else old for old in run.fleets)
        if known
        else (*run.fleets, fleet)
    )
    return msgspec.structs.replace(run, fleets=fleets)


def _put(items: Iterable[_Named], item: _Named) -> tuple[_Named, ...]:
    by_name = {old.name: old for old in items}
    by_name[item.name] = item
    return tuple(by_name.values())
