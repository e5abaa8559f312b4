"""What stays in AWS when a teardown step is left undone, and what that costs."""

from collections.abc import Callable, Mapping
from typing import Final

from dcp_engine.model import Ended, Run
from dcp_engine.status import Status

MAY_BILL: Final = "MACHINES MAY RUN ON AND BE BILLED"


def bills_on(run: Run, step: str) -> bool:
    """Whether machines may run and be billed on because of it."""
    return step == "last-look" or (step == "fleets" and run.machines_ended_at is None)


def left_running(status: Status) -> str | None:
    """Why machines may run on that nothing ends, because of what a person waived, and what to do.

    None where nothing of the kind was waived, or where the last look showed that none is alive.
    """
    ended = {step.name: step.ended for step in status.steps}
    if ended.get("last-look") is Ended.DONE:
        return None
    if ended.get("fleets") is Ended.WAIVED:
        fleets = ", ".join(fleet.id for fleet in status.fleets)
        return (
            f"a person waived the step fleets, so nothing ends them. Cancel {fleets} yourself, "
            f"with its instances, in the EC2 console of {status.region} under Spot Requests."
        )
    if ended.get("last-look") is Ended.WAIVED:
        return (
            "a person waived the step last-look, so one that came up late is not ended. Look for "
            f"{status.app_name}Worker in the EC2 console of {status.region}."
        )
    return None


def what_stays(run: Run, step: str) -> str:
    """What leaving the step undone means, in words."""
    say = _STAYS.get(step)
    return say(run) if say else "What this step of a plugin would have done is left undone."


def _fleets(run: Run) -> str:
    fleets = ", ".join(run.fleet_ids)
    return (
        f"MACHINES MAY RUN AND BE BILLED ON, WITHOUT END. dcp-engine gives up stopping {fleets}: "
        f"cancel it yourself, with its instances, in the EC2 console of {run.region} under Spot "
        "Requests. The rest of the run is then taken down while they may still be at work."
    )


def _last_look(run: Run) -> str:
    return (
        "Nobody looks once more whether a machine came up after its fleet was cancelled; such a "
        f"machine would run and be billed on. Look for {run.names.worker} in the EC2 console of "
        f"{run.region}."
    )


def _queue(run: Run) -> str:
    return (
        f"The queue {run.names.queue} stays, with what is in it. It costs next to nothing, but a "
        "later run with the same queue would find old jobs in it."
    )


def _logs(run: Run) -> str:
    groups = " and ".join(run.names.log_groups)
    return (
        f"What has not been exported is not brought to {run.names.bucket}: it stays in "
        f"CloudWatch Logs ({groups}) until those groups expire or are deleted."
    )


# The costs: Amazon ECS pricing ("no additional charge" for clusters, services and task definitions
# on EC2) and Amazon CloudWatch pricing (alarms and dashboards are billed by the month).
_STAYS: Final[Mapping[str, Callable[[Run], str]]] = {
    "fleets": _fleets,
    "last-look": _last_look,
    "queue": _queue,
    "logs": _logs,
    "service": lambda run: (
        f"The service {run.names.service} stays and starts workers on any machine that joins the "
        f"cluster {run.names.cluster}. It costs nothing by itself."
    ),
    "task-definitions": lambda run: (
        f"The task definitions {run.names.task_family} stay listed. They cost nothing."
    ),
    "cluster": lambda run: f"The cluster {run.names.cluster} stays. An empty one costs nothing.",
    "alarms": lambda run: (
        f"Alarms of {run.names.app_name} stay; CloudWatch bills alarms by the month."
    ),
    "dashboard": lambda run: (
        f"The dashboard {run.names.dashboard} stays; CloudWatch may bill it by the month."
    ),
    "report": lambda run: (
        "No report is written to the bucket. It costs nothing; `dcp-engine report "
        f"{run.names.app_name}` writes it on this computer at any time."
    ),
    "monitor-file": lambda run: (
        f"{run.names.monitor_key} stays in the bucket {run.names.bucket}. It costs nothing worth "
        "naming."
    ),
}
