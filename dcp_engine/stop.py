"""Stopping the money: the run's fleets are cancelled and every machine of theirs ends.

This is the one teardown step that is not a plugin, because nothing may stand before it. It goes by
recorded fleet and instance ids only, reads AWS's answer for each, and needs no write to be made.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Change, Drive, unchanged
from dcp_engine.errors import AwsError, Credentials, StoreUnwritable, Transient
from dcp_engine.hookspecs import StepResult, done, kept, waiting
from dcp_engine.model import Cancelled, Ended, Run, Step, with_step
from dcp_engine.ports import ENDED_STATES, Aws
from dcp_engine.words import counted

FLEETS = "fleets"
LAST_LOOK = "last-look"

# A cancelled fleet ends its machines within minutes; one that outlives this is ended by its id.
STUBBORN = timedelta(minutes=10)
# So many machines are named where a person has to look after them.
_SHOWN = 5
# Refusals that say a fleet has ended, and the states (Amazon EC2 API Reference, BatchState) of one
# that has not: a single answer is not believed against what AWS shows of the fleet.
_BELIED_BY_LIFE = frozenset({Cancelled.UNKNOWN, Cancelled.NOT_CANCELLABLE})
_LIVING = frozenset({"submitted", "active", "modifying"})


class FleetStop:
    """The step `fleets`, and the last look at what it stopped."""

    def __init__(self, drive: Drive, aws: Aws, clock: Clock) -> None:
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self._unwritten: StoreUnwritable | None = None

    def attempt(self) -> StepResult:
        """Cancel what is not cancelled yet, then see every machine end. Raises AwsError.

        Where the database cannot be written the calls are made all the same, and StoreUnwritable
        is raised after them.
        """
        answers = self._cancel()
        alive = self._alive()
        stuck = [
            instance_id
            for instance_id, fleet_id in alive.items()
            if answers.get(fleet_id) != Cancelled.ACCEPTED or self._cancelled_long_ago()
        ]
        if stuck:
            self._terminate(stuck)
        if self._unwritten:
            raise self._unwritten
        failed = [fleet_id for fleet_id, answer in answers.items() if answer == Cancelled.FAILED]
        if failed:
            raise Transient(
                "ec2:CancelSpotFleetRequests",
                "unexpectedError",
                f"AWS did not cancel {', '.join(failed)} and gave no lasting reason",
            )
        if alive:
            return waiting(counted(len(alive), "machine has", "machines have") + " not ended yet")
        now = self._clock.now()
        self._drive.commit(lambda run: replace(run, machines_ended_at=now))
        return self._ended(answers)

    def last_look(self) -> StepResult:
        """Look once more for a machine that came after the cancel; end it by its id.

        Where a person waived the step `fleets`, what is alive is only told.
        """
        alive = self._alive(again=True)
        step = self._drive.run.step(FLEETS)
        if step is not None and step.ended is Ended.WAIVED:
            return self._left(sorted(alive))
        if not alive:
            return done("nothing recorded as the run's is alive")
        self._terminate(list(alive))
        return waiting(
            f"{counted(len(alive), 'machine')} came up after the fleet was cancelled and must end"
        )

    def _left(self, alive: Sequence[str]) -> StepResult:
        facts = self._aws.capacity.describe(self._drive.run.fleet_ids)
        living = [i for i, fact in facts.items() if fact is not None and fact.state in _LIVING]
        left = []
        if living:
            left.append(f"{_fleets(living)} not cancelled: it starts machines, and they are billed")
        if alive:
            shown = ", ".join([*alive[:_SHOWN], *(["…"] if len(alive) > _SHOWN else [])])
            left.append(f"{counted(len(alive), 'machine')} up and billed ({shown})")
        if not left:
            return done("nothing recorded as the run's is alive")
        return kept(f"{'; '.join(left)}; a person waived the step {FLEETS}")

    def _cancel(self) -> Mapping[str, str]:
        run = self._drive.run
        answers: dict[str, str] = dict(self._memory(run).get("answers", {}))
        settled = {Cancelled.ACCEPTED, Cancelled.NOT_CANCELLABLE, Cancelled.UNKNOWN}
        pending = [i for i in run.fleet_ids if answers.get(i) not in settled]
        if not pending:
            return answers
        now = self._clock.now()
        self._write(
            lambda run: replace(run, first_cancel_at=run.first_cancel_at or now),
            None
            if run.first_cancel_at
            else (
                "stopping",
                f"Stopping {_fleets(pending)} with all machines.",
                {"fleets": pending},
            ),
        )
        told = self._aws.capacity.cancel(pending)
        answers.update({fleet_id: answer.value for fleet_id, answer in told.items()})
        for fleet_id in self._still_alive([i for i in told if told[i] in _BELIED_BY_LIFE]):
            answers[fleet_id] = Cancelled.FAILED.value
        accepted = [i for i in told if answers[i] == Cancelled.ACCEPTED]
        self._write(
            lambda run: _remember(run, {"answers": answers}),
            (
                "stopped",
                f"AWS has cancelled {_fleets(accepted)}; all machines of it end.",
                {"fleets": accepted},
            )
            if accepted
            else None,
        )
        return answers

    def _still_alive(self, fleet_ids: list[str]) -> list[str]:
        """Those of the fleets that would start machines; all of them where that cannot be told."""
        if not fleet_ids:
            return []
        try:
            facts = self._aws.capacity.describe(fleet_ids)
        except Credentials:
            raise
        except AwsError:
            return fleet_ids
        return [i for i in fleet_ids if (fact := facts.get(i)) and fact.state in _LIVING]

    def _alive(self, *, again: bool = False) -> dict[str, str]:
        """Instance id → fleet id of every recorded machine that has not ended."""
        listed = self._aws.machines.of_fleets(self._drive.run.fleet_ids)
        with self._written_or_not():
            self._drive.seen_machines({i: fleet for i, (fleet, _) in listed.items()})
        fleet_of = {m.instance_id: m.fleet_id for m in self._drive.machines}
        fleet_of.update({i: fleet for i, (fleet, _) in listed.items()})
        ended = {m.instance_id for m in self._drive.machines if m.ended_at and not again}
        states = {i: state for i, (_, state) in listed.items()}
        unlisted = [i for i in fleet_of if i not in states and i not in ended]
        if unlisted:
            states.update(self._aws.machines.states(unlisted))
        alive = {i: fleet_of[i] for i, state in states.items() if state not in ENDED_STATES}
        with self._written_or_not():
            self._drive.ended_machines(i for i in fleet_of if i not in alive)
        return alive

    def _terminate(self, instance_ids: list[str]) -> None:
        self._write(
            unchanged,
            (
                "terminating",
                f"Ending {counted(len(instance_ids), 'machine')} by instance id, because the "
                "cancelled fleet has not ended what it started.",
                {"machines": instance_ids},
            ),
        )
        self._aws.machines.terminate(instance_ids)

    def _write(
        self,
        change: Change,
        event: tuple[str, str, dict[str, object]] | None,
    ) -> None:
        with self._written_or_not():
            self._drive.commit(change, events=[event] if event else [])

    @contextmanager
    def _written_or_not(self) -> Iterator[None]:
        """Go on where the database cannot be written, and remember that for the end."""
        try:
            yield
        except StoreUnwritable as error:
            self._unwritten = error

    def _memory(self, run: Run) -> Mapping[str, dict[str, str]]:
        step = run.step(FLEETS)
        return step.progress if step else {}

    def _cancelled_long_ago(self) -> bool:
        since: datetime | None = self._drive.run.first_cancel_at
        return since is not None and self._clock.now() - since > STUBBORN

    def _ended(self, answers: Mapping[str, str]) -> StepResult:
        run = self._drive.run
        unknown = [
            fleet.id
            for fleet in run.fleets
            if answers.get(fleet.id) == Cancelled.UNKNOWN and fleet.observed_at is None
        ]
        if unknown:
            return kept(
                f"AWS knows no {_fleets(unknown)} in {run.region}; if it was started in another "
                "region it still runs there"
            )
        return done(f"{_fleets(run.fleet_ids)} cancelled, every machine has ended")


def _remember(run: Run, progress: dict[str, object]) -> Run:
    step = run.step(FLEETS) or Step(name=FLEETS)
    return with_step(run, replace(step, progress=progress))


def _fleets(ids: Sequence[str]) -> str:
    return f"{'fleet' if len(ids) == 1 else 'fleets'} {', '.join(ids)}"
