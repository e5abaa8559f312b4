"""What people wish for, and what they did to the run's things by themselves."""

from tests.e2e.scene import NAME, NOBODY_COMES, MakeScene
from tests.e2e.ticking import has_problem, kinds, machines_seen, problem, step, ticks_until
from tests.engine.rig import leftovers

ALTERED = f"{NAME}_i-0123456789abcdef0"


def test_release_stops_watching_and_touches_nothing(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES)
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME)
    before = scene.held_by_aws()
    released = scene.computer.run("release", NAME, "--yes").fine()
    assert NAME in released.out
    assert scene.held_by_aws() == before
    assert scene.launch.fleet.state == "active"
    status = scene.computer.status(NAME)
    assert (status["state"], status["outcome"]) == ("EXPORTED", "released")
    # Nobody looks any more, until the file is registered again: as another run.
    asked = len(scene.aws.requests)
    assert scene.computer.run("tick", "--all").fine().text == ""
    assert len(scene.aws.requests) == asked
    scene.computer.run("register", scene.file).fine()
    assert len(scene.computer.every_run()) == 2
    assert scene.computer.status(NAME)["state"] == "PENDING"


def test_a_raised_target_an_altered_alarm_and_a_queue_to_keep(stage: MakeScene) -> None:
    """A person raised the capacity, changed an alarm, and ends the run but not its jobs."""
    scene = stage(jobs=300)
    scene.aws.light_client("cloudwatch").put_metric_alarm(
        AlarmName=ALTERED,
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "InstanceId", "Value": ALTERED.removeprefix(f"{NAME}_")}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=15,
        Threshold=5.0,
        ComparisonOperator="LessThanThreshold",
        AlarmActions=["arn:aws:automate:us-east-1:ec2:terminate"],
    )
    often = {"DCP_ENGINE_DOWNSCALE_INTERVAL": "0s", "DCP_ENGINE_ALARM_SWEEP_INTERVAL": "0s"}
    scene.computer.run("register", scene.file).fine()
    ticks_until(scene, machines_seen, **often)
    scene.aws.light_client("ec2").modify_spot_fleet_request(
        SpotFleetRequestId=scene.launch.fleet_id, TargetCapacity=5
    )
    ticks_until(scene, lambda status: status.fleets[0].target == 5, **often)
    assert "target-raised" in kinds(scene)
    ticks_until(scene, has_problem("altered-alarms"), **often)
    assert "LessThanThreshold 5 instead of LessThanThreshold 1" in problem(scene, "altered-alarms")
    scene.computer.run("tick", NAME, **often)
    assert ALTERED in scene.held_by_aws()[1]["alarms"]
    assert scene.launch.fleet.target == 5
    assert not scene.was_done("ec2:ModifySpotFleetRequest")

    said = scene.computer.run("abort", NAME, "--keep-queue", "--yes")
    assert "Traceback" not in said.text
    scene.computer.run("resume", NAME).fine()
    how, why = step(scene, "queue")
    assert how == "kept"
    assert why.startswith("a person asked for that")
    own, others = scene.held_by_aws()
    assert leftovers(own).keys() == {"queues"}
    kept = own["queues"][scene.launch.queue_name]
    done = sum(count > 0 for count in scene.launch.stats.jobs_done.values())
    assert kept["visible"] + kept["in_flight"] == 300 - done
    assert others == scene.before | {
        "alarms": {name: alarm for name, alarm in scene.before["alarms"].items() if name != ALTERED}
    }


def test_cheapest_mode_may_be_chosen_at_registration_and_left_again(stage: MakeScene) -> None:
    scene = stage(jobs=60, hold_a_job=True, neighbours=False)
    later = {"DCP_ENGINE_CHEAPEST_AFTER": "1h"}
    scene.computer.run("register", scene.file, "--cheapest").fine()
    ticks_until(scene, lambda status: status.state == "RUNNING", **later)
    assert scene.computer.status(NAME)["cheapest"] is True
    with scene.computer.start("resume", NAME, "--no-cheapest", **later) as resumed:
        resumed.until_says("Cheapest mode was disengaged")
        assert scene.computer.status(NAME)["cheapest"] is False
    assert not scene.was_done("ec2:ModifySpotFleetRequest")
    # What has acted cannot be undone, and says so.
    with scene.computer.start("resume", NAME, "--cheapest") as resumed:
        resumed.until_says("Cheapest mode acts now")
        scene.until_asked("ec2:ModifySpotFleetRequest")
    with scene.computer.start("resume", NAME, "--no-cheapest") as resumed:
        resumed.until_says("cannot be undone")
    assert scene.launch.fleet.target == 1
