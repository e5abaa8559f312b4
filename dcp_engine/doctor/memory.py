"""What the database tells about the run that is examined. Nothing is written in it."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import StoreError
from dcp_engine.model import Run
from dcp_engine.picture import picture
from dcp_engine.process import is_dead
from dcp_engine.status import status_of
from dcp_engine.store.examination import Place, examine
from dcp_engine.store.protocol import Store
from dcp_engine.store.sqlite import SqliteStore

T = TypeVar("T")


class Memory:
    """One look into the database: it is opened for each question, and left as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def place(self) -> Place | OSError:
        """Where it is, or why that cannot be told."""
        try:
            return examine(self._path)
        except OSError as error:
            return error

    def live(self) -> Sequence[Run] | StoreError:
        """The live runs, or why they cannot be read."""
        try:
            return self.asked(lambda store: store.runs(live=True))
        except StoreError as error:
            return error

    def live_if_any(self) -> Sequence[Run]:
        """The live runs, none where they cannot be read."""
        return self._asked_or(lambda store: store.runs(live=True), [])

    def identity(self) -> str | None:
        """What tells this store from others; None where it cannot be read."""
        return self._asked_or(lambda store: store.identity(), None)

    def subject(self, run: Run, now: datetime, file: Path | None = None) -> Subject:
        """A registered run with all that is known of it. Raises StoreError."""

        def known(store: Store) -> Subject:
            machines = store.machines(run.id)
            lease = store.lease(run.id, now)
            status = status_of(
                run,
                lease=None if lease and is_dead(lease.holder) else lease,
                requests=store.requests(run.id),
                machines_seen=len(machines),
                machines=machines,
                now=now,
            )
            seen = picture(
                run,
                machines=machines,
                events=(),
                numbers=store.samples(run.id, subject=None),
                now=now,
            )
            return Subject(run=run, file=file, status=status, ends=seen.progress.ends)

        return self.asked(known)

    def asked(self, question: Callable[[Store], T]) -> T:
        """What the store answers. Raises StoreError, and what the question raises."""
        store = SqliteStore.open(self._path, read_only=True, untouched=True)
        with closing(store):
            return question(store)

    def _asked_or(self, question: Callable[[Store], T], otherwise: T) -> T:
        try:
            return self.asked(question)
        except StoreError:
            return otherwise
