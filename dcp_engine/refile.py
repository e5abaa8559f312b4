"""The monitor file, read again while the run lives: starting the cluster again rewrites it."""

from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.errors import AwsError, BadInput, Credentials, Transient
from dcp_engine.model import UNKNOWN, MonitorFile, Problem, Run
from dcp_engine.ports import Aws
from dcp_engine.strangers import works_for
from dcp_engine.wishes import adopting

_PROBLEM = "monitor-file"
_UNWATCHED = "unwatched-fleet"
# A resource that was made just now may not be seen by every request (Amazon EC2 API Reference,
# "Eventual consistency").
_KNOWN_BY_THEN = timedelta(minutes=10)


def read_again(drive: Drive, aws: Aws, clock: Clock) -> None:
    """Take over what a rewritten monitor file adds, or say what is wrong with it.

    A file that is not there (any more, or not on this computer) is no trouble: what it said is
    recorded. One that is broken, or belongs to something else by now, changes nothing. Raises
    Credentials, OutOfTime.
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
    try:
        why_not = _why_not(drive, aws, path, monitor, clock.now())
    except Transient:
        # Nothing is known of the new fleet: the file is read again at the next look.
        return
    if why_not is not None:
        drive.problems({_PROBLEM: why_not})
        return
    change, event = adopting(run, monitor.fleet_id, monitor.start_time, clock.now())
    events = [event] if event else []
    never_known = _never_known(run, monitor, clock.now())
    if never_known:
        events.append(("fleet-dropped", _dropped(never_known), {"fleets": list(never_known)}))
    unwatched = not run.state.watches and monitor.fleet_id not in run.fleet_ids
    drive.problems(
        {_PROBLEM: None, _UNWATCHED: _unwatched(run, monitor, clock.now()) if unwatched else None},
        change=lambda run: replace(_without(change(run), never_known), monitor_digest=digest),
        because=events,
    )


def _never_known(run: Run, monitor: MonitorFile, now: datetime) -> tuple[str, ...]:
    """Fleets that the file named by mistake: it names them no more, and AWS never knew them.

    A fleet that was requested just now may not be known everywhere yet.
    """
    if not run.state.watches:
        return ()
    return tuple(
        fleet.id
        for fleet in run.fleets
        if fleet.id != monitor.fleet_id
        and fleet.state == UNKNOWN
        and now - fleet.added_at > _KNOWN_BY_THEN
    )


def _without(run: Run, fleet_ids: tuple[str, ...]) -> Run:
    return replace(run, fleets=tuple(fleet for fleet in run.fleets if fleet.id not in fleet_ids))


def _dropped(fleet_ids: tuple[str, ...]) -> str:
    return (
        f"The monitor file no longer names {', '.join(fleet_ids)}, which AWS never knew; that is "
        "not the run's any more."
    )


def _unwatched(run: Run, monitor: MonitorFile, now: datetime) -> Problem:
    return Problem(
        name=_UNWATCHED,
        since=now,
        advice=True,
        text=(
            f"The monitor file names fleet {monitor.fleet_id} now, probably that of a new run. "
            f"NOBODY WATCHES IT: its machines run and are billed. When {run.names.app_name} "
            f"({run.id}) has ended, register the file: dcp-engine register {run.monitor_path}. If "
            "a step holds that up, it can be given up: dcp-engine waive "
            f"{run.id} STEP."
        ),
    )


def _why_not(
    drive: Drive, aws: Aws, path: Path, monitor: MonitorFile, now: datetime
) -> str | Problem | None:
    """Why nothing of the file is taken over, if so. Raises Credentials, Transient."""
    run = drive.run
    if monitor.names != run.names:
        return _belongs_elsewhere(path, run, monitor)
    other = drive.another_run_of(monitor.fleet_id)
    if other is not None:
        text = _anothers_fleet(path, monitor, other)
    elif (owner := _works_for(aws, run, monitor)) is not None:
        text = _strangers_fleet(path, run, monitor, owner)
    else:
        return None
    return Problem(name=_PROBLEM, since=now, text=text, needs_person=True)


def _works_for(aws: Aws, run: Run, monitor: MonitorFile) -> str | None:
    if monitor.fleet_id in run.fleet_ids or not run.state.watches:
        return None
    try:
        return works_for(aws, run.names, monitor.fleet_id)
    except (Credentials, Transient):
        raise
    except AwsError:
        return None


def _strangers_fleet(path: Path, run: Run, monitor: MonitorFile, owner: str) -> str:
    return (
        f"The monitor file {path} now names fleet {monitor.fleet_id}, whose machines are named for "
        f"{owner} and none for {run.names.app_name}: it works for another run, so it was not taken "
        "over. Correct the file. If the fleet is this run's all the same, it is taken over as soon "
        f"as one of its machines is named {run.names.worker}."
    )


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
