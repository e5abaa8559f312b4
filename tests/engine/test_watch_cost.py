"""A run to which no machine comes costs few requests, and the page says how many."""

import re
from collections import Counter
from pathlib import Path

from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import WORKS, scene, watch, watched
from tests.engine.rig import Rig

PAGE = (Path(__file__).parents[2] / "docs" / "watching.md").read_text(encoding="utf-8")


def said() -> dict[str, int]:
    """Duty → requests an hour of up to 100 machines, by the page."""
    table = PAGE.partition("| duty | up to 100 machines")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", table, flags=re.MULTILINE)
    return {duty: int(number) for duty, number in rows}


def duty_of(name: str, params: object) -> str | None:
    """Which of the watch duties sent a request, if one did."""
    asked = str(params)
    match name:
        case "ec2:DescribeVolumes":
            return "labels"
        case "ec2:CreateTags" if "'Name'" in asked:
            return "labels"
        case "cloudwatch:DescribeAlarms" if "AlarmNames" in asked and "ApproximateNum" not in asked:
            return "idle-alarms"
        case "cloudwatch:PutMetricAlarm":
            return "idle-alarms"
        case "ecs:ListContainerInstances" | "ecs:DescribeContainerInstances":
            return "unjoined"
        case "cloudwatch:GetMetricData":
            return "use"
        case "ec2:DescribeSpotPriceHistory":
            return "prices"
        case _:
            return None


def test_an_hour_in_which_nothing_is_new_costs_what_the_page_says(
    aws: SimulatedAws, rig: Rig, tmp_path: Path
) -> None:
    launch = scene(aws, tmp_path, WORKS, WORKS, WORKS)
    run = watched(rig, launch)
    watch(rig, run, 60, step=10)
    aws.requests.clear()
    watch(rig, run, 60, step=10)
    asked = Counter(
        duty
        for request in aws.requests
        if (duty := duty_of(request.name, request.params)) is not None
    )
    assert asked == Counter(said())
    assert asked.total() <= 10
