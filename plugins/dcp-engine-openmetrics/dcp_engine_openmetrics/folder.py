"""The folder that node_exporter reads: one file for each run.

node_exporter's textfile collector reads every `*.prom` in it, whenever it is scraped, so a file is
written beside that under another ending and then given its name.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from dcp_engine.errors import EngineError
from dcp_engine.hookspecs import Records, Tick
from dcp_engine.model import Run, State
from dcp_engine_openmetrics.errors import NotWritten
from dcp_engine_openmetrics.exposition import Samples, text_of, values_in
from dcp_engine_openmetrics.metrics import RUN_STATE, STATE_SINCE, Before, Look, families

_PREFIX = "dcp_engine_"
_ENDING = ".prom"
_UNFINISHED = ".tmp"
# Whoever runs node_exporter is another user.
_FOR_ALL_TO_READ = 0o644


class Folder:
    """Keeps the files of the live runs and, for `keep`, those of the runs that have ended."""

    def __init__(self, directory: Path, keep: timedelta) -> None:
        self._directory = directory
        self._keep = keep

    def show(self, run: Run, tick: Tick, records: Records) -> None:
        """Write what was seen of a run at a tick, and put the other files in order.

        Raises NotWritten.
        """
        own = self._directory / f"{_PREFIX}{quote(run.id, safe='')}{_ENDING}"
        try:
            if run.state is State.EXPORTED and self._is_over(run.state_since, tick.at):
                # Its last messages may be told for days after that.
                _remove(own)
            else:
                before = Before.of(_read(own))
                _replace(own, text_of(families(Look(run=run, tick=tick, before=before))))
            self._tidy(own, tick.at, records)
        except OSError as error:
            raise NotWritten(
                f"the metrics of {run.names.app_name} could not be written to {self._directory}: "
                f"{_reason(error)}. The run itself is not affected, but Prometheus goes on showing "
                "its last values. `dcp-engine plugins check` says what is missing"
            ) from error

    def lacking(self) -> list[str]:
        """What hinders it from writing there, in words."""
        probe = self._directory / f"{_PREFIX}ready{_UNFINISHED}"
        try:
            _write(probe, "")
            probe.unlink()
        except OSError as error:
            return [
                f"the directory {self._directory} cannot be written: {_reason(error)}. It must be "
                "the folder that node_exporter has as --collector.textfile.directory, and the user "
                "who runs dcp-engine must be allowed to write there"
            ]
        return []

    def _tidy(self, own: Path, now: datetime, records: Records) -> None:
        """A run that has ended is not looked at any more, so the others see to its file.

        Where it does not say that the run has ended, nobody called this plugin at the end: the file
        could not be written then, or a process without this plugin saw the run to its end.
        """
        for file in self._directory.glob(f"{_PREFIX}*{_ENDING}"):
            if file == own:
                continue
            # It may be somebody else's, whose own runs remove it, or be removed right now.
            with suppress(FileNotFoundError, PermissionError):
                samples = _read(file)
                ended = _ended_at(samples)
                run = _ended_unseen(file, records) if ended is None else None
                if run is not None:
                    ended = run.state_since
                if ended is not None and self._is_over(ended, now):
                    _remove(file)
                elif run is not None:
                    _replace(file, text_of(families(Look(run=run, before=Before.of(samples)))))

    def _is_over(self, ended: datetime, now: datetime) -> bool:
        return now - ended >= self._keep


def _ended_at(samples: Samples) -> datetime | None:
    """When the run of a file ended; None while it lives, and where that cannot be read."""
    ended = any(
        value == 1
        for (name, labels), value in samples.items()
        if name == RUN_STATE and ("state", State.EXPORTED.value) in labels
    )
    since = [value for (name, _), value in samples.items() if name == STATE_SINCE]
    return datetime.fromtimestamp(since[0], UTC) if ended and since else None


def _ended_unseen(file: Path, records: Records) -> Run | None:
    """The run of a file, if it has ended; None while it lives, and where it is not known here."""
    run_id = unquote(file.name.removeprefix(_PREFIX).removesuffix(_ENDING))
    try:
        run = records.find(run_id)
    except EngineError:
        # It is of another database, whose own looks see to it; or this one cannot be read now.
        return None
    return run if run.id == run_id and not run.live else None


def _read(file: Path) -> Samples:
    try:
        return values_in(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        # Nothing was written yet, or by somebody else: what was counted begins anew.
        return {}


def _replace(file: Path, text: str) -> None:
    unfinished = _unfinished(file)
    _write(unfinished, text)
    unfinished.replace(file)


def _write(file: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(file, flags, _FOR_ALL_TO_READ), "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), _FOR_ALL_TO_READ)
        out.write(text)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    _unfinished(file).unlink(missing_ok=True)


def _unfinished(file: Path) -> Path:
    return file.with_name(file.name + _UNFINISHED)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
