"""Calling plugins: each call in its time, what it prints heard, what it raises in words.

A plugin that raises anything, calls `sys.exit`, or does not come back is recorded with its name and
what it said; it stops neither the engine nor the other plugins.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, TypeVar

from dcp_engine.errors import Hangs, Later
from dcp_engine.isolation import within
from dcp_engine.overheard import Overhearing
from dcp_engine.plugin_facts import Owned, PluginFailure, in_words, spoken
from dcp_engine.secret import Hiding

# So long may loading a plugin, or one call of a hook that is not a duty or a step, take.
PATIENCE: Final = timedelta(seconds=30)
# Our own say there what they offer, and nothing in that can hang: they need no thread for it.
_OFFERS: Final = frozenset({"load", "duties", "teardown_steps", "log_exporters"})
# What a person may want to read of one error.
_LONGEST_ERROR = 2000

T = TypeVar("T")


class Calls:
    """Calls the plugins of one engine, and knows what each did not do the last time."""

    def __init__(self, patience: timedelta) -> None:
        """`patience` is for one call of a hook, by the wall clock."""
        self._patience = patience
        self._third_party: set[str] = set()
        self._left: dict[str, Callable[[], bool]] = {}
        self._secrets: frozenset[str] = frozenset()
        self._hiding = Hiding(())
        self._overhearing = Overhearing(self.in_words)
        self._failures: dict[tuple[str, str], PluginFailure] = {}

    @property
    def failures(self) -> list[PluginFailure]:
        """What each of them did not do the last time it was asked."""
        return list(self._failures.values())

    def distrust(self, plugin: str) -> None:
        """It is a third party's."""
        self._third_party.add(plugin)

    @property
    def has_third_party(self) -> bool:
        """Whether there is any of somebody else's."""
        return bool(self._third_party)

    def is_third_party(self, plugin: str) -> bool:
        """Whether it is somebody else's."""
        return plugin in self._third_party

    def keep(self, secrets: Iterable[str]) -> None:
        """From now on these are shown nowhere."""
        self._secrets |= {*secrets}
        self._hiding = Hiding(self._secrets)

    def hide(self, text: str) -> str:
        """The text without any secret."""
        return self._hiding(text)

    def in_words(self, error: BaseException | str) -> str:
        """An exception as one line: its kind where its text does not say enough, no secrets."""
        text = self._hiding(error if isinstance(error, str) else in_words(error))
        return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"

    def offered(self, owner: Owned[Any], limit: timedelta, act: Callable[[], T]) -> T:
        """What `act`, of something that a plugin offers, returns or raises. Raises Hangs.

        A third party's that has not come back from an earlier call is not called again. One of ours
        waits for nothing but AWS and the store, and each of those has a limit of its own.
        """
        if not owner.third_party:
            return act()
        return self._heard(owner.plugin, limit, act)

    def isolated(self, plugin: str, hook: str, act: Callable[[], object]) -> PluginFailure | None:
        """What went wrong with one call of a hook; None when nothing did, and then it is over."""
        try:
            if plugin in self._third_party:
                self._heard(plugin, self._patience, act)
            elif hook in _OFFERS:
                act()
            else:
                within(self._patience, act)
        except Later as error:
            return self.fail(plugin, hook, self.in_words(error), later=error.after)
        except Hangs as error:
            before = self._failures.get((plugin, hook))
            # That it still hangs says less than what it did before.
            words = before.error if before and error.still else self.in_words(error)
            return self.fail(plugin, hook, words, hung=True, still=error.still)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            return self.fail(plugin, hook, self.in_words(error))
        self._failures.pop((plugin, hook), None)
        return None

    def fail(
        self,
        plugin: str,
        hook: str,
        error: str,
        *,
        hung: bool = False,
        still: bool = False,
        later: timedelta | None = None,
    ) -> PluginFailure:
        """Record what it did not do."""
        failure = PluginFailure(
            plugin=plugin, hook=hook, error=error, hung=hung, still=still, later=later
        )
        self._failures[plugin, hook] = failure
        return failure

    def _heard(self, plugin: str, limit: timedelta, act: Callable[[], T]) -> T:
        if not self._left.get(plugin, _over)():
            raise Hangs(
                "an earlier call of it has not come back yet", self._left[plugin], still=True
            )

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


def _over() -> bool:
    return True
