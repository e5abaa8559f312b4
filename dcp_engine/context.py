"""What a duty or a teardown step is handed, and the writing it may do."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive, unchanged
from dcp_engine.errors import Refused
from dcp_engine.model import DutyRecord, Run, Settings, Step, with_duty, with_step
from dcp_engine.ports import Aws


class DutyContext:
    """`hookspecs.Context` for the duty called `name`."""

    def __init__(self, drive: Drive, aws: Aws, clock: Clock, settings: Settings, name: str) -> None:
        self._drive = drive
        self._name = name
        self._closed = False
        self.aws = aws
        self.clock = clock
        self.settings = settings

    @property
    def run(self) -> Run:
        return self._drive.run

    @property
    def memory(self) -> Mapping[str, Any]:
        return self._record(self._drive.run).memory

    def machines(self) -> tuple[str, ...]:
        return self._drive.machine_ids()

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
        change = unchanged if run is None else _bounded(run)
        remembered = None if memory is None else dict(memory)
        said = text if event and self._is_news(text) else None
        self._drive.commit(
            lambda now: self._remember(change(now), remembered, said),
            events=[(event, text, data or {})] if event and said is not None else [],
        )

    def close(self) -> None:
        """From now on nothing is written for it; one that was left behind may still try."""
        self._closed = True

    def _is_news(self, text: str) -> bool:
        """Whether this has not been told before; what a duty does again, it tells again."""
        return True

    def _record(self, run: Run) -> DutyRecord:
        return run.duty(self._name) or DutyRecord(name=self._name)

    def _remember(self, run: Run, memory: dict[str, Any] | None, said: str | None) -> Run:
        if memory is None:
            return run
        return with_duty(run, replace(self._record(run), memory=memory))


def _bounded(change: Callable[[Run], Run]) -> Callable[[Run], Run]:
    """The change, as far as it is one that a duty or a step may make; else it raises Refused.

    What a run is called and what was recorded as its own decides what may be changed in AWS, and
    its state whether machines are stopped: those are the engine's alone to write.
    """

    def bounded(before: Run) -> Run:
        after = change(before)
        if not isinstance(after, Run) or _without_what_is_free(after) != _without_what_is_free(
            before
        ):
            raise Refused(
                f"A plugin tried to change more of the run {before.names.app_name} than the target "
                "of its fleets, the latest count and cheapest mode. Nothing was written, and "
                "nothing was done in AWS"
            )
        return after

    return bounded


def _without_what_is_free(run: Run) -> Run:
    fleets = tuple(replace(fleet, target=None) for fleet in run.fleets)
    return replace(run, fleets=fleets, reading=None, cheapest=None)


class StepContext(DutyContext):
    """`hookspecs.Context` for the teardown step called `name`."""

    @property
    def memory(self) -> Mapping[str, Any]:
        return self._step(self._drive.run).progress

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
