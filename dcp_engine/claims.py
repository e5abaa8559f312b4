"""Two computers, each with a store of its own, and one run: who of them drives it.

Whoever drives a run keeps its mark on the run's fleets (`driver_tag`). Where another store's mark
is in force this driver steps back: it goes on counting and looking, and changes nothing in AWS.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.driver_tag import VALIDITY, DriverTag, tag_of
from dcp_engine.errors import AwsError, Credentials, Denied, OutOfTime, StoreUnwritable
from dcp_engine.model import Problem, Run, with_fleet
from dcp_engine.ports import Aws, FleetFacts

ELSEWHERE = "driven-elsewhere"
UNCLAIMED = "unclaimed"

# A fleet that has ended, or is about to, has nobody to drive it any more.
_DRIVEN = frozenset({"submitted", "active", "modifying", "cancelled_running"})


class Claims:
    """The marks on one run's fleets, during one tick of the store called `store`."""

    def __init__(self, drive: Drive, aws: Aws, clock: Clock, store: str) -> None:
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self._store = store

    def step_back(self) -> bool:
        """Whether another store drives the run, as its fleets were last seen."""
        return self._another(self._drive.run) is not None

    def content(self, facts: Mapping[str, FleetFacts | None]) -> bool:
        """Whether `keep` would change nothing, were the fleets as AWS says here.

        A mark is not renewed on the word of an answer that is a minute old: another computer may
        have taken the run over since.
        """
        if self._drive.run.taking_over is not None:
            return False
        if another_driver(facts, self._store) is not None:
            return True
        driven = [fact for fact in facts.values() if fact is not None and fact.state in _DRIVEN]
        marks = [(tag_of(fact.tags, fact.observed_at), fact.observed_at) for fact in driven]
        return all(mark is not None and not mark.due(at) for mark, at in marks)

    def keep(self, at: datetime) -> None:
        """After a look at the fleets: step back, or see that they carry our mark.

        `at` is the moment of AWS's answer. Raises Credentials, OutOfTime.
        """
        run = self._drive.run
        if other := self._another(run):
            self._drive.problem(ELSEWHERE, _in_words(run, other), needs_person=True)
            return
        self._drive.problems({ELSEWHERE: None})
        driven = [fleet for fleet in run.fleets if fleet.state in _DRIVEN]
        if not driven:
            self._drive.commit(lambda run: replace(run, taking_over=None))
        elif any(
            fleet.driver != self._store
            or fleet.driven_until is None
            or DriverTag(store=self._store, until=fleet.driven_until).due(at)
            for fleet in driven
        ):
            self._claim([fleet.id for fleet in driven], at)

    def may_cancel(self, aws: Aws) -> bool:
        """Before the first cancel of a teardown: whether the run is ours to end.

        The fleets are looked at once more, with `aws`; where that fails what was seen last counts,
        for as long as it said, so that a failure delays nothing. Raises StoreUnwritable only where
        another store drives the run.
        """
        run = self._drive.run
        now = self._clock.now()
        try:
            other = another_driver(aws.capacity.describe(run.fleet_ids), self._store)
        except AwsError:
            other = self._another(run)
            if other is not None and other.until <= now:
                other = None
        if other is None or run.taking_over is not None:
            with suppress(StoreUnwritable):
                self._drive.problems({ELSEWHERE: None})
            return True
        self._drive.problem(ELSEWHERE, _in_words(run, other), needs_person=True)
        return False

    def let_go(self) -> None:
        """The run is released: take our mark away where it is, if that can be done."""
        for fleet in self._drive.run.fleets:
            if fleet.driver != self._store or fleet.driven_until is None:
                continue
            mark = DriverTag(store=self._store, until=fleet.driven_until)
            # A mark that stays lapses by itself.
            with suppress(AwsError):
                self._aws.capacity.disclaim([fleet.id], str(mark))

    def _another(self, run: Run) -> DriverTag | None:
        if run.taking_over is not None:
            return None
        marks = [
            DriverTag(store=fleet.driver, until=fleet.driven_until)
            for fleet in run.fleets
            if fleet.driver not in {None, self._store} and fleet.driver and fleet.driven_until
        ]
        return max(marks, key=lambda mark: mark.until, default=None)

    def _claim(self, fleet_ids: list[str], at: datetime) -> None:
        mark = DriverTag(store=self._store, until=(at + VALIDITY).replace(microsecond=0))
        try:
            self._aws.capacity.claim(fleet_ids, str(mark))
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            self._drive.problems({UNCLAIMED: _unclaimed(self._clock.now(), error)})
            return

        def claimed(run: Run) -> Run:
            for fleet in run.fleets:
                if fleet.id in fleet_ids:
                    marked = replace(fleet, driver=mark.store, driven_until=mark.until)
                    run = with_fleet(run, marked)
            return replace(run, taking_over=None)

        self._drive.commit(claimed)
        self._drive.problems({UNCLAIMED: None})


def another_driver(facts: Mapping[str, FleetFacts | None], store: str) -> DriverTag | None:
    """The mark of another store that is in force on one of the fleets; the one that holds longest.

    In force is judged by the Date of AWS's own answer, not by this computer's clock.
    """
    marks = [
        mark
        for fact in facts.values()
        if fact is not None
        and (mark := tag_of(fact.tags, fact.observed_at)) is not None
        and mark.store != store
    ]
    return max(marks, key=lambda mark: mark.until, default=None)


def refusal(app_name: str, other: DriverTag) -> str:
    """Why a run that another computer drives is not registered here."""
    return (
        f"{app_name} is driven by dcp-engine on another computer, or with another database: its "
        f"fleet carries that one's mark, which holds until {_moment(other.until)} unless it is "
        "renewed. Two drivers would be in each other's way, so the run was not registered here and "
        "nothing was changed. If that other one is to go on, nothing needs doing. If it is gone, "
        "wait until then, or add --take-over."
    )


def _in_words(run: Run, other: DriverTag) -> str:
    return (
        f"{run.names.app_name} is driven by dcp-engine on another computer, or with another "
        f"database: its fleet carries that one's mark, until {_moment(other.until)} unless it is "
        "renewed. This one has stepped back: it counts the jobs and changes nothing in AWS. If the "
        "other one is gone, this one goes on by itself then; to go on now: dcp-engine resume "
        f"{run.names.app_name} --take-over"
    )


def _unclaimed(now: datetime, error: AwsError) -> Problem:
    mend = " Grant ec2:CreateTags to mend that." if isinstance(error, Denied) else ""
    return Problem(
        name=UNCLAIMED,
        since=now,
        text=(
            f"The fleet could not be marked as driven from here ({error}), so dcp-engine on "
            "another computer would not notice that this one drives the run. Nothing else is "
            f"affected.{mend}"
        ),
        advice=True,
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
