"""The same for programs: `summary.json`, whose fields docs/report.md explains one by one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from dcp_engine import __version__
from dcp_engine.model import Ended, Fleet, Machine, Names, Outcome, Run, State
from dcp_engine.picture import Picture
from dcp_engine.progress import dead_letters
from dcp_engine.report.costs import Kind, kinds_of
from dcp_engine.report.lives import Life, lives_of
from dcp_engine.report.spans import ProblemSpan, StateSpan, problems_of, states_of
from dcp_engine.status import fleet_status

SCHEMA: Final = 1
"""It grows when a field goes or means something else, and not when one is added."""

ON_REQUEST: Final = "on request"
AT_THE_END: Final = "at the end of the teardown"
"""When a summary was written: the teardown does it when all is done but the last look."""

# The latest of each; a run that flaps for months is still read within a second.
_MOST: Final = 500


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """How far the work came."""

    done: int | None
    left: int | None
    done_by_counts: bool
    dead_letters: int | None
    per_hour: float | None
    seconds_each: float | None
    ends_between: tuple[datetime, datetime] | None


class Machines(msgspec.Struct, frozen=True, kw_only=True):
    """The run's machines."""

    seen: int | None
    up: int | None
    most_at_once: int | None
    hours: float | None
    kinds: tuple[Kind, ...]


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars, and hours of machines."""

    cost_dollars: float | None
    bound_dollars: float | None
    idle_hours: float | None
    idle_dollars: float | None
    saved_dollars: float | None


class FleetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One spot fleet request, as it was last seen."""

    id: str
    started_at: datetime
    state: str | None
    target: int | None
    bid_dollars: float | None


class StepSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the teardown."""

    name: str
    ended: Ended | None
    reason: str | None
    attempts: int
    began_at: datetime | None
    ended_at: datetime | None
    last_error: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in short. Moments are UTC; None, null in JSON, is not known."""

    schema: int
    made_by: str
    made_at: datetime
    written: str
    so_far: bool
    run_id: str
    app_name: str
    account: str
    region: str
    names: Names
    state: State
    state_since: datetime
    outcome: Outcome | None
    started_at: datetime
    registered_at: datetime
    ended_at: datetime | None
    jobs: Jobs
    machines: Machines
    costs: Costs
    fleets: tuple[FleetSummary, ...]
    states: tuple[StateSpan, ...]
    problems: tuple[ProblemSpan, ...]
    steps: tuple[StepSummary, ...]
    events: Mapping[str, int]
    remarks: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, moments as ISO 8601."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def summary_of(picture: Picture, *, at_the_end: bool = False) -> Summary:
    """What there is to say of a run in short; with `at_the_end` in its teardown's own words."""
    run, money, progress = picture.run, picture.money, picture.progress
    lives = lives_of(run, picture.machines, picture.numbers, picture.until)
    looked = bool(lives) or run.machines_known
    return Summary(
        schema=SCHEMA,
        made_by=f"dcp-engine {__version__}",
        made_at=picture.at,
        written=AT_THE_END if at_the_end else ON_REQUEST,
        so_far=run.live,
        run_id=run.id,
        app_name=run.names.app_name,
        account=run.account,
        region=run.region,
        names=run.names,
        state=run.state,
        state_since=run.state_since,
        outcome=run.outcome,
        started_at=run.earliest_start,
        registered_at=run.registered_at,
        ended_at=None if run.live else run.state_since,
        jobs=Jobs(
            done=progress.done,
            left=progress.left,
            done_by_counts=progress.by_counts,
            dead_letters=dead_letters(run),
            per_hour=progress.rate,
            seconds_each=progress.job_time.total_seconds() if progress.job_time else None,
            ends_between=progress.ends,
        ),
        machines=Machines(
            seen=len(lives) if looked else None,
            up=sum(life.machine.ended_at is None for life in lives) if looked else None,
            most_at_once=most_at_once(lives) if looked else None,
            hours=money.machine_hours,
            kinds=kinds_of(picture, lives),
        ),
        costs=Costs(
            cost_dollars=money.cost,
            bound_dollars=money.bound,
            idle_hours=money.idle_hours,
            idle_dollars=money.idle,
            saved_dollars=money.saved,
        ),
        fleets=tuple(_fleet(fleet, run, picture.machines) for fleet in run.fleets),
        states=tuple(states_of(run, picture.events)[-_MOST:]),
        problems=tuple(problems_of(run, picture.events)[-_MOST:]),
        steps=tuple(
            StepSummary(
                name=step.name,
                ended=step.ended,
                reason=step.reason,
                attempts=step.attempts,
                began_at=step.first_at,
                ended_at=step.ended_at,
                last_error=step.last_error,
            )
            for step in run.steps
        ),
        events=dict(sorted(Counter(event.kind for event in picture.events).items())),
        remarks=run.summary,
    )


def _fleet(fleet: Fleet, run: Run, machines: Sequence[Machine]) -> FleetSummary:
    last = fleet_status(fleet, run, machines)
    return FleetSummary(
        id=fleet.id,
        started_at=fleet.start_time,
        state=last.state,
        target=last.target,
        bid_dollars=fleet.bid,
    )


def most_at_once(lives: Sequence[Life]) -> int:
    """How many machines were up at the same time, at the most."""
    # Where one ends at the moment at which another begins, they were not there together.
    turns = sorted([(life.start, 1) for life in lives] + [(life.end, -1) for life in lives])
    up = most = 0
    for _, turn in turns:
        up += turn
        most = max(most, up)
    return most
