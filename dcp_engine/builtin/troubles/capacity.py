"""Troubles with the machines: AWS takes them back or has none, or too few are left."""

from datetime import timedelta
from math import ceil
from typing import Final

from dcp_engine import series
from dcp_engine.builtin.troubles.scene import FRESH, Found, Known, Scene, span
from dcp_engine.money import taken_back
from dcp_engine.progress import progress_of
from dcp_engine.words import counted

# Of machines that AWS takes back there are a few in any run.
_FEW: Final = 3
_SHARE: Final = 0.25
_HALF: Final = 0.5
# What was too long must become clearly shorter before that is told.
_AGAIN_FINE: Final = 0.75
# A machine that dies is replaced within minutes where there is capacity.
_PATIENCE: Final = timedelta(minutes=30)


def lost_capacity(scene: Scene) -> Found:
    """AWS takes machines back, or has far fewer than are requested."""
    run, within = scene.run, scene.settings.lost_capacity_after
    if not scene.left:
        return None
    back = [
        machine
        for machine in scene.machines
        if machine.ended_at is not None
        and scene.now - machine.ended_at <= within
        and taken_back(machine)
    ]
    lacking = _lacking(scene)
    if isinstance(lacking, Known):
        return lacking
    many = len(back) >= max(_FEW, ceil(_SHARE * (len(scene.alive) + len(back))))
    if not many and not lacking:
        return None
    said = list(dict.fromkeys(reason.rstrip(".") for reason in scene.reasons))
    if back and back[-1].reason:
        said.append(back[-1].reason.rstrip("."))
    parts = [
        f"AWS took back {counted(len(back), 'machine')} of {run.names.app_name} within "
        f"{span(within)}, and {len(scene.alive)} are up."
        if many
        else "",
        lacking or "",
        f"AWS says: {'; '.join(said[-3:])}." if said else "AWS does not say why.",
        "What they worked on comes back to the queue when its visibility timeout is over, and is "
        "done again."
        if back
        else "",
        "AWS goes on trying. If it lasts: more machine types, a higher price or another region in "
        "the fleet's configuration; start the cluster again with it and register the new monitor "
        "file. What is done stays done.",
    ]
    return " ".join(filter(None, parts))


def _lacking(scene: Scene) -> Found:
    """That the fleets have had less than half of what they request, for all of the time."""
    within = scene.settings.lost_capacity_after
    looks = [
        (bucket.at, bucket.values[series.TARGET].mean, bucket.values[series.FULFILLED].mean)
        for bucket in scene.numbers
        if {series.TARGET, series.FULFILLED, series.MACHINES} <= bucket.values.keys()
    ]
    if not looks or scene.now - looks[-1][0] > FRESH:
        return Known.NOT
    since = looks[-1][0]
    for at, target, fulfilled in reversed(looks):
        if fulfilled >= _HALF * target:
            break
        since = at
    latest, target, fulfilled = looks[-1]
    # Where there is nothing at all, that is the problem no-capacity.
    if latest - since < within or not fulfilled:
        return None
    return (
        f"The fleet of {scene.run.names.app_name} has {fulfilled:g} of the {target:g} units of "
        f"capacity that it requests, and had less than half of them for {span(latest - since)}."
    )


def few_machines(scene: Scene) -> Found:
    """Cheapest mode has acted, and the machines that are left will take very long."""
    run, now = scene.run, scene.now
    if run.cheapest is None or run.cheapest.acted_at is None or not scene.left:
        return None
    name = run.names.app_name
    left = counted(scene.left, "job is", "jobs are")
    again = (
        "Cheapest mode requests one machine and replaces no other. To be done sooner, raise the "
        "fleet's target capacity in the EC2 console, under Spot Requests: dcp-engine respects it. "
        f"To give up what is left: dcp-engine abort {name}"
    )
    if run.active_machines == 0:
        lasting = run.no_machine_since and now - run.no_machine_since >= _PATIENCE
        return f"{left} left of {name} and no machine is up any more. {again}" if lasting else None
    takes = _still_takes(scene)
    if takes is None or run.active_machines is None:
        return Known.NOT
    longest = scene.settings.few_machines_wait
    if "few-machines" in scene.standing:
        longest *= _AGAIN_FINE
    if takes <= longest:
        return None
    return (
        f"{left} left of {name}, and {counted(run.active_machines, 'machine is', 'machines are')} "
        f"up: at the present pace that takes {span(takes)} or longer. {again}"
    )


def _still_takes(scene: Scene) -> timedelta | None:
    """How long the jobs that are left take at least; None where that is not known."""
    found = progress_of(scene.run, scene.numbers, scene.now)
    if found.ends is not None:
        return found.ends[0] - scene.now
    if found.job_time is None or scene.run.reading is None:
        return None
    return found.job_time * (scene.left / max(1, scene.run.reading.in_flight))
