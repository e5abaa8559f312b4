"""One plugin manager per engine: what the plugins offer, and the hooks that they are asked by."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from dcp_engine.answers import OF_THE_ENGINE, few, nothing, offered, short, something
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Duty, LogExporter, Records, TeardownStep, Tick
from dcp_engine.loaded import Selection
from dcp_engine.model import Event, PluginRecord, Run
from dcp_engine.plugin_calls import PATIENCE, Calls
from dcp_engine.plugin_facts import Owned, PluginFacts, PluginFailure
from dcp_engine.plugin_loading import Loading
from dcp_engine.plugin_sources import BUILT_IN, Source
from dcp_engine.step_order import never_begins
from dcp_engine.store.codec import apart

# What a run's summary has room for.
_MOST_LINES = 20
_LONGEST_LINE = 300

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
        patience: timedelta = PATIENCE,
    ) -> None:
        """`tables` and `environ` are what was said of each plugin, `config` where its table stands.

        `patience` is for one call of a hook, by the wall clock.
        """
        self._calls = Calls(patience)
        self._loading = Loading(
            self._calls, tables=dict(tables or {}), environ=dict(environ or {}), config=config
        )
        for name, plugin in (built_in or {}).items():
            self._loading.take(name, plugin, BUILT_IN)

    def add(self, name: str, plugin: object) -> None:
        """Register somebody's plugin object; one that does not fit is recorded as failed."""
        self._loading.take(name, plugin, "added")

    def load(
        self,
        built_in: Sequence[Source],
        selection: Selection,
        resting: Callable[[], Mapping[str, PluginRecord]] = dict,
    ) -> None:
        """Register our own, and of everybody else's those that are wanted.

        `resting` are those that kept everybody waiting when they were loaded, and are left out for
        a time; asked only where there is anybody else's.
        """
        self._loading.load(built_in, selection, resting)

    def mark(self, name: str) -> str | None:
        """What tells a plugin from another version of it."""
        return self._loading.mark(name)

    @property
    def failures(self) -> list[PluginFailure]:
        """What each of them did not do the last time it was asked."""
        return self._calls.failures

    def facts(self) -> list[PluginFacts]:
        """Every plugin there is, the built-in ones first."""
        return self._loading.facts()

    def call(self, owner: Owned[Any], limit: timedelta, act: Callable[[], T]) -> T:
        """What `act`, which is a plugin's, returns or raises. Raises Hangs.

        A third party's is left behind after so long, and is not called again before it came back.
        """
        return self._calls.offered(owner, limit, act)

    def in_words(self, error: BaseException | str) -> str:
        """An exception as one line: its kind where its text does not say enough, no secrets."""
        return self._calls.in_words(error)

    def hide(self, text: str) -> str:
        """The text without any secret of theirs."""
        return self._calls.hide(text)

    def is_third_party(self, name: str) -> bool:
        """Whether it is somebody else's."""
        return self._calls.is_third_party(name)

    @property
    def has_third_party(self) -> bool:
        """Whether any of somebody else's was loaded, or was tried to be."""
        return self._calls.has_third_party

    # What they offer.

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
            self._calls.fail(plugin, "teardown_steps", words)
        return tuple(owned for owned in found if owned not in left_out)

    def log_exporters(self, settings: Settings) -> tuple[Owned[LogExporter], ...]:
        """Every way to bring the logs home, in the order in which they are tried."""
        found = self._collect("log_exporters", LogExporter, settings=settings)
        return tuple(sorted(found, key=lambda owned: (not owned.third_party, owned.plugin)))

    def notifiers(self) -> tuple[str, ...]:
        """The names of the plugins that tell people about events."""
        return tuple(self._loading.having("notify"))

    def lookers(self) -> tuple[str, ...]:
        """The names of the plugins that look on."""
        return tuple(self._loading.having("ticked"))

    def notify(self, notifier: str, run: Run, event: Event) -> PluginFailure | None:
        """Tell an event through one notifier; what went wrong, None when nothing did."""
        if not self._loading.has(notifier):
            return PluginFailure(
                plugin=notifier,
                hook="notify",
                error=f"the plugin {notifier} is not installed any more, disabled, or not to be "
                "loaded",
            )
        return self._ask(notifier, "notify", partial(nothing, hook="notify"), run=run, event=event)

    def summary(self, run: Run) -> dict[str, str]:
        """What the plugins add to a run's summary."""
        lines: dict[str, str] = {}
        for name in self._loading.having("summary"):
            own: dict[str, str] = {}

            def take(answers: list[Any], own: dict[str, str] = own) -> None:
                for answer in something(answers, "summary"):
                    for what, text in few(answer.items(), "lines"):
                        if not (isinstance(what, str) and isinstance(text, str)):
                            raise TypeError(f"summary returned {what!r}: {text!r}, not two texts")
                        own[self._line(what)] = self._line(text)

            if self._ask(name, "summary", take, run=run) is None:
                lines = {**own, **lines}
        return dict(list(lines.items())[:_MOST_LINES])

    def ticked(
        self, run: Run, tick: Tick, records: Records, *, but_for: Container[str] = ()
    ) -> dict[str, PluginFailure | None]:
        """Let them look on, but for some; what came of each."""
        take = partial(nothing, hook="ticked")
        return {
            name: self._ask(name, "ticked", take, run=run, tick=tick, records=records)
            for name in self._loading.having("ticked")
            if name not in but_for
        }

    def ready(self, name: str, settings: Settings) -> tuple[str, ...]:
        """What a plugin lacks, in words; what it raised is one more."""
        lacking: list[str] = []

        def take(answers: list[Any]) -> None:
            for answer in something(answers, "ready"):
                if isinstance(answer, str):
                    raise TypeError(f"ready returned a text and not several: {answer!r}")
                for line in few(answer, "complaints"):
                    if not isinstance(line, str):
                        raise TypeError(f"ready returned {line!r:.100} among its texts")
                    lacking.append(short(line, clean=self.in_words))

        failure = self._ask(name, "ready", take, settings=settings)
        return (*lacking, failure.error) if failure else tuple(lacking)

    def commands(
        self, settings: Settings, kind: type[T], ours: Collection[str] = ()
    ) -> tuple[Owned[T], ...]:
        """The commands that they add, of the type that the command line knows, and none of ours."""
        found = []
        for owned in self._collect("commands", kind, settings=settings):
            if (name := getattr(owned.item, "name", None)) in ours:
                self._calls.fail(
                    owned.plugin, "commands", f"dcp-engine has a command {name} of its own"
                )
            else:
                found.append(owned)
        return tuple(found)

    def _collect(self, hook: str, kind: type[T], **values: object) -> tuple[Owned[T], ...]:
        found: dict[str, Owned[T]] = {}
        for name in self._loading.having(hook):
            own: list[tuple[str, T]] = []

            def take(answers: list[Any], own: list[tuple[str, T]] = own) -> None:
                for answer in something(answers, hook):
                    for item in few(answer, hook):
                        if not isinstance(item, kind):
                            raise TypeError(f"{hook} returned {item!r}, not a {kind.__name__}")
                        plain = offered(item, self.in_words)
                        own.append((str(getattr(plain, "name", "")), plain))

            if self._ask(name, hook, take, **values) is not None:
                continue
            for named, item in own:
                if self._calls.is_third_party(name) and named in OF_THE_ENGINE.get(hook, ()):
                    self._calls.fail(name, hook, f"{named} is a name of the engine's own")
                    continue
                if named in found:
                    by = found[named].plugin
                    self._calls.fail(
                        name, hook, f"{named} is taken: the plugin {by} has one already"
                    )
                    continue
                found[named] = Owned(name, self._calls.is_third_party(name), item)
        return tuple(found.values())

    def _ask(
        self,
        name: str,
        hook: str,
        take: Callable[[list[Any]], None] = lambda _: None,
        **values: object,
    ) -> PluginFailure | None:
        if self._calls.is_third_party(name):
            values = {key: _of_its_own(value) for key, value in values.items()}
        return self._calls.isolated(
            name, hook, lambda: take(self._loading.hook(name, hook)(**values))
        )

    def _line(self, text: str) -> str:
        return short(text, _LONGEST_LINE, self.in_words)


def _of_its_own(value: object) -> object:
    """The same for a third party: frozen as it is, somebody may change it all the same."""
    match value:
        case Run() | Event():
            # There are dicts in these.
            return apart(value, type(value))
        case msgspec.Struct():
            return msgspec.structs.replace(value)
        case _:
            return value
