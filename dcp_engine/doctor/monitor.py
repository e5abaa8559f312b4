"""The monitor file: whether it can be used, and whether it is this run's."""

from datetime import datetime, timedelta
from pathlib import Path

from dcp_engine.doctor.finding import Finding, advice, fine, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import BadInput
from dcp_engine.text_input import shown
from dcp_engine.words import counted

_NAME = "monitor-file"
# Amazon SQS Developer Guide, "Amazon SQS message quotas": no job is kept for longer.
_OLD = timedelta(days=14)
# As when a run is registered.
_CLOCKS_DIFFER = timedelta(days=1)
_ENDING = "SpotFleetRequestId.json"


def unusable(error: BadInput) -> Finding:
    """A file that is none, with everything that is wrong with it."""
    return wrong(
        _NAME,
        " ".join([error.what, *map(_sentence, error.complaints)]),
        "Give the file that `startCluster` of Distributed-CellProfiler wrote, "
        f"files/APP_NAME{_ENDING}, as it wrote it.",
    )


def _sentence(complaint: str) -> str:
    """A complaint as one: it may say more than one already."""
    end = "" if complaint.endswith((".", "?", "!")) else "."
    return f"{complaint[:1].upper()}{complaint[1:]}{end}"


def monitor_file(subject: Subject, path: Path, now: datetime) -> Finding:
    """Whether the file is of this run, and of these days."""
    started, name, file = subject.run.earliest_start, subject.name, shown(path.name)
    if started - now > _CLOCKS_DIFFER:
        return wrong(
            _NAME,
            f"MONITOR_START_TIME says that the run starts on {started:%Y-%m-%d}, which is to come: "
            "its logs could never be exported.",
            "Is it milliseconds since 1970, and is this computer's clock right?",
        )
    for other in subject.others:
        if other.names.app_name == name:
            return wrong(
                _NAME,
                f"A run named {name} is being watched already, with queue {other.names.queue} and "
                f"cluster {other.names.cluster} (run {other.id}); this file says queue "
                f"{subject.run.names.queue} and cluster {subject.run.names.cluster}.",
                f"See the other one to its end first (`dcp-engine resume {other.id}`), or start "
                "this one under another APP_NAME.",
            )
        return wrong(
            _NAME,
            f"The file names a fleet or a queue of the run {other.names.app_name} ({other.id}), "
            "which is being watched: ending one would end the other's work.",
            "Give the file of this run; each needs a fleet and a queue of its own.",
        )
    if file.endswith(_ENDING) and file != f"{name}{_ENDING}":
        return advice(
            _NAME,
            f"The file is called {file}, and what is in it is about {name}.",
            f"See that {name} is the run that you mean.",
        )
    if now - started > _OLD:
        return advice(
            _NAME,
            f"{name} was started {counted((now - started).days, 'day')} ago, and no queue keeps a "
            "job for more than 14 days: is the file left over from an earlier run?",
            "If the cluster was started again since then, give the file that it wrote.",
        )
    return fine(_NAME, f"{file} is about {name}, started on {started:%Y-%m-%d %H:%M} UTC.")
