"""Duties: what plugins do while a run is in a state, on a schedule kept in the store."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from dcp_engine.answers import duty_result
from dcp_engine.clock import Clock
from dcp_engine.context import DutyContext, plain
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive, unchanged
from dcp_engine.errors import (
    Credentials,
    Hangs,
    LeaseLost,
    OutOfTime,
    StoreError,
)
from dcp_engine.hookspecs import Duty, DutyResult
from dcp_engine.model import DutyRecord, Observation, Run, with_duty
from dcp_engine.pauses import SUSPENDED_AFTER, SUSPENDED_FOR, first_pause, pause_after
from dcp_engine.plugin_facts import Owned
from dcp_engine.plugins import Plugins
from dcp_engine.ports import Aws
from dcp_engine.series import Sample

# What a third party may take of a tick that others wait for.
THIRD_PARTY_PATIENCE = timedelta(minutes=1)
_MOST_OBSERVATIONS = 50
_ENDS_THE_TICK = (LeaseLost, Credentials, OutOfTime, StoreError)


class Duties:
    """Does the duties of one run that are due."""

    def __init__(
        self, drive: Drive, aws: Aws, clock: Clock, settings: Settings, plugins: Plugins
    ) -> None:
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._plugins = plugins

    def do(self, duties: Sequence[Owned[Duty]]) -> None:
        """Do every one that is due in the run's state, until somebody asks for an abort.

        Raises LeaseLost, Credentials, OutOfTime, StoreError.
        """
        self._forget_when({owned.item.name for owned in duties})
        for owned in duties:
            if not self._is_due(owned.item):
                continue
            if self._drive.abort_wished():
                return
            self._do(owned)

    def _forget_when(self, names: Collection[str]) -> None:
        """Let none be shown as coming that nobody does any more: a setting may have turned it off.

        What else is known of it is kept, for when somebody does it again.
        """
        gone = [duty for duty in self._drive.run.duties if duty.next_at and duty.name not in names]

        def forgotten(run: Run) -> Run:
            for duty in gone:
                run = with_duty(run, replace(duty, next_at=None))
            return run

        if gone:
            self._drive.commit(forgotten)

    def _is_due(self, duty: Duty) -> bool:
        run = self._drive.run
        if run.state not in duty.states:
            return False
        record = run.duty(duty.name)
        due = record.next_at if record else None
        if due is None:
            due = run.registered_at + duty.first_after
        return due <= self._clock.now()

    def _do(self, owned: Owned[Duty]) -> None:
        duty = owned.item
        context = DutyContext(
            self._drive,
            self._aws,
            self._clock,
            self._settings,
            duty.name,
            clean=self._plugins.in_words,
            third_party=owned.third_party,
        )
        limit = self._drive.patience()
        if owned.third_party:
            limit = min(limit, THIRD_PARTY_PATIENCE)
        try:
            result = self._plugins.call(owned, limit, partial(self._result, owned, context))
        except _ENDS_THE_TICK as error:
            # What a stranger raises says nothing of the lease, the database or the credentials.
            # Where something is wrong with those, the next thing that the engine does tells it.
            context.close()
            if not owned.third_party or (isinstance(error, OutOfTime) and self._time_is_up()):
                raise
            self._failed(owned, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            context.close()
            self._failed(owned, error)
        else:
            context.close()
            self._succeeded(duty, result, third_party=owned.third_party)

    def _result(self, owned: Owned[Duty], context: DutyContext) -> DutyResult:
        clean = self._plugins.in_words if owned.third_party else str
        result = duty_result(owned.item.run(context), third_party=owned.third_party, clean=clean)
        if result.memory is None:
            return result
        return replace(result, memory=plain(result.memory, "the memory"))

    def _time_is_up(self) -> bool:
        return self._clock.monotonic() >= self._drive.deadline

    def _succeeded(self, duty: Duty, result: DutyResult, *, third_party: bool) -> None:
        every = duty.every if result.next_in is None else result.next_in
        now = self._clock.now()
        problem = f"duty-{duty.name}"

        def done(run: Run) -> Run:
            record = run.duty(duty.name) or DutyRecord(name=duty.name)
            if result.memory is not None:
                record = replace(record, memory=dict(result.memory))
            return replace(
                with_duty(
                    run,
                    replace(record, last_at=now, next_at=now + every, failures=0, last_error=None),
                ),
                observations=_seen(run, result.observations, now),
            )

        noted = (
            every > timedelta(0)
            or self._drive.run.problem(problem)
            or result.observations
            or result.memory is not None
        )
        samples = [*result.samples, *_observed(result.observations, now)]
        change, problems = done if noted else unchanged, {**result.problems, problem: None}
        if third_party:
            self._drive.problems(problems, change=change, samples=samples)
            return
        if noted or samples:
            # What ours have seen they see again, should this process die before it is written down.
            self._drive.observe(change, samples)
        self._drive.problems(problems)

    def _failed(self, owned: Owned[Duty], error: BaseException) -> None:
        duty = owned.item
        words = self._plugins.in_words(error)
        now = self._clock.now()
        before = self._drive.run.duty(duty.name) or DutyRecord(name=duty.name)
        failures = before.failures + 1
        first = self._settings.poll_interval
        if owned.third_party:
            first = first_pause(first, hung=isinstance(error, Hangs))
        if isinstance(error, Hangs) and error.still:
            # It was not asked, so there is nothing to count, and what it said before says more.
            failures, words = before.failures, before.last_error or words
        suspended = owned.third_party and failures >= SUSPENDED_AFTER
        pause = pause_after(failures, first)
        if suspended:
            pause = SUSPENDED_FOR

        def failed(run: Run) -> Run:
            record = run.duty(duty.name) or before
            return with_duty(
                run, replace(record, next_at=now + pause, failures=failures, last_error=words)
            )

        whose = f" of the plugin {owned.plugin}" if owned.third_party else ""
        what = f"The duty {duty.name}{whose} could not be done: {words.rstrip('.')}."
        if suspended:
            self._drive.problem(
                f"duty-{duty.name}",
                f"{what} It has failed {failures} times on end and is suspended: it is tried once "
                "a day only. Jobs and machines are not harmed by that. `dcp-engine plugins check` "
                "says what it lacks, and has it tried again at once where it lacks nothing.",
                needs_person=True,
                change=failed,
            )
            return
        self._drive.failed(
            f"duty-{duty.name}",
            f"{what} It is tried again; jobs and machines are not harmed by that.",
            error,
            stranger=owned.third_party,
            change=failed,
        )


def _observed(observations: Sequence[Observation], now: datetime) -> list[Sample]:
    return [Sample(at=seen.at or now, values={seen.name: seen.value}) for seen in observations]


def _seen(run: Run, observations: Sequence[Observation], now: datetime) -> tuple[Observation, ...]:
    """The run's observations with these in place of the older ones of their names."""
    by_name = {seen.name: seen for seen in run.observations}
    by_name |= {
        seen.name: seen if seen.at is not None else replace(seen, at=now) for seen in observations
    }
    return tuple(by_name.values())[-_MOST_OBSERVATIONS:]
