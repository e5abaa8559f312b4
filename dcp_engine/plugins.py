"""One plugin manager per engine: built-ins by name, installed ones by entry point, each isolated.

A plugin that raises anything, calls `sys.exit`, or does not come back is recorded with its name and
what it said; it stops neither the engine nor the other plugins.
"""

import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dcp_engine import options as plugin_options
from dcp_engine.answers import OF_THE_ENGINE, few, offered
from dcp_engine.defaults import Settings
from dcp_engine.errors import Hangs
from dcp_engine.hookspecs import Duty, LogExporter, TeardownStep, Tick
from dcp_engine.isolation import within
from dcp_engine.loaded import Selection
from dcp_engine.model import Event, Run
from dcp_engine.overheard import Overhearing
from dcp_engine.plugin_facts import (
    Owned,
    PluginFacts,
    PluginFailure,
    in_words,
    spoken,
    without_secrets,
)
from dcp_engine.plugin_hooks import hooks_of, new_manager
from dcp_engine.plugin_sources import BUILT_IN, Source, in_file, installed
from dcp_engine.secret import hide
from dcp_engine.selection import is_path
from dcp_engine.step_order import never_begins
from dcp_engine.store.codec import apart

# So long may loading a plugin, or one call of a hook that is not a duty or a step, take.
_PATIENCE = timedelta(seconds=30)
# What a run's summary has room for.
_MOST_LINES = 20
_LONGEST_LINE = 300
# What a person may want to read of one error.
_LONGEST_ERROR = 2000

T = TypeVar("T")


class Plugins:
    """The plugins of one engine."""

    def __init__(
        self,
        built_in: Mapping[str, object] | None = None,
        *,
        tables: Mapping[str, Mapping[str, object]] | None = None,
        environ: Mapping[str, str] | None = None,
        config: Path | None = None,
        patience: timedelta = _PATIENCE,
    ) -> None:
        """`tables` and `environ` are what was said of each plugin, `config` where its table stands.

        `patience` is for one call of a hook, by the wall clock.
        """
        self._tables = dict(tables or {})
        self._environ = dict(environ or {})
        self._config = config
        self._patience = patience
        self._left: dict[str, Callable[[], bool]] = {}
        self._overhearing = Overhearing(self.in_words)
        self._options: dict[str, object] = {}
        self._secrets: frozenset[str] = frozenset()
        self._facts: dict[str, PluginFacts] = {}
        self._third_party: set[str] = set()
        self._failures: dict[tuple[str, str], PluginFailure] = {}
        self._manager = new_manager()
        for name, plugin in (built_in or {}).items():
            self._take(
                Source(name=name, origin=BUILT_IN, version=None, load=partial(_itself, plugin))
            )

    # Loading.

    def add(self, name: str, plugin: object) -> None:
        """Register somebody's plugin object; one that does not fit is recorded as failed."""
        self._third_party.add(name)
        self._take(Source(name=name, origin="added", version=None, load=partial(_itself, plugin)))

    def load(self, built_in: Sequence[Source], selection: Selection) -> None:
        """Register our own, and of everybody else's those that are wanted."""
        self._tables, self._config = dict(selection.tables), selection.config
        nothing_else = selection.only == ()
        there = [] if nothing_else else installed()
        sources = [*built_in, *self._wanted(there, selection, {own.name for own in built_in})]
        # Whose a variable is depends on all the names there are.
        self._facts |= {s.name: _facts(s, "loaded") for s in (*sources, *there)}
        taken = {source.name for source in built_in}
        for source in sources:
            third_party = source.origin != BUILT_IN
            if third_party and source.name in taken:
                self._fail(
                    source.name,
                    "load",
                    f"there are two plugins named {source.name}; the one from {source.origin} is "
                    "left out",
                )
                continue
            taken.add(source.name)
            if third_party:
                self._third_party.add(source.name)
            if source.name in selection.disabled:
                self._facts[source.name] = _facts(source, "disabled")
            else:
                self._take(source)
        for source in there:
            if source.name not in taken:
                self._facts[source.name] = _facts(source, "not wanted")
        if not nothing_else:
            # What is installed was looked for, so what was not found is not there.
            self._complain_of_strangers(selection)

    def _wanted(
        self, there: Sequence[Source], selection: Selection, ours: Collection[str]
    ) -> list[Source]:
        if selection.only is None:
            return list(there)
        by_name = {source.name: source for source in there}
        found = []
        for wanted in selection.only:
            if is_path(wanted):
                found.append(in_file(Path(wanted)))
            elif wanted in by_name:
                found.append(by_name[wanted])
            elif wanted not in ours:
                known = ", ".join(sorted(by_name)) or "none"
                self._fail(wanted, "load", f"it is not installed; installed are: {known}")
        return found

    def _complain_of_strangers(self, selection: Selection) -> None:
        for name in selection.tables:
            if name not in self._facts:
                self._fail(name, "options", f"there is no plugin for the table [{name}]")
        for name in selection.disabled:
            if name not in self._facts:
                self._fail(name, "disable", "there is no plugin of that name to be disabled")

    def _take(self, source: Source) -> None:
        name = source.name
        self._facts[name] = _facts(source, "loaded")
        loaded: list[tuple[types.ModuleType, object]] = []

        def load() -> None:
            hooks = hooks_of(name, source.load())
            loaded.append((hooks, self._read_options(name, hooks)))

        # One that comes back too late finds nobody who would register it.
        if self._isolated(name, "load", load) is not None:
            self._facts[name] = _facts(source, "failed")
            return
        ((hooks, options),) = loaded
        self._manager.register(hooks, name)
        self._options[name] = options

    def _read_options(self, name: str, hooks: types.ModuleType) -> object:
        given = plugin_options.Given(
            table=self._tables.get(name, {}),
            variables=plugin_options.variables_of(name, self._facts, self._environ),
            config=self._config,
        )
        trial = new_manager()
        trial.register(hooks, name)
        shapes = trial.hook.options()
        if not shapes and given.table and name not in self._third_party:
            # Left out for that, one of ours would leave machines or queues behind.
            self._fail(name, "options", f"it has no settings, and there is a table [{name}]")
            return None
        shape = shapes[0] if shapes else msgspec.defstruct("NoOptions", [])
        if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
            raise TypeError(f"options returned {shape!r}, not a type of msgspec.Struct")
        read = plugin_options.read(name, shape, given, self._keep)
        self._keep(plugin_options.secrets_of(read))
        return read if shapes else None

    def _keep(self, secrets: Iterable[str]) -> None:
        """From now on these are shown nowhere."""
        self._secrets |= {*secrets}

    # What they offer.

    @property
    def failures(self) -> list[PluginFailure]:
        """What each of them did not do the last time it was asked."""
        return list(self._failures.values())

    def facts(self) -> list[PluginFacts]:
        """Every plugin there is, the built-in ones first."""
        errors = {failure.plugin: failure.error for failure in reversed(self.failures)}
        hooks = {
            name: tuple(
                sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
            )
            for name, plugin in self._manager.list_name_plugin()
            if plugin is not None
        }
        missing = {
            name: PluginFacts(name=name, origin="-", version=None, hooks=(), state="failed")
            for name in errors
            if name not in self._facts
        }
        return [
            msgspec.structs.replace(facts, hooks=hooks.get(name, ()), error=errors.get(name))
            for name, facts in {**self._facts, **missing}.items()
        ]

    def duties(self, settings: Settings) -> tuple[Owned[Duty], ...]:
        """Every duty of every plugin, the first of each name."""
        return self._collect("duties", Duty, settings=settings)

    def teardown_steps(self, settings: Settings) -> tuple[Owned[TeardownStep], ...]:
        """Every teardown step of every plugin, the first of each name."""
        found = self._collect("teardown_steps", TeardownStep, settings=settings)
        never = never_begins({owned.item.name: owned.item.needs for owned in found})
        left_out = [o for o in found if o.third_party and o.item.name in never]
        for plugin in {owned.plugin for owned in left_out}:
            words = "; ".join(never[o.item.name] for o in left_out if o.plugin == plugin)
            self._fail(plugin, "teardown_steps", words)
        return tuple(owned for owned in found if owned not in left_out)

    def log_exporters(self, settings: Settings) -> tuple[Owned[LogExporter], ...]:
        """Every way to bring the logs home, in the order in which they are tried."""
        found = self._collect("log_exporters", LogExporter, settings=settings)
        return tuple(sorted(found, key=lambda owned: (not owned.third_party, owned.plugin)))

    def notifiers(self) -> tuple[str, ...]:
        """The names of the plugins that tell people about events."""
        return tuple(self._having("notify"))

    def notify(self, notifier: str, run: Run, event: Event) -> str | None:
        """Tell an event through one notifier; what went wrong in words, None when nothing did."""
        if not self._manager.has_plugin(notifier):
            return f"the plugin {notifier} is not installed any more, disabled, or not to be loaded"
        failure = self._ask(notifier, "notify", run=run, event=event)
        return None if failure is None else failure.error

    def summary(self, run: Run) -> dict[str, str]:
        """What the plugins add to a run's summary."""
        lines: dict[str, str] = {}
        for name in self._having("summary"):
            own: dict[str, str] = {}

            def take(answers: list[Any], own: dict[str, str] = own) -> None:
                for answer in answers:
                    for what, text in answer.items():
                        if not (isinstance(what, str) and isinstance(text, str)):
                            raise TypeError(f"summary returned {what!r}: {text!r}, not two texts")
                        own[_one_line(self.in_words(what))] = _one_line(self.in_words(text))

            if self._ask(name, "summary", take, run=run) is None:
                lines = {**own, **lines}
        return dict(list(lines.items())[:_MOST_LINES])

    def ticked(self, run: Run, tick: Tick) -> None:
        """Let them look on."""
        for name in self._having("ticked"):
            self._ask(name, "ticked", run=run, tick=tick)

    def ready(self, name: str, settings: Settings) -> tuple[str, ...]:
        """What a plugin lacks, in words; what it raised is one more."""
        lacking: list[str] = []

        def take(answers: list[Any]) -> None:
            for answer in answers:
                if isinstance(answer, str):
                    raise TypeError(f"ready returned a text and not several: {answer!r}")
                lacking.extend(self.in_words(str(line)) for line in answer)

        failure = self._ask(name, "ready", take, settings=settings)
        return (*lacking, failure.error) if failure else tuple(lacking)

    def commands(
        self, settings: Settings, kind: type[T], ours: Collection[str] = ()
    ) -> tuple[Owned[T], ...]:
        """The commands that they add, of the type that the command line knows, and none of ours."""
        found = []
        for owned in self._collect("commands", kind, settings=settings):
            if (name := getattr(owned.item, "name", None)) in ours:
                self._fail(owned.plugin, "commands", f"dcp-engine has a command {name} of its own")
            else:
                found.append(owned)
        return tuple(found)

    # Calling them.

    def call(self, owner: Owned[Any], limit: timedelta, act: Callable[[], T]) -> T:
        """What `act`, which is a plugin's, returns or raises within so long. Raises Hangs.

        A third party's that has not come back from an earlier call is not called again.
        """
        if not owner.third_party:
            return within(limit, act)
        return without_secrets(self._heard(owner.plugin, limit, act), self.in_words)

    def in_words(self, error: BaseException | str) -> str:
        """An exception as one line: its kind where its text does not say enough, no secrets."""
        text = hide(error if isinstance(error, str) else in_words(error), self._secrets)
        return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"

    def _heard(self, plugin: str, limit: timedelta, act: Callable[[], T]) -> T:
        if not self._left.get(plugin, _over)():
            raise Hangs("an earlier call of it has not come back yet", self._left[plugin])

        def overheard() -> T:
            with self._overhearing.of(plugin):
                try:
                    return act()
                except BaseException as error:  # noqa: BLE001 - it is raised again, in words
                    raise spoken(error) from None

        try:
            return within(limit, overheard)
        except Hangs as error:
            # Every run of this process would wait for it anew.
            self._left[plugin] = error.over
            raise

    def _collect(self, hook: str, kind: type[T], **values: object) -> tuple[Owned[T], ...]:
        found: dict[str, Owned[T]] = {}
        for name in self._having(hook):
            own: list[tuple[str, T]] = []

            def take(answers: list[Any], own: list[tuple[str, T]] = own) -> None:
                for answer in answers:
                    for item in few(answer, hook):
                        if not isinstance(item, kind):
                            raise TypeError(f"{hook} returned {item!r}, not a {kind.__name__}")
                        plain = offered(item)
                        own.append((str(getattr(plain, "name", "")), plain))

            if self._ask(name, hook, take, **values) is not None:
                continue
            for named, item in own:
                if name in self._third_party and named in OF_THE_ENGINE.get(hook, ()):
                    self._fail(name, hook, f"{named} is a name of the engine's own")
                    continue
                if named in found:
                    by = found[named].plugin
                    self._fail(name, hook, f"{named} is taken: the plugin {by} has one already")
                    continue
                found[named] = Owned(name, name in self._third_party, item)
        return tuple(found.values())

    def _having(self, hook: str) -> list[str]:
        """The plugins that have a hook, in the order in which they were loaded."""
        impls = getattr(self._manager.hook, hook).get_hookimpls()
        having = {impl.plugin_name for impl in impls}
        return [name for name in self._facts if name in having]

    def _ask(
        self,
        name: str,
        hook: str,
        take: Callable[[list[Any]], None] = lambda _: None,
        **values: object,
    ) -> PluginFailure | None:
        if name in self._third_party:
            # Frozen as it is, there are dicts in it that can be changed.
            values = {k: apart(v, Run) if isinstance(v, Run) else v for k, v in values.items()}
        values["options"] = self._options.get(name)
        failure = self._isolated(name, hook, lambda: take(self._only(name, hook)(**values)))
        if failure is None:
            self._failures.pop((name, hook), None)
        return failure

    def _only(self, name: str, hook: str) -> Any:
        others = [
            plugin for other, plugin in self._manager.list_name_plugin() if other != name and plugin
        ]
        return self._manager.subset_hook_caller(hook, others)

    def _isolated(self, plugin: str, hook: str, act: Callable[[], object]) -> PluginFailure | None:
        try:
            if plugin in self._third_party:
                self._heard(plugin, self._patience, act)
            else:
                within(self._patience, act)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            return self._fail(plugin, hook, self.in_words(error))
        return None

    def _fail(self, plugin: str, hook: str, error: str) -> PluginFailure:
        failure = PluginFailure(plugin=plugin, hook=hook, error=error)
        self._failures[plugin, hook] = failure
        return failure


def _facts(source: Source, state: str) -> PluginFacts:
    return PluginFacts(
        name=source.name, origin=source.origin, version=source.version, hooks=(), state=state
    )


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _itself(plugin: object) -> object:
    return plugin


def _over() -> bool:
    return True
