"""What is wrong with a run's fleets, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dcp_engine.defaults import Settings
from dcp_engine.errors import AwsError, Denied
from dcp_engine.model import Problem, Run, for_a_person
from dcp_engine.ports import FleetTrouble
from dcp_engine.words import counted

# A machine that dies is replaced within minutes where there is capacity.
_PATIENCE = timedelta(minutes=30)
# Amazon EC2 API Reference, EventInformation: what these say is wrong stays so until it is mended.
_NO_TIME_MENDS = frozenset(
    {
        "iamFleetRoleInvalid",
        "spotFleetRequestConfigurationInvalid",
        "spotInstanceCountLimitExceeded",
    }
)


def seen(run: Run, now: datetime, settings: Settings) -> Mapping[str, Problem | str | None]:
    """What the last look at the fleets shows; None for what is not wrong."""
    return {
        "fleet-missing": for_a_person("fleet-missing", _fleet_missing(run), now),
        "no-capacity": for_a_person("no-capacity", _no_capacity(run, now), now),
        "fleet-cancelled": _cancelled_by_hand(run),
        "fleet-ends": _near_its_end(run, now, settings.fleet_end_notice),
    }


def why_no_machine(
    run: Run, troubles: Sequence[FleetTrouble], untold: AwsError | None, now: datetime
) -> Mapping[str, Problem | None]:
    """What AWS says of fleets that bring no machine; `untold` is why it does not say it."""
    if untold is None:
        return {"fleet-errors": _no_machine_yet(troubles, run, now), "fleet-history": None}
    text = (
        f"The fleet of {run.names.app_name} has brought no machine yet, and AWS does not tell why: "
        f"{untold}. The run is watched all the same; the fleet's History in the EC2 console, under "
        "Spot Requests, has the reason."
    )
    denied = isinstance(untold, Denied)
    problem = Problem(name="fleet-history", since=now, text=text, needs_person=denied)
    return {"fleet-history": problem}


def _fleet_missing(run: Run) -> str | None:
    unseen = [fleet.id for fleet in run.fleets if fleet.observed_at is None]
    if not unseen:
        return None
    return (
        f"AWS knows no spot fleet {', '.join(unseen)} in {run.region}. If it was started in "
        "another region, its machines are not watched by this run. If the monitor file names it by "
        "mistake, mend the file: a fleet that it no longer names, and that AWS never knew, is "
        "dropped."
    )


def _no_capacity(run: Run, now: datetime) -> str | None:
    waiting = run.reading.total if run.reading else 0
    if not waiting or run.queue_missing or run.no_machine_since is None or run.active_machines:
        return None
    left = counted(waiting, "job is", "jobs are")
    if any(fleet.live or fleet.observed_at is None for fleet in run.fleets):
        lasts = now - run.no_machine_since
        if lasts < _PATIENCE:
            return None
        return (
            f"{left} left and AWS has had no machine for the fleet since "
            f"{run.no_machine_since:%Y-%m-%d %H:%M} UTC: no work is done, and nothing is billed "
            "for it. AWS goes on trying. If that lasts, a higher price or other machine types in "
            "the fleet's configuration may help: start the cluster again with them and register "
            "the new monitor file; or give up what is left with `dcp-engine abort "
            f"{run.names.app_name}`."
        )
    return (
        f"{left} left and no fleet of the run is alive any more: "
        "no work is done. Start the cluster again and register the new monitor file; or give up "
        f"what is left with `dcp-engine abort {run.names.app_name}`."
    )


def _cancelled_by_hand(run: Run) -> str | None:
    left = [fleet for fleet in run.fleets if fleet.state == "cancelled_running"]
    if not left:
        return None
    machines = sum(fleet.active or 0 for fleet in left)
    return (
        f"Somebody cancelled {', '.join(fleet.id for fleet in left)} and left "
        f"{counted(machines, 'machine')} running. What runs works on and is ended with the run; "
        "what dies is not replaced. If the jobs need more, start the cluster again."
    )


def _near_its_end(run: Run, now: datetime, notice: timedelta) -> str | None:
    ends = [
        fleet
        for fleet in run.fleets
        if fleet.live and fleet.valid_until and fleet.valid_until - now < notice
    ]
    if not ends:
        return None
    fleet = min(ends, key=lambda fleet: fleet.valid_until or now)
    return (
        f"The fleet {fleet.id} ends at {fleet.valid_until:%Y-%m-%d %H:%M} UTC, jobs left or not. "
        "Start the cluster again before then if the work takes longer."
    )


def _no_machine_yet(troubles: Sequence[FleetTrouble], run: Run, now: datetime) -> Problem | None:
    if not troubles:
        return None
    different = dict.fromkeys(trouble.text.rstrip(".") for trouble in troubles)
    lasting = any(trouble.kind in _NO_TIME_MENDS for trouble in troubles)
    advice = (
        "That does not pass by itself: mend it where the fleet is configured, start the cluster "
        "again and register the new monitor file."
        if lasting
        else "That may pass: AWS goes on trying. If it does not, a higher price or other machine "
        "types in the fleet's configuration may help; then start the cluster again."
    )
    return Problem(
        name="fleet-errors",
        since=now,
        text=(
            f"The fleet of {run.names.app_name} has brought no machine yet; AWS says: "
            f"{'; '.join(list(different)[-3:])}. {advice}"
        ),
        needs_person=lasting,
    )
