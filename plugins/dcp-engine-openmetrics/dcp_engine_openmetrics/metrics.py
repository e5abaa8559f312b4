"""What is shown of a run, each under its name.

Everything is a gauge. node_exporter reads the older Prometheus text format, in which an OpenMetrics
counter (`# TYPE x counter`, `x_total 1`) is of no type and has no help text; it then makes one up
with the file's name in it, and refuses to show a metric that has two different ones. A gauge is
the same in both formats, and PromQL's `increase` and `rate` work on the three that only grow.

A metric without a value is one that is not known now: nothing is ever shown as 0 in its place. The
help texts must stay as they are from one version to the next, since the files of both may be read
together.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Self

import msgspec
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from dcp_engine.hookspecs import Tick
from dcp_engine.model import Fleet, Run, State, Step
from dcp_engine_openmetrics.exposition import Samples

RUN_STATE = "dcp_engine_run_state"
STATE_SINCE = "dcp_engine_run_state_since_timestamp_seconds"
TICKS = "dcp_engine_ticks"
CALLS = "dcp_engine_aws_calls"
RETRIES = "dcp_engine_aws_retries"
COUNTED = "dcp_engine_queue_counted_timestamp_seconds"

COMMON_LABELS = ("run", "run_id", "account", "region")
"""Every metric has these, and then its own."""

# While one of these problems stands, AWS has not said what there is.
_BLIND = frozenset({"account-unknown", "credentials", "other-account", "unreachable"})
_QUEUE_BLIND = _BLIND | {"queue-unreadable", "queue-missing"}
_FLEET_BLIND = _BLIND | {"fleet-unreadable"}

Values = Iterable[tuple[tuple[str, ...], float]]
"""The values of a metric's own labels → what it is for these."""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What the file said that this look replaces: where the counts go on from."""

    ticks: float = 0
    calls: float = 0
    retries: float = 0
    counted: float | None = None

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """Out of the samples of a run's file, which may be none."""
        known = {name: value for (name, _), value in samples.items()}
        return cls(
            ticks=known.get(TICKS, 0),
            calls=known.get(CALLS, 0),
            retries=known.get(RETRIES, 0),
            counted=known.get(COUNTED),
        )


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A run as one tick left it; of a tick that this plugin was not called at nothing is known."""

    run: Run
    tick: Tick | None = None
    before: Before = Before()

    def blinded_by(self, problems: frozenset[str]) -> bool:
        """Whether one of these stands."""
        return any(problem.name in problems for problem in self.run.problems)


class Shown(msgspec.Struct, frozen=True):
    """A metric: its name, its help text, its own labels, and where its values come from."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: Callable[[Look], Values]


def families(look: Look) -> Iterator[Metric]:
    """Every metric that has a value."""
    run = look.run
    common = (run.names.app_name, run.id, run.account, run.region)
    for shown in METRICS:
        family = GaugeMetricFamily(shown.name, shown.help, labels=(*COMMON_LABELS, *shown.labels))
        for own, value in shown.values(look):
            family.add_metric((*common, *own), value)
        if family.samples:
            yield family


def _state(look: Look) -> Values:
    return [((state.value,), float(look.run.state is state)) for state in State]


def _outcome(look: Look) -> Values:
    outcome = look.run.outcome
    return [((outcome.value,), 1)] if outcome and not look.run.live else []


def _jobs(look: Look) -> Values:
    reading = look.run.reading
    if reading is None or not look.run.state.watches or look.blinded_by(_QUEUE_BLIND):
        return []
    if reading.at.timestamp() == look.before.counted:
        # It is the one of an earlier tick, so this one could not count.
        return []
    return [
        (("visible",), reading.visible),
        (("in_flight",), reading.in_flight),
        (("delayed",), reading.delayed),
    ]


def _counted(look: Look) -> Values:
    return _moment(look.run.reading.at if look.run.reading else None)


def _dead_letters(look: Look) -> Values:
    return _one(look.run.dead_letters)


def _fleets(value: Callable[[Fleet], float | None]) -> Callable[[Look], Values]:
    def values(look: Look) -> Values:
        run = look.run
        if run.machines_ended_at is not None:
            return [((fleet.id,), 0) for fleet in run.fleets]
        if not run.state.watches or look.blinded_by(_FLEET_BLIND):
            # Once they are told to stop, what is left of them is not counted fleet by fleet.
            return []
        return [
            ((fleet.id,), known)
            for fleet in run.fleets
            if fleet.observed_at is not None and (known := value(fleet)) is not None
        ]

    return values


def _observed(look: Look) -> Values:
    return [
        ((fleet.id,), fleet.observed_at.timestamp())
        for fleet in look.run.fleets
        if fleet.observed_at is not None
    ]


def _steps(value: Callable[[Step], float]) -> Callable[[Look], Values]:
    def values(look: Look) -> Values:
        return [((step.name,), value(step)) for step in look.run.steps]

    return values


def _problems(look: Look) -> Values:
    kinds = {"needs_person": 0, "may_pass": 0, "advice": 0}
    for problem in look.run.problems:
        kind = "advice" if problem.advice else "needs_person"
        kinds[kind if problem.advice or problem.needs_person else "may_pass"] += 1
    return [((kind,), count) for kind, count in kinds.items()]


def _problem_since(look: Look) -> Values:
    return [((problem.name,), problem.since.timestamp()) for problem in look.run.problems]


def _last_look(look: Look) -> Values:
    return _moment(look.tick.at if look.tick else look.run.last_tick_at)


def _one(value: float | None) -> Values:
    return [] if value is None else [((), value)]


def _moment(at: datetime | None) -> Values:
    return _one(at.timestamp() if at else None)


METRICS: tuple[Shown, ...] = (
    Shown(RUN_STATE, "1 for the state that the run is in, 0 for the others.", ("state",), _state),
    Shown(
        STATE_SINCE,
        "When the run came to its state, as Unix time.",
        (),
        lambda look: _moment(look.run.state_since),
    ),
    Shown(
        "dcp_engine_run_registered_timestamp_seconds",
        "When the run was registered, as Unix time.",
        (),
        lambda look: _moment(look.run.registered_at),
    ),
    Shown(
        "dcp_engine_run_outcome", "1 for how the run ended, once it has.", ("outcome",), _outcome
    ),
    Shown(
        "dcp_engine_last_tick_timestamp_seconds",
        "When the run was last looked at, as Unix time.",
        (),
        _last_look,
    ),
    Shown(
        "dcp_engine_last_tick_duration_seconds",
        "How long the last look at the run took.",
        (),
        lambda look: _one(look.tick.took.total_seconds() if look.tick else None),
    ),
    Shown(
        TICKS,
        "How often the run was looked at so far.",
        (),
        lambda look: _one(look.before.ticks + (1 if look.tick else 0)),
    ),
    Shown(
        CALLS,
        "Requests sent to AWS for the run so far, repeated ones included.",
        (),
        lambda look: _one(look.before.calls + (look.tick.calls if look.tick else 0)),
    ),
    Shown(
        RETRIES,
        "Requests to AWS for the run so far that were repeated ones.",
        (),
        lambda look: _one(look.before.retries + (look.tick.retries if look.tick else 0)),
    ),
    Shown(
        "dcp_engine_queue_jobs",
        "Jobs in the queue, as this look counted them: visible, in_flight or delayed.",
        ("jobs",),
        _jobs,
    ),
    Shown(
        COUNTED, "When the jobs were last counted, as Unix time by the clock of AWS.", (), _counted
    ),
    Shown(
        "dcp_engine_dead_letter_jobs",
        "Jobs in the dead-letter queue, as they were last counted.",
        (),
        _dead_letters,
    ),
    Shown(
        "dcp_engine_fleet_target_capacity",
        "Capacity that the fleet is to have, in weighted units.",
        ("fleet",),
        _fleets(lambda fleet: fleet.target),
    ),
    Shown(
        "dcp_engine_fleet_fulfilled_capacity",
        "Capacity that the fleet has, in weighted units.",
        ("fleet",),
        _fleets(lambda fleet: fleet.fulfilled),
    ),
    Shown(
        "dcp_engine_fleet_machines",
        "Machines of the fleet that are up.",
        ("fleet",),
        _fleets(lambda fleet: fleet.active),
    ),
    Shown(
        "dcp_engine_fleet_observed_timestamp_seconds",
        "When the fleet was last looked at, as Unix time.",
        ("fleet",),
        _observed,
    ),
    Shown(
        "dcp_engine_step_unfinished",
        "1 for a step of the teardown that has not ended, 0 for one that has.",
        ("step",),
        _steps(lambda step: float(step.ended is None)),
    ),
    Shown(
        "dcp_engine_step_attempts",
        "How often a step of the teardown was tried.",
        ("step",),
        _steps(lambda step: step.attempts),
    ),
    Shown(
        "dcp_engine_step_failures",
        "How often a step of the teardown has failed since it last succeeded.",
        ("step",),
        _steps(lambda step: step.failures),
    ),
    Shown(
        "dcp_engine_problems",
        "Problems that the run has now: needs_person, may_pass or advice.",
        ("kind",),
        _problems,
    ),
    Shown(
        "dcp_engine_problem_since_timestamp_seconds",
        "Since when the run has a problem, as Unix time.",
        ("problem",),
        _problem_since,
    ),
)
"""Every metric, in the order of the README."""
