"""One driver's hold on one run during one tick: the lease, the run as it is, and every write.

Duties and steps may run in threads; all of them write through here, one at a time, so that the
run in memory and the run in the store are the same after every commit.
"""

import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec

from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.errors import NEEDS_PERSON, LeaseLost, OutOfTime, Unreachable
from dcp_engine.meter import Meter
from dcp_engine.model import (
    Event,
    Lease,
    Machine,
    Problem,
    Request,
    RequestKind,
    Run,
)
from dcp_engine.series import RUN, Bucket, Sample
from dcp_engine.store.protocol import Commit, Store

Change = Callable[[Run], Run]
EventParts = tuple[str, str, Mapping[str, Any]]

UNREACHABLE = "unreachable"


def unchanged(run: Run) -> Run:
    """The change that changes nothing."""
    return run


class Drive:
    """See the module. Every method may be called from any thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        lease: Lease,
        notifiers: tuple[str, ...],
        *,
        run: Run | None = None,
        untold: bool = True,
    ) -> None:
        """`run` is the run as it is in the store, where that is known.

        `untold` is whether any event of it may still be to tell.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._notifiers = notifiers
        self._lock = threading.RLock()
        self._run = run or store.run(lease.run_id)
        self._unwritten: list[Sample] | None = None
        self._only_here = False
        self.lease = lease
        self.deadline = clock.monotonic() + settings.tick_deadline.total_seconds()
        self.events: list[Event] = []
        self.meter = Meter()
        self.answered = False
        self.cut_off = False
        self.untold = untold

    @property
    def run(self) -> Run:
        """The run as last committed."""
        return self._run

    @cached_property
    def _machines(self) -> dict[str, Machine]:
        # Thousands at times, and a tick that only counts jobs needs none.
        return {machine.instance_id: machine for machine in self._store.machines(self._run.id)}

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Every machine ever recorded."""
        with self._lock:
            return tuple(self._machines.values())

    def machine_ids(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._machines)

    def another_run_of(self, fleet_id: str) -> Run | None:
        """Another live run in this store, of the same account and region, that has this fleet."""
        place = self._run.account, self._run.region
        return next(
            (
                run
                for run in self._store.runs(live=True)
                if run.id != self._run.id
                and (run.account, run.region) == place
                and fleet_id in run.fleet_ids
            ),
            None,
        )

    def guard(self) -> None:
        """Raise unless this driver still holds the run, with room for one more request.

        Called before every changing call and every retry of one. Raises LeaseLost, OutOfTime.
        """
        self.write_down()
        now = self._clock.now()
        if self._clock.monotonic() >= self.deadline:
            raise OutOfTime("tick", "deadline", "the time for this tick is over")
        held = self._store.lease(self.lease.run_id, now)
        if held is None or held.token != self.lease.token:
            raise LeaseLost(
                f"Another driver took {self._run.names.app_name} over"
                + (f": {held.holder}." if held else ".")
                + " This one changes nothing any more."
            )
        if held.until - now < self._settings.request_timeout:
            raise OutOfTime("tick", "lease", "too little is left of this driver's lease")

    def patience(self) -> timedelta:
        """How long a duty or a step may take before it is left behind.

        Its calls to AWS end by themselves at the tick's deadline, the last one a request's time
        after it.
        """
        left = max(0.0, self.deadline - self._clock.monotonic())
        return timedelta(seconds=left) + self._settings.request_timeout

    def observe(self, change: Change, samples: Iterable[Sample] = ()) -> Run:
        """Apply what was only seen; it is written with the next commit, at the latest with the
        last one of the tick, and before anything is changed in AWS.

        A process that dies before then has lost nothing: the next one looks itself.
        """
        with self._lock:
            self._run = change(self._run)
            self._unwritten = [*(self._unwritten or ()), *samples]
            return self._run

    def write_down(self) -> None:
        """Write what was only seen, if anything was. Raises LeaseLost, StoreUnwritable."""
        with self._lock:
            if self._unwritten is not None:
                self._write(self._run)

    def commit(
        self,
        change: Change = unchanged,
        *,
        events: Iterable[EventParts] = (),
        machines: Iterable[Machine] = (),
        consumed: Iterable[Request] = (),
        samples: Iterable[Sample] = (),
    ) -> Run:
        """Apply a change to the run and write it with its events, or raise and change nothing."""
        with self._lock:
            run = change(self._run)
            news = tuple(events), tuple(machines), tuple(consumed), tuple(samples)
            if run != self._run or any(news):
                self._write(run, *news)
            return self._run

    def _write(
        self,
        run: Run,
        events: Sequence[EventParts] = (),
        machines: Sequence[Machine] = (),
        consumed: Sequence[Request] = (),
        samples: Sequence[Sample] = (),
    ) -> None:
        now = self._clock.now()
        written = [
            Event(id=uuid.uuid4().hex, run_id=run.id, at=now, kind=kind, text=text, data=dict(data))
            for kind, text, data in events
        ]
        self._store.commit(
            self.lease,
            Commit(
                run=run,
                events=written,
                machines=machines,
                consumed=[request.id for request in consumed],
                notifiers=self._notifiers,
                samples=[*(self._unwritten or ()), *samples],
            ),
        )
        self._run, self._unwritten, self._only_here = run, None, False
        if machines:
            self._machines.update({m.instance_id: m for m in machines})
        self.events.extend(written)
        self.untold = self.untold or bool(written)

    def remember_unwritten(self, change: Change) -> None:
        """Apply a change in memory only: for TEARDOWN on a database that cannot be written."""
        with self._lock:
            self._run = change(self._run)
            self._only_here = True

    @property
    def is_written(self) -> bool:
        """Whether the run in the store is as it is here."""
        return self._unwritten is None and not self._only_here

    def event(self, kind: str, text: str, **data: Any) -> None:
        """Write down one event."""
        self.commit(events=[(kind, text, data)])

    def failed(
        self,
        name: str,
        text: str,
        error: BaseException,
        *,
        stranger: bool = False,
        change: Change = unchanged,
    ) -> None:
        """A problem that an error makes; `change` is written with it.

        An AWS that cannot be reached is one problem, whatever it hinders: what else is wrong shows
        when it can be reached again. That is not believed on the word of a `stranger` alone.
        """
        if isinstance(error, Unreachable) and (self.cut_off or not stranger):
            self.cut_off = True
            self.problem(UNREACHABLE, _cut_off(self._run), change=change)
        else:
            person = isinstance(error, NEEDS_PERSON)
            self.problem(name, text, needs_person=person, change=change)

    def problems(
        self,
        changes: Mapping[str, str | Problem | None],
        *,
        change: Change = unchanged,
        because: Iterable[EventParts] = (),
        consumed: Iterable[Request] = (),
        samples: Iterable[Sample] = (),
        moot: bool = False,
    ) -> None:
        """Begin, reword or end problems; beginnings and ends are events, rewordings are not.

        The end has the last words in its data, since the beginning has only the first.

        One that needs a person now, and did not before, is told as if it began.

        What they are `because` of, its `change` and the wishes it carries out are written in the
        same commit: nobody can die between the two. With `moot` those that end are not solved:
        they do not matter any more.
        """
        with self._lock:
            present = {problem.name: problem for problem in self._run.problems}
            events, consumed, samples = list(because), tuple(consumed), tuple(samples)
            nothing = not (events or consumed or samples) and change is unchanged
            if nothing and all(changes[n] is None and n not in present for n in changes):
                # What was not wrong before is not wrong now: that is said many times in a look.
                return
            now = self._clock.now()
            for name, said in changes.items():
                old = present.get(name)
                if said is None:
                    if old:
                        del present[name]
                        lasted = round((now - old.since).total_seconds())
                        text = _moot(old) if moot else _over(old, lasted)
                        events.append(
                            (
                                "problem-over",
                                text,
                                {"problem": name, "s": lasted, "text": old.text},
                            )
                        )
                    continue
                wanted = (
                    said if isinstance(said, Problem) else Problem(name=name, since=now, text=said)
                )
                if old is None:
                    events.append(("problem", wanted.text, {"problem": name}))
                    present[name] = wanted
                else:
                    if wanted.needs_person and not old.needs_person:
                        events.append(("problem", wanted.text, {"problem": name}))
                    present[name] = msgspec.structs.replace(
                        wanted, since=old.since, told_at=old.told_at
                    )
            problems = tuple(present.values())
            self.commit(
                lambda run: msgspec.structs.replace(change(run), problems=problems),
                events=events,
                consumed=consumed,
                samples=samples,
            )

    def problem(
        self, name: str, text: str, *, needs_person: bool = False, change: Change = unchanged
    ) -> None:
        """Begin one problem, or reword it; `change` is written with it."""
        begun = Problem(name=name, since=self._clock.now(), text=text, needs_person=needs_person)
        self.problems({name: begun}, change=change)

    def seen_machines(self, fleet_of: Mapping[str, str]) -> None:
        """Record machines, given as instance id → fleet id, that were not known yet."""
        with self._lock:
            now = self._clock.now()
            new = [
                Machine(instance_id=instance_id, fleet_id=fleet_id, first_seen=now)
                for instance_id, fleet_id in fleet_of.items()
                if instance_id not in self._machines
            ]
            if new:
                self.commit(machines=new)

    def ended_machines(self, instance_ids: Iterable[str]) -> None:
        """Record that these have ended."""
        with self._lock:
            now = self._clock.now()
            ended = [
                msgspec.structs.replace(self._machines[instance_id], ended_at=now)
                for instance_id in instance_ids
                if instance_id in self._machines and self._machines[instance_id].ended_at is None
            ]
            if ended:
                self.commit(machines=ended)

    def note_machines(self, machines: Iterable[Machine]) -> None:
        """Record what is known of machines now, new ones too."""
        with self._lock:
            news = [m for m in machines if self._machines.get(m.instance_id) != m]
            if news:
                self.commit(machines=news)

    def history(self) -> list[Event]:
        """Everything that has happened to the run."""
        return self._store.events(self._run.id)

    def numbers(self, subject: str | None = RUN, *, since: datetime | None = None) -> list[Bucket]:
        """What is kept of the numbers of a subject over time, of all subjects with None."""
        self.write_down()
        return self._store.samples(self._run.id, subject=subject, since=since)

    def thin(self) -> None:
        """Make what is kept of the run's numbers as coarse as their age asks for."""
        self._store.thin(self._run.id, self._clock.now())

    def wishes(self) -> tuple[Request, ...]:
        """What people asked for and nobody has obeyed yet."""
        return tuple(self._store.requests(self._run.id))

    def abort_wished(self) -> bool:
        """Whether an abort waits to be obeyed: looked up between calls."""
        return any(request.kind is RequestKind.ABORT for request in self.wishes())


def _over(problem: Problem, seconds: int) -> str:
    """That a problem is over: what it was, without the advice that went with it."""
    from humanize import naturaldelta  # noqa: PLC0415 - slow to import, and seldom needed

    return f"No longer so, after {naturaldelta(timedelta(seconds=seconds))}: {_what(problem)}."


def _cut_off(run: Run) -> str:
    return (
        "AWS cannot be reached from this computer. Nothing is concluded from that, and nothing can "
        f"be done: the machines of {run.names.app_name}, if any are up, run on and are billed. It "
        "is tried again. If it lasts, check this computer's network, proxy and region."
    )


def _moot(problem: Problem) -> str:
    """That a problem matters no more, mended or not."""
    return f"This does not matter any more: {_what(problem)}."


def _what(problem: Problem) -> str:
    return re.split(r"(?<=[.:;]) ", problem.text, maxsplit=1)[0].rstrip(".:;")
