"""The Lambda that DCP's Auto-Monitor has tear a run down, and how it is kept from that.

`startCluster` with Auto-Monitor makes two alarms on the queue's counts. They go off at a single
zero of either, and their action starts the teardown without another count.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from dcp_engine.drive import Drive
from dcp_engine.errors import AwsError, Credentials, OutOfTime
from dcp_engine.model import Run
from dcp_engine.ports import Aws

ARMED = "auto-monitor-armed"


def armed_alarms(aws: Aws) -> tuple[str, ...]:
    """The names of those of the two alarms that do something when they go off. Raises AwsError."""
    return tuple(alarm.name for alarm in aws.alarms.queue_alarms() if alarm.armed)


def warning(app_name: str, armed: Sequence[str]) -> str:
    """What the armed alarms would do, and how to keep them from it."""
    return (
        f"Auto-Monitor watches {app_name} too: {' and '.join(armed)} would have it tear the run "
        "down at a single zero, of the jobs that wait or of those in flight, whether jobs are left "
        "or not. To leave the run to dcp-engine alone, which then disarms them: dcp-engine resume "
        f"{app_name} --take-over"
    )


def see_to_it(drive: Drive, aws: Aws) -> None:
    """Disarm the alarms where a person asked for it; else see whether they still are armed.

    Nothing is asked where there is no such wish and no such problem. Raises Credentials, OutOfTime.
    """
    run = drive.run
    if not run.disarming and run.problem(ARMED) is None:
        return
    try:
        armed = armed_alarms(aws)
        if armed and run.disarming:
            aws.alarms.disarm(armed)
    except (Credentials, OutOfTime):
        raise
    except AwsError as error:
        if run.disarming:
            drive.problem(ARMED, _still_armed(run, error), needs_person=True)
        return
    if armed and not run.disarming:
        return
    text = (
        f"{' and '.join(armed)} were disarmed: Auto-Monitor does not act on "
        f"{run.names.app_name} any more."
    )
    events = [("auto-monitor", text, {"alarms": list(armed)})] if armed else []
    drive.commit(lambda run: replace(run, disarming=False), events=events)
    drive.problems({ARMED: None})


def _still_armed(run: Run, error: AwsError) -> str:
    return (
        f"Auto-Monitor's alarms of {run.names.app_name} could not be disarmed: {error}. They may "
        "still have it tear the run down at a single zero of the queue's counts. It is tried "
        "again; you can also disarm them in the CloudWatch console: "
        f"{' and '.join(run.names.queue_alarms)}."
    )
