"""`dcp-engine watch`: every run there is, in one process, until somebody ends it."""

import signal
from pathlib import Path

from dcp_engine.simulation.launch import launch_run
from tests.e2e.scene import NAME, SHORT_JOBS, MakeScene


def test_one_process_sees_all_runs_to_their_end_and_takes_in_a_later_one(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(hold_a_job=True, auto_monitor=False)
    computer = scene.computer
    with computer.start("watch") as watch:
        watch.until_says("No live run is in .*, so there is nothing to look after yet")
        computer.run("register", scene.file).fine()
        watch.until_says("1 run is looked after")
        watch.until_says(rf"{NAME}  RUNNING: ")
        assert "watch" in computer.status(NAME)["driver"]
        later = launch_run(
            scene.aws,
            "Later",
            jobs=2,
            machines=1,
            directory=tmp_path,
            cluster="LaterCluster",
            scenario=SHORT_JOBS,
        )
        computer.run("register", later.monitor_file).fine()
        watch.until_says("2 runs are looked after")
        watch.until_says("Later  EXPORTED: ")
        assert computer.status("Later")["outcome"] == "completed"
        # Another driver leaves both to it.
        computer.run("tick", "--all").fine()
        scene.give_the_job_back()
        watch.until_says(f"{NAME}  EXPORTED: ")
        watch.send(signal.SIGTERM)
        left = watch.until_ended().fine()
    assert "nobody looks after the runs until" in left.err.splitlines()[-1]
    status = computer.status(NAME)
    assert (status["state"], status["outcome"]) == ("EXPORTED", "completed")
    assert later.all_jobs_done()


def test_what_is_asked_of_a_run_is_heard_and_a_stop_gives_the_runs_back(
    stage: MakeScene,
) -> None:
    scene = stage(hold_a_job=True)
    computer = scene.computer
    computer.run("register", scene.file).fine()
    with computer.start("watch", DCP_ENGINE_POLL_INTERVAL="10m") as watch:
        watch.until_says(f"{NAME}  RUNNING: ")
        computer.run("abort", NAME, "--yes").fine()
        watch.until_says(f"{NAME}  TEARDOWN: ")
        watch.send(signal.SIGTERM)
        watch.until_ended().fine()
    assert computer.status(NAME)["driver"] is None
    computer.run("resume", NAME).fine()
    assert computer.status(NAME)["outcome"] == "aborted"
