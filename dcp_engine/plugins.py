"""One plugin manager per engine: built-ins by name, installed ones by entry point, each isolated.

A plugin that raises anything, calls `sys.exit`, or does not come back is recorded with its name and
what it said; it stops neither the engine nor the other plugins.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec
import pluggy

from dcp_engine.errors import Hangs
from dcp_engine.hookspecs import PROJECT, Duty, Hooks, TeardownStep
from dcp_engine.isolation import within
from dcp_engine.model import Event, Run, Settings

ENTRY_POINT_GROUP = "dcp_engine"
# So long may loading a plugin, or one call of a hook that is not a duty or a step, take.
_PATIENCE = timedelta(seconds=30)


class PluginFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that did not do what was asked."""

    plugin: str
    hook: str
    error: str


class Plugins:
    """The plugins of one engine."""

    def __init__(self, built_in: Mapping[str, object], *, patience: timedelta = _PATIENCE) -> None:
        """`patience` is for one call of a hook, by the wall clock."""
        self._patience = patience
        self._left: dict[str, Callable[[], bool]] = {}
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self.failures: list[PluginFailure] = []
        for name, plugin in built_in.items():
            self.add(name, plugin)

    def add(self, name: str, plugin: object) -> None:
        """Register a plugin object under a name; one that does not fit is recorded as failed."""
        self._isolated(name, "register", lambda: self._manager.register(plugin, name))

    def load_installed(self) -> None:
        """Register every plugin that installed distributions offer in the group `dcp_engine`."""
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            self._isolated(entry_point.name, "load", partial(self._load, entry_point))

    def duties(self, settings: Settings) -> tuple[Duty, ...]:
        """Every duty of every plugin, the first of each name."""
        return _first_of_each_name(self._collect("duties", Duty, settings=settings))

    def teardown_steps(self, settings: Settings) -> tuple[TeardownStep, ...]:
        """Every teardown step of every plugin, the first of each name."""
        return _first_of_each_name(self._collect("teardown_steps", TeardownStep, settings=settings))

    def notifiers(self) -> tuple[str, ...]:
        """The names of the plugins that tell people about events."""
        return tuple(impl.plugin_name for impl in self._manager.hook.notify.get_hookimpls())

    def notify(self, notifier: str, run: Run, event: Event) -> str | None:
        """Tell an event through one notifier; what went wrong in words, None when nothing did."""
        if not self._manager.has_plugin(notifier):
            return f"the plugin {notifier} is not installed any more"
        failure = self._isolated(
            notifier, "notify", lambda: self._only(notifier, "notify")(run=run, event=event)
        )
        return None if failure is None else failure.error

    def _collect(self, hook: str, kind: type[Any], **values: object) -> Iterable[Any]:
        found: list[Any] = []
        for impl in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            name = impl.plugin_name

            def ask(name: str = name) -> None:
                for answer in self._only(name, hook)(**values):
                    for item in answer:
                        if not isinstance(item, kind):
                            raise TypeError(f"{hook} returned {item!r}, not a {kind.__name__}")
                        found.append(item)

            self._isolated(name, hook, ask)
        return found

    def _only(self, name: str, hook: str) -> Any:
        others = [
            plugin for other, plugin in self._manager.list_name_plugin() if other != name and plugin
        ]
        return self._manager.subset_hook_caller(hook, others)

    def _load(self, entry_point: EntryPoint) -> None:
        self._manager.register(entry_point.load(), entry_point.name)

    def _isolated(self, plugin: str, hook: str, act: Callable[[], object]) -> PluginFailure | None:
        try:
            if not self._left.get(plugin, _over)():
                raise RuntimeError("an earlier call of it has not come back yet")  # noqa: TRY301
            within(self._patience, act)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            failure = PluginFailure(plugin=plugin, hook=hook, error=in_words(error))
            self.failures.append(failure)
            if isinstance(error, Hangs):
                # Every run of this process would wait for it anew.
                self._left[plugin] = error.over
            return failure
        return None


def in_words(error: BaseException) -> str:
    """An exception as one line: its kind where its text does not say enough."""
    text = " ".join(str(error).split())
    return text if text and type(error).__module__.startswith(PROJECT) else repr(error)


def _over() -> bool:
    return True


def _first_of_each_name(items: Iterable[Any]) -> tuple[Any, ...]:
    by_name: dict[str, Any] = {}
    for item in items:
        by_name.setdefault(item.name, item)
    return tuple(by_name.values())
