"""`dcp-engine watch`: every run there is, in one process, until somebody ends it."""

import signal
import sqlite3
from pathlib import Path

from dcp_engine.simulation.launch import launch_run
from tests.e2e.scene import NAME, SHORT_JOBS, MakeScene

NOT_AWAITED_FOR_LONG = """
import dcp_engine.patrol
dcp_engine.patrol._MAY_COME_BACK = 2.0
"""
"""A database that is gone is waited for two seconds, not a minute."""


def test_one_process_sees_all_runs_to_their_end_and_takes_in_a_later_one(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(hold_a_job=True, auto_monitor=False)
    computer = scene.computer
    with computer.start("watch") as watch:
        watch.until_says("so a new one was made, and nothing is watched")
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
        said = computer.run("register", later.monitor_file).fine().out
        assert f"dcp-engine watch (process {watch.pid} on " in said
        assert "looks after all runs in this database, and so after Later" in said
        assert "crontab" not in said
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


def test_a_database_that_was_replaced_ends_it_and_the_next_one_takes_the_new_file(
    stage: MakeScene, tmp_path: Path
) -> None:
    scene = stage(hold_a_job=True)
    computer = scene.computer
    computer.run("register", scene.file).fine()
    (tmp_path / "sitecustomize.py").write_text(NOT_AWAITED_FOR_LONG)
    backup = tmp_path / "backup.db"
    with sqlite3.connect(computer.database) as db:
        db.execute("VACUUM INTO ?", [str(backup)])
    with computer.start("watch", PYTHONPATH=str(tmp_path)) as watch:
        watch.until_says(f"{NAME}  RUNNING: ")
        for file in tmp_path.glob(f"**/{computer.database.name}-*"):
            file.unlink()
        backup.replace(computer.database)
        ended = watch.until_ended()
    assert ended.code == 4
    assert "was deleted, moved or replaced while it was in use" in ended.err
    assert "Traceback" not in ended.err
    with computer.start("watch") as watch:
        watch.until_says(f"{NAME}  RUNNING: ")


def test_where_there_was_no_database_it_says_that_nothing_is_watched(stage: MakeScene) -> None:
    scene = stage(hold_a_job=True)
    with scene.computer.start("watch") as watch:
        watch.until_says(
            "There was no database at .*, so a new one was made, and nothing is watched"
        )


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
