"""Going over the machines of a run: each of them once, and all of them again now and then.

A round is over the machines that had been up for long enough when it began. Those that had been so
when the round before began have had their turn. So two moments tell who is next, however many
machines there are, and a run to which no machine comes asks nothing of AWS. Every so often a round
is over all of them, for what somebody took away meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from dcp_engine.hookspecs import Context
from dcp_engine.model import Machine


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """It began at `began`, the one before it at `since`: None where everybody has another turn.

    `after` is the last machine that has had its turn in it, in the order of their ids.
    """

    began: datetime
    since: datetime | None = None
    after: str = ""

    def left(self, roll: Iterable[Machine], grace: timedelta) -> list[Machine]:
        """Who is up and has not had their turn, of those that had been up for `grace`."""
        return sorted(
            (
                machine
                for machine in roll
                if machine.ended_at is None
                and machine.instance_id > self.after
                and _ripe(machine, self.began, grace)
                and not (self.since and _ripe(machine, self.since, grace))
            ),
            key=lambda machine: machine.instance_id,
        )


def _ripe(machine: Machine, at: datetime, grace: timedelta) -> bool:
    """Whether a machine was on the roll at a moment, and had been up for so long by then."""
    return machine.first_seen <= at and machine.began <= at - grace


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered: when the last round that ended began, the last one over all, and the one
    that is under way. `told` is the last machine that an event of this round has named.
    """

    latest: datetime | None = None
    whole: datetime | None = None
    under_way: Round | None = None
    told: str = ""

    def next_round(self, now: datetime, every: timedelta) -> Round:
        """The round that is under way or, where none is, the one that begins now."""
        if self.under_way is not None and self.under_way.began <= now:
            return self.under_way
        # A clock that was set back knows nothing of those that came meanwhile.
        known = self.latest is not None and self.latest <= now
        again = self.whole is None or not timedelta(0) <= now - self.whole < every
        return Round(began=now, since=self.latest if known and not again else None)

    def after_it(self, ended: Round) -> "Past":
        """What is remembered once a round has ended."""
        return Past(latest=ended.began, whole=self.whole if ended.since else ended.began)


def remembered(memory: Mapping[str, Any]) -> Past:
    """What a duty's memory holds of its rounds."""
    return msgspec.convert(memory.get("rounds", {}), Past)


class Turns:
    """One pass over the machines whose turn it is, as far as it gets."""

    def __init__(self, context: Context, *, grace: timedelta, every: timedelta) -> None:
        """Everybody has another turn `every` so often."""
        self._context = context
        self._past = remembered(context.memory)
        self._round = self._past.next_round(context.clock.now(), every)
        self._left = self._round.left(context.roll(), grace)

    def batches(self, most: int) -> Iterator[list[Machine]]:
        """Those whose turn it is, so many at a time.

        That a batch has had its turn is written down when the next one is asked for.
        """
        for start in range(0, len(self._left), most):
            batch = self._left[start : start + most]
            yield batch
            if batch[-1] is not self._left[-1]:
                self.had(batch[-1])
        if self._left or self._past.under_way:
            self._past = self._past.after_it(self._round)
            self._write()

    def had(self, machine: Machine) -> None:
        """Write down that those up to this one have had their turn."""
        self._round = replace(self._round, after=machine.instance_id)
        self._past = replace(self._past, under_way=self._round)
        self._write()

    def announce(self, last: Machine, event: str, text: str, data: Mapping[str, Any]) -> None:
        """Commit what is about to be done for those up to `last`; told once in a round.

        What AWS refuses is tried again and again, and is no news then.
        """
        if last.instance_id <= self._past.told:
            return
        self._past = replace(self._past, told=last.instance_id, under_way=self._round)
        self._context.commit(event=event, text=text, data=data, memory=self._memory())

    def _write(self) -> None:
        self._context.commit(memory=self._memory())

    def _memory(self) -> dict[str, Any]:
        return {**self._context.memory, "rounds": msgspec.to_builtins(self._past)}
