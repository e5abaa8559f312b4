"""Where the logs of workers and machines go, the dashboard, and Auto-Monitor."""

from collections.abc import Sequence
from datetime import datetime

from dcp_engine.auto_monitor import warning
from dcp_engine.doctor.finding import Finding, advice, fine, untold, wrong
from dcp_engine.doctor.subject import Subject
from dcp_engine.errors import AwsError

_SET_UP = "Create it in the CloudWatch console, under Log groups, or start the cluster again."

Group = datetime | AwsError | None
"""When a log group was seen, why it was not, or None where there is none."""


def log_groups(subject: Subject, workers: Group, machines: Group) -> Finding:
    """Whether both log groups are there.

    A container whose log group is missing does not start, unless its task definition has it made
    (Amazon ECS Developer Guide, "Using the awslogs log driver", `awslogs-create-group`).
    """
    name, (jobs, own) = "log-groups", subject.run.names.log_groups
    for called, seen in ((jobs, workers), (own, machines)):
        if isinstance(seen, AwsError):
            return untold(name, f"The log group {called}", seen)
    if workers is None and machines is None:
        return wrong(
            name,
            f"There is neither a log group {jobs} nor {own} in {subject.run.region}: workers "
            "cannot start without the first, and there are no logs to bring home.",
            _SET_UP,
        )
    if workers is None:
        text = f"There is no log group {jobs} in {subject.run.region}: workers cannot start."
        return wrong(name, text, _SET_UP)
    if machines is None:
        return advice(
            name,
            f"There is no log group {own}: the machines' own logs go nowhere, and none will be "
            "brought home.",
            _SET_UP,
        )
    return fine(name, f"{jobs} and {own} are there.")


def dashboard(subject: Subject, seen: bool | AwsError) -> Finding:
    """Whether the dashboard that is to be removed in the end is there."""
    name, names = "dashboard", subject.run.names
    if isinstance(seen, AwsError):
        return untold(name, f"The dashboard {names.dashboard}", seen)
    if not names.clean_dashboard:
        there = "there is one" if seen else "there is none"
        return fine(name, f"{there.capitalize()} named {names.dashboard}, and none is removed.")
    if seen:
        return fine(name, f"{names.dashboard} is there, and is removed in the end.")
    return advice(
        name,
        f"There is no dashboard {names.dashboard}, which the monitor file wants removed in the "
        "end.",
        "Nothing, if you did not have one made.",
    )


def auto_monitor(subject: Subject, armed: Sequence[str] | AwsError) -> Finding:
    """Whether DCP's own monitor would tear the run down too."""
    name = "auto-monitor"
    if isinstance(armed, AwsError):
        return untold(name, "Auto-Monitor's alarms", armed)
    if not armed:
        return fine(name, "Auto-Monitor is not armed.")
    text, _, _ = warning(subject.name, armed).partition(" To leave ")
    return advice(
        name,
        text,
        "To leave the run to dcp-engine alone, which then disarms them, type:",
        copy=subject.watch("--take-over"),
    )
