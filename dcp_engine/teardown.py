"""The checklist: every step that has not ended is tried, the fleets first, the others together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine.allowance import LOGS, over_at
from dcp_engine.answers import step_result
from dcp_engine.clock import Clock
from dcp_engine.context import StepContext
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive
from dcp_engine.duties import THIRD_PARTY_PATIENCE
from dcp_engine.errors import (
    Credentials,
    Hangs,
    LeaseLost,
    OutOfTime,
    StoreError,
    Transient,
)
from dcp_engine.hookspecs import StepResult, TeardownStep
from dcp_engine.model import Ended, Run, Step, with_step
from dcp_engine.pauses import first_pause, pause_after
from dcp_engine.plugin_facts import Owned
from dcp_engine.plugins import Plugins
from dcp_engine.ports import Aws
from dcp_engine.shared_looks import Looks, SharedAws
from dcp_engine.stop import FLEETS, LAST_LOOK, FleetStop
from dcp_engine.words import counted

SHORTEST_PAUSE = timedelta(milliseconds=500)
_SIDE_BY_SIDE = 8
# What has failed so often, hours apart by then, may never pass.
_HOPELESS = 20
# What ends the whole tick rather than one step: nothing more may or can be done by this driver.
_ENDS_THE_TICK = (LeaseLost, Credentials, StoreError)

Attempt = Callable[[], StepResult]


class Teardown:
    """One pass over the checklist of one run."""

    def __init__(
        self,
        drive: Drive,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        *,
        steps: Sequence[Owned[TeardownStep]],
        plugins: Plugins,
    ) -> None:
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._steps = tuple(step for step in steps if step.item.name not in {FLEETS, LAST_LOOK})
        self._strangers = {step.item.name: step.plugin for step in steps if step.third_party}
        self._plugins = plugins
        self._stop = FleetStop(drive, aws, clock)
        # The fleets' step has no part in them: what they show was seen after the cancel.
        self._looks = Looks(clock)

    def names(self) -> tuple[str, ...]:
        """Every step there is, in the order in which they are shown."""
        return (FLEETS, *(step.item.name for step in self._steps), LAST_LOOK)

    def one_pass(self, prepare: Callable[[], None]) -> bool:
        """Try every step that is due, each at most once; True when all have ended.

        `prepare` is called when the fleets have been seen to, before any other step. Raises
        LeaseLost, Credentials, StoreError.
        """
        self._begin()
        tried: set[str] = set()
        self._together({FLEETS: self._stop.attempt} if self._is_due(FLEETS, tried) else {}, tried)
        prepare()
        while ready := self._ready(tried):
            self._together(ready, tried)
        if self._unfinished() == {LAST_LOOK} and self._is_due(LAST_LOOK, tried):
            self._together({LAST_LOOK: self._stop.last_look}, tried)
        return not self._unfinished()

    def next_at(self) -> datetime | None:
        """When the next step is due."""
        run = self._drive.run
        # A plugin that was there once may have left a step behind.
        unfinished = self._unfinished()
        moments = [
            step.next_at
            for step in run.steps
            if step.name in unfinished and step.next_at is not None
        ]
        return min(moments, default=None)

    def _begin(self) -> None:
        missing = [name for name in self.names() if self._drive.run.step(name) is None]

        def begun(run: Run) -> Run:
            for name in missing:
                run = with_step(run, Step(name=name))
            return run

        if missing:
            try:
                self._drive.commit(begun)
            except StoreError:
                # The list is only for people to read; the money comes first.
                self._drive.remember_unwritten(begun)

    def _ready(self, tried: set[str]) -> dict[str, Attempt]:
        fleets = self._drive.run.step(FLEETS)
        ended = fleets is not None and fleets.ended is not None
        unfinished = self._unfinished()
        return {
            step.item.name: self._attempt(step)
            for step in self._steps
            if (ended or not step.item.after_machines)
            and not step.item.needs & unfinished
            and self._is_due(step.item.name, tried)
        }

    def _attempt(self, step: Owned[TeardownStep]) -> Attempt:
        name = step.item.name
        context = StepContext(
            self._drive,
            SharedAws(self._aws, self._looks, asks_anew=step.third_party),
            self._clock,
            self._settings,
            name,
            clean=self._plugins.in_words,
            third_party=step.third_party,
        )
        limit = self._drive.patience()
        if step.third_party:
            limit = min(limit, THIRD_PARTY_PATIENCE)

        def act() -> StepResult:
            return step_result(step.item.run(context), self._plugins.in_words)

        def attempt() -> StepResult:
            try:
                return self._plugins.call(step, limit, act)
            finally:
                context.close()

        return attempt

    def _is_due(self, name: str, tried: set[str]) -> bool:
        step, now = self._drive.run.step(name) or Step(name=name), self._clock.now()
        return (
            name not in tried
            and step.ended is None
            and (step.next_at is None or step.next_at <= now or self._is_over(name, now))
        )

    def _unfinished(self) -> set[str]:
        run = self._drive.run
        return {n for n in self.names() if (step := run.step(n)) is None or step.ended is None}

    def _together(self, attempts: dict[str, Attempt], tried: set[str]) -> None:
        tried.update(attempts)
        if len(attempts) == 1:
            for name, attempt in attempts.items():
                self._try(name, attempt)
            return
        if not attempts:
            return
        with ThreadPoolExecutor(min(len(attempts), _SIDE_BY_SIDE)) as pool:
            futures = [pool.submit(self._try, name, do) for name, do in attempts.items()]
        for future in futures:
            future.result()

    def _try(self, name: str, attempt: Attempt) -> None:
        try:
            result = attempt()
        except _ENDS_THE_TICK as error:
            # What a stranger raises says nothing of the lease, the database or the credentials.
            if name not in self._strangers:
                raise
            self._failed(name, error)
        except OutOfTime as error:
            if name in self._strangers and self._clock.monotonic() < self._drive.deadline:
                self._failed(name, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            self._failed(name, error)
        else:
            self._succeeded(name, result)

    def _succeeded(self, name: str, result: StepResult) -> None:
        self._drive.answered = True
        now = self._clock.now()
        if not result.ended and self._is_over(name, now):
            self._give_up(name, result.reason or "it was never done", now)
            return
        ended = Ended(result.ended) if result.ended else None

        def moved(run: Run) -> Run:
            old = run.step(name) or Step(name=name)
            attempts = old.attempts + 1
            first = old.first_at or now
            pause = result.next_in or min(
                max(self._settings.poll_interval, SHORTEST_PAUSE),
                SHORTEST_PAUSE * 2 ** min(attempts - 1, 10),
            )
            step = replace(
                old,
                ended=ended,
                reason=result.reason,
                attempts=attempts,
                first_at=first,
                failures=0,
                last_error=None,
                ended_at=now if ended else None,
                next_at=None if ended else now + pause,
            )
            return with_step(run, step)

        events = []
        if ended:
            text = f"{name}: {ended}" + (f" ({result.reason})" if result.reason else "")
            events.append(("step", text, {"step": name, "ended": ended.value}))
        self._drive.problems({f"step-{name}": None}, change=moved, because=events)

    def _failed(self, name: str, error: BaseException) -> None:
        now = self._clock.now()
        words = self._plugins.in_words(error)
        still = isinstance(error, Hangs) and error.still
        before = self._drive.run.step(name)
        if still and before and before.last_error:
            words = before.last_error
        if self._is_over(name, now):
            self._give_up(name, words, now)
            return
        # Whatever stops the money is not put off for so long; log exporters are third parties'.
        hung = isinstance(error, Hangs) and (name in self._strangers or name == LOGS)

        def moved(run: Run) -> Run:
            old = run.step(name) or Step(name=name)
            failures = old.failures if still else old.failures + 1
            pause = self._settings.poll_interval
            if hung or name in self._strangers:
                pause = first_pause(pause, hung=hung)
            if run.machines_ended_at is not None or name in self._strangers:
                # The money has stopped, or it is not about that: nothing is gained by asking every
                # minute.
                pause = pause_after(failures, pause, shortest=SHORTEST_PAUSE)
            step = replace(
                old,
                reason=None,
                attempts=old.attempts + 1,
                first_at=old.first_at or now,
                failures=failures,
                last_error=words,
                next_at=now + pause,
            )
            return with_step(run, step)

        run = moved(self._drive.run)
        step = run.step(name)
        tries = max(step.failures, 1) if step else 1
        may_pass = isinstance(error, Transient) and tries < _HOPELESS
        text = _failure_text(
            run, name, words, tries, may_pass=may_pass, plugin=self._strangers.get(name)
        )
        # In one write: a process that dies here leaves no failure that nobody is told of.
        stranger = name in self._strangers
        self._drive.failed(f"step-{name}", text, error, stranger=stranger, change=moved)

    def _is_over(self, name: str, now: datetime) -> bool:
        """Whether a third party's step has had its time."""
        if name not in self._strangers:
            return False
        over = over_at(self._drive.run, self._strangers)
        return over is not None and over <= now

    def _give_up(self, name: str, words: str, now: datetime) -> None:
        """The run ends without what a plugin could not do in a day."""
        reason = (
            "given up after a day, which is as long as plugins may keep a run from its end, all of "
            f"them together. What the plugin {self._strangers[name]} said last: {words}"
        )

        def given_up(run: Run) -> Run:
            step = run.step(name) or Step(name=name)
            return with_step(
                run, replace(step, ended=Ended.KEPT, reason=reason, ended_at=now, next_at=None)
            )

        told = ("step", f"{name}: kept ({reason})", {"step": name, "ended": "kept"})
        self._drive.problems({f"step-{name}": None}, change=given_up, because=[told], moot=True)


def _failure_text(
    run: Run, name: str, words: str, tries: int, *, may_pass: bool, plugin: str | None
) -> str:
    whose = f" of the plugin {plugin}" if plugin else ""
    money = (
        "All machines have ended, so nothing of this bills by the second."
        if run.machines_ended_at
        else "Machines may still be running and billed."
    )
    # Machines are not left running for the sake of a tidy end, and an outage passes; so that is not
    # offered here.
    waive = (
        f" `dcp-engine waive {run.names.app_name} {name}` would end the run without it."
        if name not in {FLEETS, LAST_LOOK} and not may_pass
        else ""
    )
    return (
        f"The teardown step {name}{whose} has failed {counted(tries, 'time')}: "
        f"{words.rstrip('.')}. {money} It is tried again.{waive}"
    )
