"""What a person may ask about the plugins: which there are, what they lack, whether they can tell.

It asks AWS nothing.
"""

import uuid
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec

from dcp_engine.allowance import LOGS
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.errors import BadInput
from dcp_engine.hookspecs import TeardownStep
from dcp_engine.model import Event, Names, Problem, Run, State
from dcp_engine.pauses import SUSPENDED_AFTER
from dcp_engine.plugin_facts import Owned, PluginFacts
from dcp_engine.plugin_records import TICKED, find, lifted
from dcp_engine.plugins import Plugins
from dcp_engine.remembered import RememberedRuns
from dcp_engine.text_input import nearest

T = TypeVar("T")


class PluginReport(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin: where it is from, what it does, and what it did not do.

    `state` is loaded, disabled, not wanted, failed, or suspended while a run leaves one of its
    duties alone. `troubles` are what runs say of it now, `lacking` what it said that it lacks.
    """

    plugin: PluginFacts
    state: str
    troubles: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test message: `error` is None where it was told."""

    notifier: str
    error: str | None


class TriedAgain(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that was left alone for a time, and the APP_NAMEs of the runs that try it again."""

    plugin: str
    runs: tuple[str, ...]


class PluginDesk:
    """The plugins of one process, for a person to look at."""

    def __init__(
        self,
        plugins: Plugins,
        settings: Settings,
        clock: Clock,
        records: RememberedRuns,
        ask: Callable[[Run, str, list[str], list[str]], None],
    ) -> None:
        """`ask` writes down that a run is to try a plugin again, with its duties and steps."""
        self._plugins = plugins
        self._settings = settings
        self._clock = clock
        self.records = records
        self._ask = ask

    def reports(self, *, check: bool = False) -> list[PluginReport]:
        """Every plugin there is; with `check` each is asked what it lacks."""
        return self._reports(self.records.runs(live=False), check=check)

    def lift(self, checked: Sequence[PluginReport]) -> list[TriedAgain]:
        """Have every live run try again what it leaves alone of the plugins that are fine.

        `checked` is what a check came to. Whoever drives a run obeys at its next look. Raises
        StoreError.
        """
        found = []
        live, now = self.records.runs(), self._clock.now()
        for report in checked:
            plugin = report.plugin
            if plugin.hooks and plugin.error is None and not report.lacking:
                duties, steps = self._names_of(plugin)
                runs = [run for run in live if lifted(run, plugin.name, duties, steps, now) != run]
                for run in runs:
                    self._ask(run, plugin.name, duties, steps)
                if runs:
                    names = tuple(run.names.app_name for run in runs)
                    found.append(TriedAgain(plugin=plugin.name, runs=names))
        return found

    def _names_of(self, plugin: PluginFacts) -> tuple[list[str], list[str]]:
        """The duties and the steps of a third party's plugin, the logs among them."""
        if not self._plugins.is_third_party(plugin.name):
            return [], []
        duties, steps = self._plugins.duties(self._settings), self._steps()
        logs = [LOGS] if "log_exporters" in plugin.hooks else []
        return (
            [owned.item.name for owned in duties if owned.plugin == plugin.name],
            [owned.item.name for owned in steps if owned.plugin == plugin.name] + logs,
        )

    def _steps(self) -> tuple[Owned[TeardownStep], ...]:
        return self._plugins.teardown_steps(self._settings)

    def lacking(self) -> list[PluginReport]:
        """Every plugin there is, asked what it lacks; what runs say of it is left out."""
        return self._reports((), check=True)

    def _reports(self, runs: Sequence[Run], *, check: bool) -> list[PluginReport]:
        duties = self._plugins.duties(self._settings)
        steps = self._steps()
        self._plugins.log_exporters(self._settings)
        lacking = {
            facts.name: self._plugins.ready(facts.name, self._settings)
            for facts in self._plugins.facts()
            if check and "ready" in facts.hooks
        }
        reports = []
        for facts in self._plugins.facts():
            names = {f"plugin-{facts.name}", f"notify-{facts.name}"}
            names |= {f"duty-{owned.item.name}" for owned in duties if owned.plugin == facts.name}
            names |= {f"step-{owned.item.name}" for owned in steps if owned.plugin == facts.name}
            found = [(run, p) for run in runs for p in run.problems if p.name in names]
            left_alone = [(run, p) for run, p in found if run.live]
            reports.append(
                PluginReport(
                    plugin=facts,
                    state="suspended" if _is_suspended(facts, left_alone) else facts.state,
                    troubles=tuple(f"{run.names.app_name}: {p.text}" for run, p in found),
                    lacking=lacking.get(facts.name, ()),
                )
            )
        return reports

    def tell(self, names: Sequence[str]) -> list[Told]:
        """Send a test message through these notifiers, or all. Raises BadInput for other names.

        What could not be loaded might have been a notifier, and tells nothing.
        """
        there = self._plugins.notifiers()
        failed = {facts.name: facts for facts in self._plugins.facts() if facts.state == "failed"}
        for name in names:
            if name not in there and name not in failed:
                meant = nearest(name, there)
                hint = f" Did you mean {meant}?" if meant else ""
                raise BadInput(
                    f"There is no notifier {name}.{hint} There are {', '.join(there) or 'none'}. "
                    "Nothing was sent."
                )

        def wanted(name: str) -> bool:
            return not names or name in names

        run, event = self._test()
        told = {name: self._told(name, run, event) for name in there if wanted(name)}
        told |= {name: facts.error for name, facts in failed.items() if wanted(name)}
        return [Told(notifier=name, error=error) for name, error in told.items()]

    def _told(self, name: str, run: Run, event: Event) -> str | None:
        failure = self._plugins.notify(name, run, event)
        return failure.error if failure else None

    def commands(self, kind: type[T], ours: Collection[str]) -> tuple[Owned[T], ...]:
        """The commands that plugins add; those with the names of ours are left out and named."""
        return self._plugins.commands(self._settings, kind, ours)

    def in_words(self, error: BaseException | str) -> str:
        """What a plugin raised, without any secret."""
        return self._plugins.in_words(error)

    def _test(self) -> tuple[Run, Event]:
        """A message about a run that is none."""
        now = self._clock.now()
        names = Names(
            app_name="Test", cluster="none", queue="none", bucket="none", log_group="none"
        )
        run = Run(
            id="test",
            names=names,
            account="000000000000",
            region="nowhere",
            registered_at=now,
            earliest_start=now,
            state=State.PENDING,
            state_since=now,
        )
        event = Event(
            id=uuid.uuid4().hex,
            run_id=run.id,
            at=now,
            kind="test",
            text="This is a test message of dcp-engine. Where you read this, its notifications "
            "arrive.",
        )
        return run, event


def _is_suspended(plugin: PluginFacts, found: Sequence[tuple[Run, Problem]]) -> bool:
    """Whether a run tries one of its duties, or its looking on, only once a day."""
    duties = (run.duty(problem.name.removeprefix("duty-")) for run, problem in found)
    looks = (find(run, plugin.name, TICKED) for run, _ in found)
    return any(r is not None and r.failures >= SUSPENDED_AFTER for r in (*duties, *looks))
