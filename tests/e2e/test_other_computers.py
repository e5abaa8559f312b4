"""Who else drives: Auto-Monitor, another computer; and a computer that slept."""

import signal
from pathlib import Path

from dcp_engine.clock import SystemClock
from dcp_engine.driver_tag import KEY
from dcp_engine.simulation.launch import queue_alarm_names
from tests.e2e.computer import Computer
from tests.e2e.scene import NAME, NOBODY_COMES, MakeScene, Scene
from tests.e2e.ticking import has_problem, problem, ticks_until
from tests.e2e.waiting import until

READS = ("Describe", "Get", "List", "Head")
CANCEL = "ec2:CancelSpotFleetRequests"


def armed(scene: Scene) -> list[str]:
    alarms = scene.aws.client("cloudwatch").describe_alarms(AlarmNames=queue_alarm_names(NAME))
    return [alarm["AlarmName"] for alarm in alarms["MetricAlarms"] if alarm["ActionsEnabled"]]


def changes(scene: Scene, since: int) -> list[str]:
    """What AWS was asked for since then that is not a question."""
    names = scene.aws.requests.names()[since:]
    return [name for name in names if not name.split(":")[1].startswith(READS)]


def mark(scene: Scene) -> str:
    """The store that the fleet's mark names."""
    (value,) = [tag["Value"] for tag in scene.launch.fleet.tags if tag["Key"] == KEY]
    return str(value).partition(" ")[0]


def test_auto_monitors_alarms_are_named_and_take_over_disarms_them(stage: MakeScene) -> None:
    scene = stage(scenario=NOBODY_COMES)
    said = scene.computer.run("register", scene.file)
    for word in (*queue_alarm_names(NAME), "single zero", "--take-over"):
        assert word in said.text
    scene.computer.run("tick", NAME).fine()
    assert "--take-over" in problem(scene, "auto-monitor-armed")
    assert sorted(armed(scene)) == sorted(queue_alarm_names(NAME))

    with scene.computer.start("resume", NAME, "--take-over") as resumed:
        resumed.until_says("problem-over")
    assert armed(scene) == []
    assert scene.computer.status(NAME)["problems"] == []
    # Disarmed, not deleted; and the neighbours' of nearly the same name are as they were.
    own, others = scene.held_by_aws()
    assert set(queue_alarm_names(NAME)) <= set(own["alarms"])
    assert others == scene.before
    disarmed = scene.aws.requests.matching("cloudwatch:DisableAlarmActions")
    assert {tuple(sorted(r.params["AlarmNames"])) for r in disarmed} == {
        tuple(sorted(queue_alarm_names(NAME)))
    }


def test_another_computer_is_refused_takes_over_and_the_first_steps_back(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(jobs=4, hold_a_job=True, neighbours=False)
    often = {"DCP_ENGINE_DOWNSCALE_INTERVAL": "0s"}
    other = Computer(scene.aws, tmp_path / "laptop")
    scene.computer.run("register", scene.file).fine()
    scene.computer.run("tick", NAME, **often)
    first = mark(scene)

    refused = other.run("register", scene.file)
    assert refused.code == 4
    assert "another computer" in refused.err
    assert "--take-over" in refused.err
    assert other.every_run() == []

    other.run("register", scene.file, "--take-over").fine()
    other.run("tick", NAME, **often).fine()
    assert mark(scene) != first
    ticks_until(scene, has_problem("driven-elsewhere"), **often)
    assert f"dcp-engine resume {NAME} --take-over" in problem(scene, "driven-elsewhere")
    asked, counted = len(scene.aws.requests), scene.aws.requests.count("sqs:GetQueueAttributes")
    assert scene.computer.run("tick", NAME, **often).code == 4
    assert scene.computer.run("abort", NAME, "--yes").code == 4
    scene.computer.run("tick", NAME, **often)
    assert changes(scene, asked) == []
    assert scene.aws.requests.count("sqs:GetQueueAttributes") > counted
    assert scene.launch.fleet.state == "active"

    scene.give_the_job_back()
    other.run("resume", NAME).fine()
    scene.resources_are_gone()
    assert scene.launch.all_jobs_done()
    assert other.status(NAME)["outcome"] == "completed"


def test_a_computer_that_slept_counts_to_empty_anew(stage: MakeScene) -> None:
    scene = stage(jobs=4, hold_a_job=True, neighbours=False)
    patient = {"DCP_ENGINE_EMPTY_WINDOW": "8s"}
    counts = "sqs:GetQueueAttributes"
    clock = SystemClock()
    with scene.computer.start("monitor", scene.file, **patient) as monitor:
        scene.computer.until_state(NAME, "DRAINING")
        before = scene.aws.requests.count(counts)
        scene.aws.world.queues.bend_counts(
            scene.launch.queue_name, times=10_000, visible=0, in_flight=0, delayed=0
        )
        scene.until_begun(counts, before + 4)
        monitor.send(signal.SIGSTOP)
        asleep, slept = clock.monotonic(), scene.aws.requests.count(counts)
        until(lambda: clock.monotonic() - asleep > 12, "time stands still")
        assert scene.aws.requests.count(counts) == slept
        monitor.send(signal.SIGCONT)
        # Together with those from before the sleep these would be enough, and for long enough.
        scene.until_begun(counts, slept + 4)
        assert not scene.was_done(CANCEL)
        stored = scene.computer.stored(NAME)
        assert stored is not None
        assert stored.state == "DRAINING"
