"""What a duty or a teardown step is handed, and the writing it may do."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from dcp_engine.answers import KINDS_OF_THE_ENGINE, LONGEST_NAME, short
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive, unchanged
from dcp_engine.errors import Refused
from dcp_engine.model import DutyRecord, Event, Machine, Run, Step, with_duty, with_step
from dcp_engine.ports import Aws
from dcp_engine.run_changes import bounded
from dcp_engine.series import RUN, Bucket
from dcp_engine.store.codec import apart, encode

# What is remembered is written with every change to the run.
_MOST_BYTES: Final = 1_000_000
_DEEPEST: Final = 30


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
        third_party: bool = False,
    ) -> None:
        """`clean` takes the secrets out of a text that people will read."""
        self._drive = drive
        self._name = name
        self._clean = clean
        self._closed = False
        self._shown: tuple[Run, Run] | None = None
        self._third_party = third_party
        self.aws = aws
        self.clock = clock
        # Frozen as they are, somebody may change them all the same, and then only what is theirs.
        self.settings = replace(settings) if third_party else settings

    @property
    def run(self) -> Run:
        run = self._drive.run
        if not self._third_party:
            return run
        if self._shown is None or self._shown[0] is not run:
            self._shown = run, apart(run, Run)
        return self._shown[1]

    @property
    def memory(self) -> Mapping[str, Any]:
        return plain(self._remembered(self._drive.run), "the memory")

    def machines(self) -> tuple[str, ...]:
        return self._drive.machine_ids()

    def roll(self) -> tuple[Machine, ...]:
        machines = self._drive.machines
        return tuple(map(replace, machines)) if self._third_party else machines

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
        change = unchanged if run is None else bounded(self.run, run, self.aws.capacity)
        remembered = None if memory is None else plain(memory, "the memory")
        said = None
        events: list[tuple[str, str, Mapping[str, Any]]] = []
        if event is not None:
            _check_kind(event)
            text = short(text, clean=self._clean)
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
    if event.strip().casefold() in KINDS_OF_THE_ENGINE:
        raise Refused(f"events of the kind {event} are the engine's own; give yours another kind")


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
