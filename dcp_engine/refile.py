"""The monitor file, read again while the run lives: starting the cluster again rewrites it."""

from pathlib import Path

from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.errors import BadInput
from dcp_engine.model import MonitorFile, Run
from dcp_engine.wishes import adopting

_PROBLEM = "monitor-file"


def read_again(drive: Drive, clock: Clock) -> None:
    """Take over what a rewritten monitor file adds, or say what is wrong with it.

    A file that is not there (any more, or not on this computer) is no trouble: what it said is
    recorded. One that is broken, or belongs to something else by now, changes nothing.
    """
    run = drive.run
    if run.monitor_path is None:
        return
    path = Path(run.monitor_path)
    digest = monitor_file.digest(path)
    if digest is None or digest == run.monitor_digest:
        drive.problems({_PROBLEM: None})
        return
    try:
        monitor = monitor_file.read(path)
    except BadInput as error:
        trouble = "; ".join(error.complaints) or error.what
        drive.problem(
            _PROBLEM,
            f"The monitor file {path} was changed and is not usable now, so the run goes on with "
            f"what it knew before. What is wrong with it: {trouble}",
        )
        return
    if monitor.names != run.names:
        drive.problem(_PROBLEM, _belongs_elsewhere(path, run, monitor))
        return
    other = drive.another_run_of(monitor.fleet_id)
    if other is not None:
        drive.problem(_PROBLEM, _anothers_fleet(path, monitor, other), needs_person=True)
        return
    change, event = adopting(run, monitor.fleet_id, monitor.start_time, clock.now())
    drive.commit(
        lambda run: replace(change(run), monitor_digest=digest), events=[event] if event else []
    )
    drive.problems({_PROBLEM: None})


def _anothers_fleet(path: Path, monitor: MonitorFile, other: Run) -> str:
    return (
        f"The monitor file {path} now names fleet {monitor.fleet_id}, which belongs to the run "
        f"{other.names.app_name} ({other.id}). Ending one of them would end the other's work, so "
        "the fleet was not taken over. Each run needs a fleet of its own; correct the file."
    )


def _belongs_elsewhere(path: Path, run: Run, monitor: MonitorFile) -> str:
    changed = [
        f"{field} was {getattr(run.names, field)!r} and is {getattr(monitor.names, field)!r}"
        for field in run.names.__struct_fields__
        if getattr(monitor.names, field) != getattr(run.names, field)
    ]
    advice = (
        "register it when this run has ended: an APP_NAME is watched for one run at a time"
        if monitor.names.app_name == run.names.app_name
        else "register it as a run of its own"
    )
    return (
        f"The monitor file {path} was changed to something that is not this run any more "
        f"({'; '.join(changed)}). Nothing of it was taken over, its fleet {monitor.fleet_id} "
        f"neither; {advice}."
    )
