"""Loading plugins: built-ins by name, installed ones by entry point, files by their path.

All go the same way, and nothing of one that is not wanted is imported.
"""

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pluggy

from dcp_engine import options as plugin_options
from dcp_engine.answers import something
from dcp_engine.errors import PluginFailed
from dcp_engine.loaded import Selection
from dcp_engine.model import PluginRecord
from dcp_engine.plugin_calls import Calls
from dcp_engine.plugin_facts import PluginFacts, in_words
from dcp_engine.plugin_hooks import hooks_of, new_manager
from dcp_engine.plugin_sources import BUILT_IN, Source, in_file, installed, mark_of
from dcp_engine.selection import is_path
from dcp_engine.words import counted


class _NoOptions(msgspec.Struct):
    """Of a plugin without any."""


class Loading:
    """The plugins of one engine that could be loaded, and what is known of the others."""

    def __init__(
        self,
        calls: Calls,
        *,
        tables: Mapping[str, Mapping[str, object]],
        environ: Mapping[str, str],
        config: Path | None,
    ) -> None:
        """`tables` and `environ` are what was said of each plugin, `config` where its table is."""
        self._calls = calls
        self._tables = tables
        self._environ = environ
        self._config = config
        self._options: dict[str, object] = {}
        self._facts: dict[str, PluginFacts] = {}
        self._marks: dict[str, str | None] = {}
        self._manager = new_manager()
        self._trial = new_manager()

    def take(self, name: str, plugin: object, origin: str) -> None:
        """Register one that is there already; one that does not fit is recorded as failed."""
        if origin != BUILT_IN:
            self._calls.distrust(name)
        self._take(Source(name=name, origin=origin, version=None, load=partial(_itself, plugin)))

    def load(
        self,
        built_in: Sequence[Source],
        selection: Selection,
        resting: Callable[[], Mapping[str, PluginRecord]],
    ) -> None:
        """Register our own, and of everybody else's those that are wanted, not resting."""
        left_out: Mapping[str, PluginRecord] | None = None
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
                self._calls.fail(
                    source.name,
                    "load",
                    f"there are two plugins named {source.name}; the one from {source.origin} is "
                    "left out",
                )
                continue
            taken.add(source.name)
            if third_party:
                self._calls.distrust(source.name)
            if source.name in selection.disabled:
                self._facts[source.name] = _facts(source, "disabled")
                continue
            if third_party:
                left_out = resting() if left_out is None else left_out
                self._marks[source.name] = mark = mark_of(source)
                if (record := left_out.get(source.name)) and record.mark == mark:
                    self._leave_out(source, record)
                    continue
            self._take(source)
        for source in there:
            if source.name not in taken:
                self._facts[source.name] = _facts(source, "not wanted")
        if not nothing_else:
            # What is installed was looked for, so what was not found is not there.
            self._complain_of_strangers(selection)
        self._complain_of_misspelt(selection)

    def mark(self, name: str) -> str | None:
        """What tells a plugin from another version of it."""
        return self._marks.get(name)

    def facts(self) -> list[PluginFacts]:
        """Every plugin there is, the built-in ones first."""
        failures = self._calls.failures
        errors = {failure.plugin: failure.error for failure in reversed(failures)}
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

    def has(self, name: str) -> bool:
        """Whether there is such a plugin to be called."""
        return bool(self._manager.has_plugin(name))

    def having(self, hook: str) -> list[str]:
        """The plugins that have a hook, in the order in which they were loaded."""
        impls = getattr(self._manager.hook, hook).get_hookimpls()
        having = {impl.plugin_name for impl in impls}
        return [name for name in self._facts if name in having]

    def hook(self, name: str, hook: str) -> Callable[..., list[Any]]:
        """A hook of one plugin alone, to be called by it; the list has what is not None."""
        others = [
            plugin for other, plugin in self._manager.list_name_plugin() if other != name and plugin
        ]
        return partial(
            self._manager.subset_hook_caller(hook, others), options=self._options.get(name)
        )

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
                self._calls.fail(wanted, "load", f"it is not installed; installed are: {known}")
        return found

    def _leave_out(self, source: Source, record: PluginRecord) -> None:
        self._facts[source.name] = _facts(source, "failed")
        times = counted(record.failures, "time")
        self._calls.fail(
            source.name,
            "load",
            f"{record.error.rstrip('.')}. That was so {times} on end, so it is left out until "
            f"{record.next_at:%Y-%m-%d %H:%M} UTC, unless it is changed before; `dcp-engine "
            "plugins check` tries it at once",
        )

    def _complain_of_strangers(self, selection: Selection) -> None:
        for name in selection.tables:
            if name not in self._facts:
                self._calls.fail(name, "options", f"there is no plugin for the table [{name}]")

    def _complain_of_misspelt(self, selection: Selection) -> None:
        """With nobody else's wanted the installed ones are looked for only where it matters."""
        unknown = [name for name in selection.disabled if name not in self._facts]
        there = {s.name for s in installed()} if unknown and selection.only == () else set()
        for name in unknown:
            if name not in there:
                self._calls.fail(name, "disable", "there is no plugin of that name to be disabled")

    def _take(self, source: Source) -> None:
        name = source.name
        self._facts[name] = _facts(source, "loaded")
        loaded: list[tuple[types.ModuleType, object]] = []
        # A third party's has one of its own, since it may come back when others are tried.
        trial = self._trial if source.origin == BUILT_IN else new_manager()

        def load() -> None:
            hooks = hooks_of(name, _loaded(source), trial)
            loaded.append((hooks, self._read_options(name, trial)))

        # One that comes back too late finds nobody who would register it.
        if self._calls.isolated(name, "load", load) is not None:
            self._facts[name] = _facts(source, "failed")
            self._trial = new_manager()
            return
        trial.unregister(name=name)
        ((hooks, options),) = loaded
        self._manager.register(hooks, name)
        self._options[name] = options

    def _read_options(self, name: str, trial: pluggy.PluginManager) -> object:
        given = plugin_options.Given(
            table=self._tables.get(name, {}),
            variables=plugin_options.variables_of(name, self._facts, self._environ),
            config=self._config,
        )
        shapes = trial.hook.options()
        if not shapes and given.table and not self._calls.is_third_party(name):
            # Left out for that, one of ours would leave machines or queues behind.
            self._calls.fail(name, "options", f"it has no settings, and there is a table [{name}]")
            return None
        if trial.hook.options.get_hookimpls():
            something(shapes, "options")
        shape = shapes[0] if shapes else _NoOptions
        if not (isinstance(shape, type) and issubclass(shape, msgspec.Struct)):
            raise TypeError(f"options returned {shape!r}, not a type of msgspec.Struct")
        read = plugin_options.read(name, shape, given, self._calls.keep)
        self._calls.keep(plugin_options.secrets_of(read))
        return read if shapes else None


def _facts(source: Source, state: str) -> PluginFacts:
    return PluginFacts(
        name=source.name, origin=source.origin, version=source.version, hooks=(), state=state
    )


def _loaded(source: Source) -> object:
    """The plugin; one that leaves in place of being loaded is most likely a script."""
    try:
        return source.load()
    except SystemExit as error:
        raise PluginFailed(
            f"it called sys.exit while being loaded ({in_words(error)}); what a script does "
            'belongs under `if __name__ == "__main__":`'
        ) from error


def _itself(plugin: object) -> object:
    return plugin
