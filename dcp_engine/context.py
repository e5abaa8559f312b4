"""What a duty or a teardown step is handed, and the writing it may do."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from dcp_engine.answers import LONGEST_NAME, short
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive, unchanged
from dcp_engine.errors import Refused
from dcp_engine.model import DutyRecord, Event, Machine, Run, Step, with_duty, with_step
from dcp_engine.ports import Aws
from dcp_engine.series import RUN, Bucket
from dcp_engine.store.codec import apart, encode

# What is remembered is written with every change to the run.
_MOST_BYTES: Final = 1_000_000
_DEEPEST: Final = 30
# What people and programs take for the engine's own word.
_KINDS_OF_THE_ENGINE: Final = frozenset(
    {"state", "problem", "problem-over", "problem-lasts", "step"}
)


class DutyContext:
    """`hookspecs.Context` for the duty called `name`."""

    def __init__(
        self,
        drive: Drive,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        name: str,
        *,
        clean: Callable[[str], str] = str,
    ) -> None:
        """`clean` takes the secrets out of a text that people will read."""
        self._drive = drive
        self._name = name
        self._clean = clean
        self._closed = False
        self._shown: tuple[Run, Run] | None = None
        self.aws = aws
        self.clock = clock
        self.settings = settings

    @property
    def run(self) -> Run:
        run = self._drive.run
        if self._shown is None or self._shown[0] is not run:
            self._shown = run, apart(run, Run)
        return self._shown[1]

    @property
    def memory(self) -> Mapping[str, Any]:
        return plain(self._remembered(self._drive.run), "the memory")

    def machines(self) -> tuple[str, ...]:
        return self._drive.machine_ids()

    def roll(self) -> tuple[Machine, ...]:
        return self._drive.machines

    def events(self) -> Sequence[Event]:
        return self._drive.history()

    def numbers(
        self, subject: str | None = RUN, *, since: datetime | None = None
    ) -> Sequence[Bucket]:
        return self._drive.numbers(subject, since=since)

    def commit(
        self,
        *,
        event: str | None = None,
        text: str = "",
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        run: Callable[[Run], Run] | None = None,
    ) -> None:
        if self._closed:
            raise Refused(
                f"{self._name} has had its time, so nothing that it wants to write down now is"
            )
        # What is the caller's is all looked at here, before anything is held that others wait for.
        change = unchanged if run is None else _bounded(self.run, run)
        remembered = None if memory is None else plain(memory, "the memory")
        said = None
        events: list[tuple[str, str, Mapping[str, Any]]] = []
        if event is not None:
            _check_kind(event)
            text = short(self._clean(text))
            if self._is_news(text):
                said = text
                told = cleaned(plain(data or {}, "the data of an event"), self._clean)
                events = [(self._clean(event), text, told)]
        self._drive.commit(lambda now: self._remember(change(now), remembered, said), events=events)

    def close(self) -> None:
        """From now on nothing is written for it; one that was left behind may still try."""
        self._closed = True

    def _is_news(self, text: str) -> bool:
        """Whether this has not been told before; what a duty does again, it tells again."""
        return True

    def _remembered(self, run: Run) -> Mapping[str, Any]:
        return self._record(run).memory

    def _record(self, run: Run) -> DutyRecord:
        return run.duty(self._name) or DutyRecord(name=self._name)

    def _remember(self, run: Run, memory: dict[str, Any] | None, said: str | None) -> Run:
        if memory is None:
            return run
        return with_duty(run, replace(self._record(run), memory=memory))


def plain(values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A copy of its own, as another process would read it from the database.

    Raises Refused for what is too big or too deep to be carried along with every change, and
    TypeError for what JSON cannot hold.
    """
    body = encode(dict(values))
    if len(body) > _MOST_BYTES:
        raise Refused(
            f"{what} would take {len(body)} bytes, and {_MOST_BYTES} is the most: it is written "
            "with every change to the run. Keep what is big in a file of your own"
        )
    copy: dict[str, Any] = msgspec.json.decode(body)
    if _depth(copy) > _DEEPEST:
        raise Refused(f"{what} has more than {_DEEPEST} levels, one in another")
    return copy


def cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """What JSON can hold, with every text in it cleaned."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {clean(key): cleaned(item, clean) for key, item in value.items()}
        case list():
            return [cleaned(item, clean) for item in value]
        case _:
            return value


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        deepest += 1
    return deepest


def _check_kind(event: str) -> None:
    if not isinstance(event, str) or not event.isprintable() or len(event) > LONGEST_NAME:
        raise Refused(f"an event cannot be of the kind {event!r:.100}")
    if event in _KINDS_OF_THE_ENGINE:
        raise Refused(f"events of the kind {event} are the engine's own; give yours another kind")


def _bounded(before: Run, change: Callable[[Run], Run]) -> Callable[[Run], Run]:
    """The change, as far as it is one that a duty or a step may make; else Refused is raised.

    What a run is called and what was recorded as its own decides what may be changed in AWS, and
    its state whether machines are stopped: those are the engine's alone to write.
    """
    after = change(before)
    if not isinstance(after, Run):
        raise _too_much(before)
    try:
        after = apart(after, Run)
    except (TypeError, msgspec.ValidationError) as error:
        raise Refused(f"A plugin wanted to write down what no run can hold: {error}") from error
    if _without_what_is_free(after) != _without_what_is_free(before):
        raise _too_much(before)
    _check_moments(after)
    old = {fleet.id: fleet.target for fleet in before.fleets}
    targets = {fleet.id: fleet.target for fleet in after.fleets if fleet.target != old[fleet.id]}

    def bounded(now: Run) -> Run:
        fleets = tuple(replace(f, target=targets.get(f.id, f.target)) for f in now.fleets)
        return replace(
            now,
            fleets=fleets,
            reading=now.reading if after.reading == before.reading else after.reading,
            cheapest=now.cheapest if after.cheapest == before.cheapest else after.cheapest,
        )

    return bounded


def _too_much(run: Run) -> Refused:
    return Refused(
        f"A plugin tried to change more of the run {run.names.app_name} than the target of its "
        "fleets, the latest count and cheapest mode. Nothing was written, and nothing was done in "
        "AWS"
    )


def _check_moments(run: Run) -> None:
    moments = [run.reading.at] if run.reading else []
    if run.cheapest:
        moments += filter(None, [run.cheapest.engaged_at, run.cheapest.acted_at])
    if any(moment.utcoffset() is None for moment in moments):
        raise Refused("A plugin wanted to write down a moment without its time zone")


def _without_what_is_free(run: Run) -> Run:
    fleets = tuple(replace(fleet, target=None) for fleet in run.fleets)
    return replace(run, fleets=fleets, reading=None, cheapest=None)


class StepContext(DutyContext):
    """`hookspecs.Context` for the teardown step called `name`."""

    def _remembered(self, run: Run) -> Mapping[str, Any]:
        return self._step(run).progress

    def _step(self, run: Run) -> Step:
        return run.step(self._name) or Step(name=self._name)

    def _is_news(self, text: str) -> bool:
        # A step that fails is tried for days; what it is about to do is told the first time.
        return text not in self._step(self._drive.run).announced

    def _remember(self, run: Run, memory: dict[str, Any] | None, said: str | None) -> Run:
        if memory is None and said is None:
            return run
        step = self._step(run)
        return with_step(
            run,
            replace(
                step,
                progress=step.progress if memory is None else memory,
                announced=step.announced if said is None else (*step.announced, said),
            ),
        )
