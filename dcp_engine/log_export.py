"""The teardown step `logs`: when and what is exported; how, is the business of an exporter.

The groups go one after the other. The span is fixed before the first call, so that an export which
a dead process started is recognised and adopted.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from dcp_engine.allowance import FIRST_TRIED, LOGS, over_at
from dcp_engine.answers import step_result
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.duties import THIRD_PARTY_PATIENCE
from dcp_engine.errors import Hangs, PluginFailed, Refused
from dcp_engine.hookspecs import (
    Context,
    LogExport,
    LogExporter,
    StepResult,
    TeardownStep,
    done,
    kept,
    waiting,
)
from dcp_engine.model import Event, Machine, Run
from dcp_engine.plugin_facts import Owned
from dcp_engine.plugins import Plugins
from dcp_engine.ports import Aws
from dcp_engine.series import RUN, Bucket

# By so much a start time may be ahead when a run is registered.
_CLOCKS_DIFFER = timedelta(days=1)


def logs_step(
    exporters: Sequence[Owned[LogExporter]],
    plugins: Plugins,
    others: Collection[str] = (),
) -> Owned[TeardownStep]:
    """The step that brings both log groups home by the first exporter that can.

    `others` are the teardown steps with which third parties' exporters share their day.
    """
    run = partial(_bring_home, _Exporters(exporters, plugins, others))
    step = TeardownStep(name=LOGS, run=run, after_machines=True)
    return Owned(plugin=LOGS, third_party=False, item=step)


class _Exporters:
    """Those there are, in the order in which they are tried, and their time."""

    def __init__(
        self, exporters: Sequence[Owned[LogExporter]], plugins: Plugins, others: Collection[str]
    ) -> None:
        self.all = tuple(exporters)
        self.plugins = plugins
        self._others = others
        self._strangers = [owned.item.name for owned in exporters if owned.third_party]

    def time_left(self, exporter: str, context: Context) -> timedelta:
        """How long a third party's may still be tried: each of several has its part of the day."""
        share = (self._strangers.index(exporter) + 1) / len(self._strangers)
        over = over_at(context.run, self._others, share)
        return timedelta.max if over is None else over - context.clock.now()


def _bring_home(exporters: _Exporters, context: Context) -> StepResult:
    wait = _until_settled(context)
    if wait > timedelta(0):
        return waiting("the last log lines may still be on their way", next_in=wait)
    remarks: dict[str, str] = {}
    all_home = True
    for name in context.run.names.log_groups:
        group = _Group(context, name)
        outcome = _ended(group) or _export(group, exporters)
        if outcome.ended is None:
            return outcome
        group.remember(ended=outcome.ended, remark=outcome.reason)
        remarks[name] = outcome.reason or f"{name} was exported"
        all_home = all_home and outcome.ended == "done"
    return done(_said(remarks)) if all_home else kept(_said(remarks))


def _said(remarks: Mapping[str, str]) -> str:
    """What is said of each group, once where it is the same, and of which."""
    groups: dict[str, list[str]] = {}
    for group, remark in remarks.items():
        groups.setdefault(remark.rstrip("."), []).append(group)
    return "; ".join(
        remark if all(name in remark for name in names) else f"{' and '.join(names)}: {remark}"
        for remark, names in groups.items()
    )


def _until_settled(context: Context) -> timedelta:
    """How long to wait for the last log lines."""
    settle = context.settings.log_settle
    if ended_at := context.run.machines_ended_at:
        return ended_at + settle - context.clock.now()
    # A person waived the machines' end, so there is no moment to wait from: it is waited for once.
    step = context.run.step(LOGS)
    return timedelta(0) if step and step.attempts else settle


class _Group:
    """What is remembered of one log group."""

    def __init__(self, context: Context, name: str) -> None:
        self.context = context
        self.name = name

    @property
    def memory(self) -> dict[str, Any]:
        return dict(self.context.memory.get(self.name, {}))

    def remember(self, *, event: str | None = None, text: str = "", **changes: Any) -> None:
        memory = {**self.memory, **changes}
        if memory != self.memory:
            whole = {**self.context.memory, self.name: memory}
            self.context.commit(event=event, text=text, memory=whole)

    def span(self) -> tuple[datetime, datetime]:
        """From when to when, the same in every process."""
        end = datetime.fromtimestamp(self.memory["end"], UTC)
        start = self.context.run.earliest_start
        # The clock of the computer that started the cluster may have been ahead.
        return (start if start < end else end - _CLOCKS_DIFFER), end


def _ended(group: _Group) -> StepResult | None:
    memory = group.memory
    if "ended" not in memory:
        return None
    return StepResult(ended=memory["ended"], reason=memory["remark"])


def _export(group: _Group, exporters: _Exporters) -> StepResult:
    context = group.context
    if "end" not in group.memory:
        # By AWS's clock, as the log lines are: this computer's may be hours behind.
        seen = context.aws.logs.groups_seen_at(_looked_for(group))
        for name, at in seen.items():
            _Group(context, name).remember(end=at.timestamp())
        if group.name not in seen:
            return done(f"there is no log group {group.name}")
    start, end = group.span()
    what = LogExport(
        group=group.name,
        start=start,
        end=end,
        bucket=context.run.names.bucket,
        prefix=f"exportedlogs/{group.name}",
    )
    for exporter in exporters.all:
        if exporter.item.name in group.memory.get("given_up", ()):
            continue
        own = _GroupContext(group, exporter.item.name, third_party=exporter.third_party)
        # Each has one of its own: frozen as it is, somebody may change it all the same.
        act = partial(exporter.item.export, own, replace(what))
        if not exporter.third_party:
            return act()
        try:
            outcome = _by_stranger(group, exporter, exporters, act)
        finally:
            own.closed = True
        if outcome is not None:
            return outcome
    return kept(f"{group.name} stays in CloudWatch: no plugin is there to export it")


def _looked_for(group: _Group) -> list[str]:
    """The groups that this one's look is for: those to come too, where nothing is added to them.

    Where a person waived the machines' end, some may be up and write until a group has its turn.
    """
    context = group.context
    if context.run.machines_ended_at is None:
        return [group.name]
    return [
        name
        for name in context.run.names.log_groups
        if not {"end", "ended"} & _Group(context, name).memory.keys()
    ]


def _by_stranger(
    group: _Group,
    exporter: Owned[LogExporter],
    exporters: _Exporters,
    act: Callable[[], StepResult],
) -> StepResult | None:
    """What came of a third party's attempt; None once it has had its time."""
    name, plugins = exporter.item.name, exporters.plugins
    tried = group.memory.get(FIRST_TRIED, {})
    if name not in tried:
        now = group.context.clock.now()
        group.remember(tried={**tried, name: now.timestamp()})
    left = exporters.time_left(name, group.context)
    # The step itself would be left behind with the tick, and then it is not said by whom.
    patience = min(THIRD_PARTY_PATIENCE, group.context.settings.tick_deadline)
    outcome: StepResult | None = None
    hung: Hangs | None = None
    try:
        outcome = plugins.call(exporter, patience, lambda: step_result(act(), plugins.in_words))
        if outcome.ended is not None:
            return replace(outcome, reason=outcome.reason or _unsaid(group, exporter, outcome))
        words = outcome.reason or "it was never done"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        words = plugins.in_words(error)
        hung = error if isinstance(error, Hangs) else None
    if left <= timedelta(0):
        group.remember(
            event="logs",
            text=f"The plugin {exporter.plugin} has not exported {group.name} within its part of "
            f"the day that plugins have ({words.rstrip('.')}), so it is exported without it.",
            given_up=[*group.memory.get("given_up", ()), name],
        )
        return None
    if outcome is None:
        said = (
            f"the plugin {exporter.plugin} could not export {group.name}: {words.rstrip('.')}; if "
            "it cannot within a day, the engine's own export takes its place"
        )
        raise Hangs(said, hung.over, still=hung.still) if hung else PluginFailed(said)
    if outcome.next_in is not None:
        # Its time is over when it is over, whenever it wants to go on.
        outcome = replace(outcome, next_in=min(outcome.next_in, left))
    return outcome


def _unsaid(group: _Group, exporter: Owned[LogExporter], outcome: StepResult) -> str:
    """What is to be read of a group of which a third party says nothing itself."""
    if outcome.ended == "done":
        return (
            f"{group.name} was exported by the plugin {exporter.plugin}, which does not say where"
        )
    return f"{group.name} was left where it is by the plugin {exporter.plugin}"


class _GroupContext:
    """`hookspecs.Context` for one exporter and one log group: only the memory is its own."""

    def __init__(self, group: _Group, exporter: str, *, third_party: bool) -> None:
        self._group = group
        self._exporter = exporter
        self._third_party = third_party
        self.closed = False

    @property
    def run(self) -> Run:
        return self._group.context.run

    @property
    def settings(self) -> Settings:
        settings = self._group.context.settings
        # Frozen as they are, somebody may change them all the same, and then only what is theirs.
        return replace(settings) if self._third_party else settings

    @property
    def clock(self) -> Clock:
        return self._group.context.clock

    @property
    def aws(self) -> Aws:
        return self._group.context.aws

    @property
    def memory(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._group.memory.get("by", {}).get(self._exporter, {})
        return found

    def machines(self) -> tuple[str, ...]:
        return self._group.context.machines()

    def roll(self) -> tuple[Machine, ...]:
        machines = self._group.context.roll()
        return tuple(map(replace, machines)) if self._third_party else machines

    def events(self) -> Sequence[Event]:
        return self._group.context.events()

    def numbers(
        self, subject: str | None = RUN, *, since: datetime | None = None
    ) -> Sequence[Bucket]:
        return self._group.context.numbers(subject, since=since)

    def commit(
        self,
        *,
        event: str | None = None,
        text: str = "",
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        run: Callable[[Run], Run] | None = None,
    ) -> None:
        context = self._group.context
        if self.closed:
            raise Refused(
                f"{self._exporter} has had its time, so nothing that it wants to write down now is"
            )
        if memory is not None:
            of_group = self._group.memory
            by = {**of_group.get("by", {}), self._exporter: dict(memory)}
            memory = {**context.memory, self._group.name: {**of_group, "by": by}}
        context.commit(event=event, text=text, data=data, memory=memory, run=run)
