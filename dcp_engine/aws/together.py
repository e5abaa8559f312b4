"""What EC2 said of fleets lately, shared by all the runs that one process looks after.

One question may name a hundred fleets, and every run wants its own looked at every ten minutes. So
whoever asks first asks for the others too, and they take their answer from here, with its age.
Nothing that is about to be changed is judged by what is here: who changes something asks by itself.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.ports import FleetFacts

MOST: Final = 100
"""So many fleets are asked for in one question."""

Ask = Callable[[Sequence[str], Sequence[str]], Mapping[str, FleetFacts | None]]
"""Asks AWS after a run's own fleets and after others' with them. Its answer has all of its own;
others' that it does not have stay as they are not known."""


class Together:
    """One answer for many runs: for each account and region, and as long as the key is the same."""

    def __init__(
        self, clock: Clock, *, fresh: timedelta, lasting: timedelta, patience: timedelta
    ) -> None:
        """An answer is good for all while it is no older than `fresh`.

        Fleets that their own run has not asked after for `lasting` are left out. `patience` is how
        long somebody waits for what another has asked already.
        """
        self._clock = clock
        self._spans = fresh, lasting, patience
        self._lock = threading.Lock()
        self._fleets: dict[tuple[str, str], tuple[str, Fleets]] = {}

    def at(self, account: str, region: str, key: str) -> "Fleets":
        """What is known there to whoever has this key; another's may be allowed to see less."""
        with self._lock:
            known = self._fleets.get((account, region))
            if known is None or known[0] != key:
                known = key, Fleets(self._clock, *self._spans)
                self._fleets[account, region] = known
            return known[1]

    def forget(self) -> None:
        """Forget everything: the credentials may be somebody else's from now on."""
        with self._lock:
            self._fleets.clear()


class _Told(msgspec.Struct, frozen=True):
    """An answer, and when it was asked for, by both clocks: one may stand still, one be set."""

    facts: FleetFacts
    at: datetime
    stopwatch: float


class _Question:
    """One that is under way; `changed` are the fleets of which its answer may be out of date."""

    def __init__(self, own: Sequence[str], others: Sequence[str]) -> None:
        self.own = own
        self.others = others
        self.ids = frozenset((*own, *others))
        self.changed: set[str] = set()
        self.over = threading.Event()


class Fleets:
    """The fleets of one account and region. Every method may be called from any thread."""

    def __init__(
        self, clock: Clock, fresh: timedelta, lasting: timedelta, patience: timedelta
    ) -> None:
        self._clock = clock
        self._fresh = fresh
        self._lasting = lasting.total_seconds()
        self._patience = patience.total_seconds()
        self._lock = threading.Lock()
        self._told: dict[str, _Told] = {}
        # Those that AWS knows, and when their own run last wanted to know something of them.
        self._known: dict[str, float] = {}
        self._under_way: list[_Question] = []

    def expect(self, ids: Iterable[str]) -> None:
        """Their run will ask after these, and AWS has known them: they may be asked for with it."""
        with self._lock:
            self._known.update(dict.fromkeys(ids, self._clock.monotonic()))

    def told(self, ids: Collection[str]) -> Mapping[str, FleetFacts] | None:
        """What AWS said of all of these lately, None where it is not known of each."""
        with self._lock:
            return self._lately(ids)

    def ask(self, ids: Sequence[str], ask: Ask, *, until: float) -> Mapping[str, FleetFacts | None]:
        """What AWS said of these lately, or says now: `ask` is called where that is not known.

        Where another is asking after them already its answer is waited for, as long as there is
        patience and until that moment of the stopwatch. One that fails is its own affair. Raises
        what `ask` raises.
        """
        with self._lock:
            lately = self._lately(ids)
            if lately is not None:
                return lately
            asked = next((one for one in self._under_way if one.ids.issuperset(ids)), None)
            if asked is None:
                question = self._begin(ids, self._others(ids))
        if asked is not None:
            asked.over.wait(max(0.0, min(self._patience, until - self._clock.monotonic())))
            with self._lock:
                lately = self._lately(ids)
                if lately is not None:
                    return lately
                question = self._begin(ids, ())
        return self._asked(question, ask)

    def changed(self, ids: Collection[str]) -> None:
        """Something of these was changed: what was said of them before is not so any more."""
        with self._lock:
            for fleet_id in ids:
                self._told.pop(fleet_id, None)
            for question in self._under_way:
                question.changed.update(ids)

    def _lately(self, ids: Collection[str]) -> dict[str, FleetFacts] | None:
        now, stopwatch = self._clock.now(), self._clock.monotonic()
        found = {}
        for fleet_id in ids:
            told = self._told.get(fleet_id)
            if told is None or now < told.at:
                return None
            age = max(now - told.at, timedelta(seconds=stopwatch - told.stopwatch))
            if age > self._fresh:
                return None
            found[fleet_id] = replace(told.facts, age=age)
        self._known.update(dict.fromkeys(found, stopwatch))
        return found

    def _others(self, own: Sequence[str]) -> list[str]:
        """Who else is asked for: those of which nothing was heard for the longest.

        None is asked for together with a fleet that AWS may not know, since that fails the whole
        question.
        """
        if not all(fleet_id in self._known for fleet_id in own):
            return []
        since = self._clock.monotonic() - self._lasting
        self._known = {i: at for i, at in self._known.items() if at >= since or i in own}
        others = sorted(
            (fleet_id for fleet_id in self._known if fleet_id not in own),
            key=lambda i: self._told[i].stopwatch if i in self._told else 0.0,
        )
        return others[: max(0, MOST - len(own))]

    def _begin(self, own: Sequence[str], others: Sequence[str]) -> _Question:
        question = _Question(own, others)
        self._under_way.append(question)
        return question

    def _asked(self, question: _Question, ask: Ask) -> Mapping[str, FleetFacts | None]:
        at, stopwatch = self._clock.now(), self._clock.monotonic()
        try:
            found = ask(question.own, question.others)
            with self._lock:
                for fleet_id in question.ids:
                    self._take(fleet_id, found.get(fleet_id), question, at, stopwatch)
        finally:
            with self._lock:
                self._under_way.remove(question)
            question.over.set()
        return {fleet_id: found.get(fleet_id) for fleet_id in question.own}

    def _take(
        self,
        fleet_id: str,
        facts: FleetFacts | None,
        question: _Question,
        at: datetime,
        stopwatch: float,
    ) -> None:
        if facts is None:
            # Whether it is gone is for its own run to find out, which asks by itself from now on.
            self._told.pop(fleet_id, None)
            self._known.pop(fleet_id, None)
            return
        if fleet_id in question.own:
            self._known[fleet_id] = stopwatch
        if fleet_id not in question.changed:
            self._told[fleet_id] = _Told(facts, at, stopwatch)
