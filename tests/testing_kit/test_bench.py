"""The bench does what its documentation lists."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from dcp_engine.model import Ended, Outcome
from dcp_engine.simulation.neighbours import launch_neighbours
from dcp_engine.simulation.snapshot import belonging_to, snapshot
from dcp_engine.testing import Bench, Event, Fault, Scenario, Settings, State
from tests.testing_kit.plugins import Counter, Failing, Notifier, Picky


@pytest.mark.parametrize("state", State)
def test_a_run_in_any_state(bench: Bench, state: State) -> None:
    run = bench.run(state, jobs=3, machines=1)
    assert run.state is state
    assert run.names.app_name == bench.launch.app_name == "Exp1"
    assert (bench.events(run, "state")[-1].data["to"] if state != State.PENDING else state) == state
    assert bench.launch.all_jobs_done() == (state in {State.TEARDOWN, State.EXPORTED})
    assert bench.problems(run) == {}
    assert bench.failures == []


def test_a_run_with_a_scenario_and_another_beside_it(bench: Bench) -> None:
    scenario = Scenario(poison_jobs=frozenset({0}))
    first = bench.run(State.DRAINING, jobs=2, machines=1, name="Poisoned", scenario=scenario)
    second = bench.run(State.RUNNING, jobs=1, machines=1)
    assert second.names.app_name == bench.launch.app_name == "Exp2"
    ended = bench.until(first, State.EXPORTED)
    assert ended.outcome is Outcome.COMPLETED_WITH_DEAD_LETTERS
    assert bench.tick(second).id == second.id


def test_a_condition_may_be_waited_for_and_time_passes_meanwhile(bench: Bench) -> None:
    began = bench.clock.now()
    run = bench.run(State.RUNNING)
    run = bench.until(run, lambda run: bool(run.active_machines))
    assert run.state is State.RUNNING
    assert timedelta(minutes=1) <= bench.clock.now() - began <= timedelta(minutes=10)
    looked = run.last_tick_at
    bench.advance(minutes=1, seconds=30)
    assert looked is not None
    assert bench.tick(run).last_tick_at == looked + timedelta(seconds=90)


def test_what_cannot_be_reached_is_said_with_what_is_wrong(bench: Bench) -> None:
    bench.aws.faults.add("logs:CreateExportTask", Fault.DENIED, times=None)
    with pytest.raises(AssertionError) as caught:
        bench.run(State.EXPORTED, jobs=1, machines=1, ticks=60)
    said = str(caught.value)
    assert "Exp1 has not come to EXPORTED within 60 ticks" in said
    assert "It is in TEARDOWN since" in said
    assert "step-logs: The teardown step logs has failed" in said
    assert "logs: logs:CreateExportTask" in said
    run = bench.run(State.PENDING)
    with pytest.raises(AssertionError, match=r"has not met the condition within 3 ticks.*") as late:
        bench.until(run, lambda run: run.outcome is Outcome.ABORTED, ticks=3)
    assert "Problems: none" in str(late.value)


def test_an_ended_run_does_not_come_back(bench: Bench) -> None:
    run = bench.run(State.EXPORTED, jobs=1, machines=1)
    with pytest.raises(AssertionError, match="has not come to RUNNING within 0 ticks"):
        bench.until(run, State.RUNNING)


def test_faults_on_command_are_real_and_can_be_called_off(bench: Bench) -> None:
    bench.aws.faults.add("logs:CreateExportTask", Fault.DENIED, times=None)
    reset = bench.aws.faults.add("sqs:GetQueueAttributes", Fault.RESET, times=2)
    run = bench.run(State.TEARDOWN, jobs=1, machines=1)
    assert reset.hits == 2
    run = bench.until(run, lambda run: run.problem("step-logs") is not None)
    assert "AccessDenied" in bench.problems(run)["step-logs"]
    bench.aws.faults.clear()
    assert bench.until(run, State.EXPORTED).outcome is Outcome.COMPLETED


def test_a_plugin_is_told_its_table_and_its_variables_and_no_others(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    monkeypatch.setenv("DCP_ENGINE_PICKY_CHANNEL", "of the real environment")
    picky = Picky()
    environ = {"DCP_ENGINE_PICKY_OFTEN": "3m"}
    bench.install("picky", picky, table={"channel": "#imaging"}, environ=environ)
    bench.run(State.PENDING)
    assert picky.got == [{"channel": "#imaging", "often": timedelta(minutes=3)}]


def test_duties_steps_and_notifiers_take_part(bench: Bench) -> None:
    heard: list[Event] = []
    bench.install("counter", Counter())
    bench.install("alerts", Notifier(heard.append))
    run = bench.run(State.DRAINING, jobs=2, machines=1)
    assert "times" in bench.problems(run)["counted"]
    run = bench.until(run, State.EXPORTED)
    step = run.step("tally")
    assert step is not None
    assert step.ended is Ended.DONE
    assert heard == bench.told == bench.events(run)
    assert [event.text for event in bench.events(run, "step") if "tally" in event.text] == [
        "tally: done (tallied)"
    ]


def test_the_engines_own_settings(bench: Bench) -> None:
    bench.settings = Settings(poll_interval=timedelta(minutes=7))
    run = bench.tick(bench.run(State.RUNNING))
    assert run.last_tick_at is not None
    assert run.next_tick_at == run.last_tick_at + timedelta(minutes=7)


def test_a_restart_is_another_process_on_the_same_database(bench: Bench) -> None:
    bench.install("counter", Counter())
    run = bench.run(State.RUNNING)
    bench.advance(minutes=2)
    for died in (False, True):
        before = bench.tick(run)
        bench.restart(died=died)
        bench.advance(minutes=2)
        after = bench.tick(run)
        assert after.last_tick_at == bench.clock.now(), "the old process still holds the run"
        counted = [now.duty("count") for now in (before, after)]
        counts = [record.memory["count"] for record in counted if record]
        assert counts[1] == counts[0] + 1
    assert bench.told == bench.events(run)


def test_a_restart_loads_the_plugins_anew(bench: Bench) -> None:
    picky = Picky()
    bench.install("picky", picky, table={"channel": "#imaging"})
    bench.run(State.PENDING)
    bench.restart()
    assert len(picky.got) == 2


def test_neighbours_are_left_alone(bench: Bench, tmp_path: Path) -> None:
    launch_neighbours(bench.aws, "Exp1", tmp_path)
    bench.advance(minutes=5)
    before = snapshot(bench.aws)
    bench.install("counter", Counter())
    bench.install("failing", Failing("run"))
    bench.run(State.EXPORTED, jobs=2, machines=1)
    _, others = belonging_to(snapshot(bench.aws), bench.launch)
    others["objects"] = {
        name: thing for name, thing in others["objects"].items() if name in before["objects"]
    }
    dead_letters = others["queues"].pop(bench.launch.dead_letter_queue)
    assert dead_letters["visible"] == 0
    assert others == before


@pytest.fixture
def own_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's environment may hold."""
    monkeypatch.setenv("AWS_PROFILE", "imaging")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a real account")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


def test_a_developers_own_aws_is_not_in_the_way(own_aws: None, bench: Bench) -> None:
    bench.aws.faults.add("sqs:GetQueueAttributes", Fault.RESET)
    run = bench.run(State.RUNNING)
    assert bench.problems(run) == {}
    assert run.account == bench.aws.account


def test_other_connections_are_left_alone(bench: Bench) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        def tell(event: Event) -> None:
            urlopen(f"http://127.0.0.1:{server.server_port}/{event.kind}", timeout=10).close()

        bench.install("webhook", Notifier(tell))
        run = bench.run(State.RUNNING)
        server.shutdown()
        thread.join()
    assert asked == [f"/{event.kind}" for event in bench.events(run)]
    assert bench.undelivered(run) == []
