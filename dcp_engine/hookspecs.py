"""The hooks: the public contract between the engine and its plugins, built-in or not.

A plugin is an object (often a module) whose functions are marked with `hookimpl`. It is handed
frozen values; it reaches AWS only through `Context.aws`, time only through `Context.clock`, and
memory only through what it returns or commits. What it returns is recorded by the engine.

A plugin that is written for other hooks than those of `VERSION` says so in a module attribute
`dcp_engine_hooks = 2`, and is refused with words where that is not the version here. One that says
nothing is taken for version 1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import pluggy

from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.errors import Later
from dcp_engine.model import Event, Machine, Observation, Run, State
from dcp_engine.ports import Aws
from dcp_engine.secret import Secret
from dcp_engine.series import RUN, Bucket, Sample

if TYPE_CHECKING:
    import click

__all__ = [
    "VERSION",
    "Context",
    "Duty",
    "DutyResult",
    "Hooks",
    "Later",
    "LogExport",
    "LogExporter",
    "Observation",
    "Records",
    "Sample",
    "Secret",
    "StepResult",
    "TeardownStep",
    "Tick",
    "done",
    "hookimpl",
    "kept",
    "waiting",
]

PROJECT = "dcp_engine"

VERSION: Final = 1
"""Of the hooks. It grows when a plugin that worked would not work any more, and only then."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Context(Protocol):
    """What a duty or a step is handed: one run at one moment, and the guarded ways to act."""

    @property
    def run(self) -> Run:
        """The run as it is now; frozen."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def aws(self) -> Aws: ...

    @property
    def memory(self) -> Mapping[str, Any]:
        """What this duty or step remembered at its last commit."""

    def machines(self) -> tuple[str, ...]:
        """Every instance id ever recorded as the run's."""

    def roll(self) -> tuple[Machine, ...]:
        """What is recorded of each of them, as it was at the last look at the fleets."""

    def events(self) -> Sequence[Event]:
        """Everything that has happened to the run, in order."""

    def numbers(
        self, subject: str | None = RUN, *, since: datetime | None = None
    ) -> Sequence[Bucket]:
        """What is kept of the samples of a subject, in order; with None of all subjects."""

    def commit(
        self,
        *,
        event: str | None = None,
        text: str = "",
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        run: Callable[[Run], Run] | None = None,
    ) -> None:
        """Write down at once an event, this duty's or step's memory, or a change to the run.

        That change may be one of the fleets' `target`, of `reading` and of `cheapest`; any other
        raises Refused. A target is lower than before, or as AWS shows it (which is asked only then,
        and may raise AwsError); one machine stays requested. The kinds of events that the engine
        itself writes are refused, and a text is one line.

        What is about to be done to AWS is committed with this before the call (intent before
        effect). Raises LeaseLost when another driver has the run, StoreUnwritable when the
        database cannot be written: then the call must not be made.
        """


class DutyResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a duty.

    `next_in` overrides the duty's own interval once. `problems` maps a problem's name to its
    words while it lasts, and to None when it is over. `observations` are shown by `status` with
    their time, until the next one of the same name takes their place. `samples` are kept over time
    (see `dcp_engine.series`), and so is each observation, as a number of the run. `memory`, where
    it is given, is what the duty remembers from now on: it is written in one commit with all of
    that, so what was counted is never counted again.
    """

    next_in: timedelta | None = None
    problems: Mapping[str, str | None] = {}
    observations: Sequence[Observation] = ()
    samples: Sequence[Sample] = ()
    memory: Mapping[str, Any] | None = None


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Something done while a run is in one of `states`, every `every`, at most once a tick.

    The schedule is stored, so it outlives the process. `first_after` is how long after the run's
    registration it is due for the first time. If `run` raises, the failure is recorded and named,
    and it is tried again with a growing pause. A third party's duty is left behind after a minute,
    and once it has failed ten times on end it is suspended: tried only once a day.

    `needs_roll` is whether it goes by what `Context.roll` tells of each machine. Where no duty
    does, EC2 is asked for each of them only when their number changes, and once an hour.
    """

    name: str
    states: frozenset[State]
    every: timedelta
    run: Callable[[Context], DutyResult | None]
    first_after: timedelta = timedelta(0)
    needs_roll: bool = True


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a teardown step stands after an attempt; build it with `done`, `kept` or `waiting`."""

    ended: str | None = None
    reason: str | None = None
    next_in: timedelta | None = None


def done(reason: str | None = None) -> StepResult:
    """AWS shows it gone (or made); the step never runs again."""
    return StepResult(ended="done", reason=reason)


def kept(reason: str) -> StepResult:
    """It stays, for this reason; the step never runs again."""
    return StepResult(ended="kept", reason=reason)


def waiting(reason: str, next_in: timedelta | None = None) -> StepResult:
    """Not finished, nothing wrong: AWS or another step needs time. Tried again after `next_in`."""
    return StepResult(reason=reason, next_in=next_in)


class TeardownStep(msgspec.Struct, frozen=True, kw_only=True):
    """One item of teardown. Steps are tried side by side, in threads, until each has ended.

    `run` must be idempotent and re-entrant: it may be killed anywhere and is then run again.
    `after_machines` holds it back until every machine of the run has ended, `needs` until the steps
    of these names have ended, done or not. If it raises, the failure is recorded and named, and it
    is tried again with a growing pause, at most an hour. A third party's attempt is left behind
    after a minute. All third parties' steps and exporters together have one day, from the machines'
    end or from the first attempt of any of them, whichever is later: a step that has not ended by
    then is given up, recorded as kept, and the run ends without it.
    """

    name: str
    run: Callable[[Context], StepResult]
    after_machines: bool = False
    needs: frozenset[str] = frozenset()


class LogExport(msgspec.Struct, frozen=True, kw_only=True):
    """One log group to be brought home: what was logged from `start` until `end`, by AWS's clock.

    `bucket` and `prefix` are where DCP's users look for it.
    """

    group: str
    start: datetime
    end: datetime
    bucket: str
    prefix: str


class LogExporter(msgspec.Struct, frozen=True, kw_only=True):
    """A way to bring a log group home. Its `export` is called as a teardown step is.

    That is once the machines have ended and `log_settle` has passed, for one group after the other,
    until it is done or kept. `Context.memory` is what it remembered for this group.
    """

    name: str
    export: Callable[[Context, LogExport], StepResult]


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a run took: when it ended, how long it was, and what was asked of AWS.

    `calls` counts the requests that were sent, `retries` those of them that were a repetition.
    """

    at: datetime
    took: timedelta
    calls: int
    retries: int


class Records(Protocol):
    """The runs that are remembered here, for a command or a looker-on. It asks AWS nothing."""

    def runs(self, *, live: bool = True) -> Sequence[Run]:
        """Every live run, or every run, the newest first."""

    def find(self, name: str) -> Run:
        """The run of that APP_NAME or run id. Raises `dcp_engine.errors.NoSuchRun`, `Ambiguous`."""

    def events(self, name: str) -> Sequence[Event]:
        """A run's events in order. Raises `dcp_engine.errors.NoSuchRun`, `Ambiguous`."""


class Hooks:
    """The hook specifications.

    `settings` are the engine's, `options` the plugin's own: a value of the type that its `options`
    hook returned, None where it has none. No hook needs an AWS permission beyond those that
    `dcp-engine iam-policy` prints, since `Context.aws` offers nothing that the built-in plugins do
    not use. A hook that is neither a duty nor a step is left behind after 30 seconds.
    """

    @hookspec
    def options(self) -> type[msgspec.Struct]:  # type: ignore[empty-body]
        """The plugin's own settings: a msgspec.Struct whose fields are keys of its table.

        Called once, when the plugin is loaded and before any other hook. The values come from the
        table `[NAME]` of the configuration file and from variables `DCP_ENGINE_NAME_KEY`. A field
        of type `Secret` may also be given as `KEY_file`, the path of a file that holds it, and is
        never shown. With a value that does not fit the plugin is left out and named.
        """

    @hookspec
    def duties(self, settings: Settings, options: Any) -> Sequence[Duty]:  # type: ignore[empty-body]
        """Duties this plugin wants done. Called once when the engine starts.

        A plugin that raises here is left out and named in `status`.
        """

    @hookspec
    def teardown_steps(self, settings: Settings, options: Any) -> Sequence[TeardownStep]:  # type: ignore[empty-body]
        """Steps this plugin adds to teardown. Called once when the engine starts.

        A plugin that raises here is left out and named in `status`.
        """

    @hookspec
    def log_exporters(self, settings: Settings, options: Any) -> Sequence[LogExporter]:  # type: ignore[empty-body]
        """Other ways to bring the logs home. Called once when the engine starts.

        A third party's goes before the engine's own (CloudWatch's export task), and of several the
        first by the plugin's name. One that raises is tried again with a growing pause. Several
        share the day that third parties have for the end of a run (see `TeardownStep`), each its
        part of it; a group that none has brought home is exported by the engine after all.
        """

    @hookspec
    def notify(self, run: Run, event: Event, options: Any) -> None:
        """Tell somebody about an event. Called at least once per event, in order per run.

        Called after the event was committed, in every state, EXPORTED included (for up to 72
        hours). `run` is the run as it is at that moment. It returns nothing. If it raises, the
        event is told again later with a growing pause, or where it raises `Later` after the time
        that it names (an hour at most), in which this notifier is not called for other runs either;
        `event.id` marks a repeat. A raising notifier never holds the run up.
        """

    @hookspec
    def summary(self, run: Run, options: Any) -> Mapping[str, str]:  # type: ignore[empty-body]
        """Lines for the summary of a run: what it is → what it came to.

        Called once when every step of the teardown has ended, before the event that says so; the
        lines are in that event's `data["summary"]` and in `status`. A plugin that raises here adds
        none, and the run ends all the same.
        """

    @hookspec
    def ticked(self, run: Run, tick: Tick, records: Records, options: Any) -> None:
        """Look on after each look at a run, in every state. Changes nothing, returns nothing.

        What it raises is a problem until it does not raise any more; nothing waits for it. It is
        called again after a growing pause, at most an hour; where it raises `Later`, after the time
        that it names; and once it has failed ten times on end, which that does not count for, it is
        suspended: called only once a day. At the look in which the run has ended it is called in
        any case, paused or not: that may be the last one. `records` are the runs that the same
        database remembers, so that what an older process left of another run can be put in order.
        """

    @hookspec
    def ready(self, settings: Settings, options: Any) -> Iterable[str]:  # type: ignore[empty-body]
        """What is missing before this plugin can do its work, each in words; none when it can.

        Called by `dcp-engine plugins check` only. It may ask the service that it speaks to.
        """

    @hookspec
    def commands(self, settings: Settings, options: Any) -> "Sequence[click.Command]":  # type: ignore[empty-body]
        """Commands for `dcp-engine NAME`. Called when a name is typed that the engine has not.

        The engine's own commands cannot be replaced. `click.pass_obj` hands a command the read-only
        `Records` of the runs.
        """
