"""A run whose machines are watched for hours: what it is, and what AWS holds of its machines."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcp_engine.model import Run, State
from dcp_engine.simulation.launch import Launch, launch_run
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour, Scenario
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.rig import Rig

NEVER = Behaviour.NEVER_STARTS
WORKS = Behaviour.WORKS
# Jobs that take longer than anybody watches here, and are not given back meanwhile.
LONG = (200_000.0, 200_000.0)
VISIBLE_AGAIN = 43_000


def scene(
    aws: SimulatedAws, directory: Path, *behaviours: Behaviour, name: str = "Exp1", **changes: Any
) -> Launch:
    """A run with a machine for each behaviour, whose jobs outlast the test."""
    facts: dict[str, Any] = {
        "jobs": 20,
        "machines": len(behaviours),
        "directory": directory,
        "visibility_timeout": VISIBLE_AGAIN,
        "scenario": Scenario(script=behaviours, job_duration=LONG),
    }
    return launch_run(aws, name, **{**facts, **changes})


def watch(rig: Rig, run: Run, minutes: int, *, step: int = 5) -> Run:
    """Look at it every `step` minutes, for so long."""
    for _ in range(0, minutes, step):
        rig.tick(run)
        rig.clock.advance(60 * step)
    return rig.run(run)


def watched(rig: Rig, launch: Launch) -> Run:
    """Registered, and seen to have all its machines."""
    run = rig.register(launch).run
    wanted = launch.fleet.target
    return rig.until(run, lambda now: (now.active_machines or 0) >= wanted)


def names(aws: SimulatedAws) -> Mapping[str, str]:
    """Instance or volume id → its name, empty where it has none."""
    ec2 = aws.world.moto.backend("ec2", aws.region)
    ids = [i.id for r in ec2.reservations.values() for i in r.instances] + [*ec2.volumes]
    return {i: ec2.tags.get(i, {}).get("Name", "") for i in ids}


def volumes(aws: SimulatedAws, instance_id: str) -> list[str]:
    ec2 = aws.world.moto.backend("ec2", aws.region)
    return [
        v.id
        for v in ec2.volumes.values()
        if v.attachment and v.attachment.instance_id == instance_id
    ]


def alarms(aws: SimulatedAws) -> Mapping[str, Mapping[str, Any]]:
    """Every alarm by its name, as DescribeAlarms shows it."""
    pages = aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
    return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}


def idle_alarms(aws: SimulatedAws, name: str = "Exp1") -> set[str]:
    """The instance ids that an idle alarm of a run watches."""
    return {
        alarm.removeprefix(f"{name}_") for alarm in alarms(aws) if alarm.startswith(f"{name}_i-")
    }


def end(aws: SimulatedAws, instance_id: str, cause: Cause = Cause.CRASH) -> None:
    """A machine's end, by itself unless another cause is given."""
    with aws.world.timeline.lock:
        machine = aws.world.machines.find(instance_id)
        assert machine is not None
        aws.world.machines.end(machine, cause)


def labelling(aws: SimulatedAws) -> list[Any]:
    """The requests that gave somebody a name."""
    return [
        request
        for request in aws.requests.matching("ec2:CreateTags")
        if any(tag["Key"] == "Name" for tag in request.params["Tags"])
    ]


def placing(aws: SimulatedAws) -> list[Any]:
    return aws.requests.matching("cloudwatch:PutMetricAlarm")


def is_over(now: Run) -> bool:
    return now.state is State.EXPORTED
