"""The runs that a database remembers, as a plugin or a command may look at them."""

from collections.abc import Callable, Sequence
from typing import Self

from dcp_engine.errors import Ambiguous
from dcp_engine.model import Event, Run
from dcp_engine.store.protocol import Store


def found(store: Store, name: str) -> Run:
    """The run of that APP_NAME or run id.

    An APP_NAME means the live run of that name, or else the newest that has ended. Raises
    NoSuchRun, and Ambiguous when live runs in several accounts or regions have the name.
    """
    runs = store.runs(app_name=name)
    live = [run for run in runs if run.live]
    if len(live) > 1:
        where = [f"{run.id} in account {run.account}, {run.region}" for run in live]
        raise Ambiguous(
            f"More than one live run is named {name}. Give the run id of the one you mean, in "
            "place of the name:",
            where,
        )
    if live or runs:
        return (live or runs)[0]
    return store.run(name)


class RememberedRuns:
    """`hookspecs.Records`: the runs in the database."""

    def __init__(
        self,
        runs: Callable[[bool], Sequence[Run]],
        find: Callable[[str], Run],
        events: Callable[[str], Sequence[Event]],
    ) -> None:
        self._runs = runs
        self._find = find
        self._events = events

    @classmethod
    def of(cls, store: Store) -> Self:
        """All that this store remembers."""
        return cls(
            lambda live: store.runs(live=live),
            lambda name: found(store, name),
            lambda name: store.events(found(store, name).id),
        )

    def runs(self, *, live: bool = True) -> Sequence[Run]:
        return self._runs(live)

    def find(self, name: str) -> Run:
        return self._find(name)

    def events(self, name: str) -> Sequence[Event]:
        return self._events(name)
