"""Plugins that fail are visible, and whoever uses the bench wrongly is told what to do."""

import subprocess
import sys

import pytest

from dcp_engine.outbox import GIVE_UP_AFTER
from dcp_engine.testing import (
    Bench,
    BenchError,
    Event,
    Settings,
    State,
    example_event,
    example_run,
)
from tests.testing_kit.plugins import Counter, Failing, Notifier, Picky


def test_a_plugin_that_fails_at_the_start_keeps_a_run_from_beginning(bench: Bench) -> None:
    bench.install("broken", Failing("duties"))
    with pytest.raises(AssertionError, match=r"broken, duties: .*no luck in duties"):
        bench.run()
    assert [(f.plugin, f.hook) for f in bench.failures] == [("broken", "duties")]
    run = bench.run(State.EXPORTED, jobs=1, machines=1, allow_failures=True)
    assert run.state is State.EXPORTED


def test_options_that_do_not_fit_are_a_failure(bench: Bench) -> None:
    bench.install("picky", Picky(), table={"chanel": "#imaging"})
    (failure,) = bench.failures
    assert failure.plugin == "picky"
    assert "channel is missing" in failure.error
    assert "did you mean channel?" in failure.error


def test_a_duty_that_raises_is_a_problem_of_the_run(bench: Bench) -> None:
    bench.install("failing", Failing("run"))
    run = bench.run(State.RUNNING)
    assert "no luck in run" in bench.problems(run)["duty-fails"]
    assert bench.until(run, State.EXPORTED).state is State.EXPORTED


def test_a_notifier_that_raises_is_asked_again_and_shows_what_it_did_not_tell(
    bench: Bench,
) -> None:
    trouble = ["the service is down"]
    heard: list[Event] = []

    def tell(event: Event) -> None:
        if trouble:
            raise ConnectionError(trouble[0])
        heard.append(event)

    bench.install("alerts", Notifier(tell))
    run = bench.run(State.RUNNING)
    (failed,) = bench.undelivered(run)
    assert failed.notifier == "alerts"
    assert failed.event == bench.events(run)[0]
    assert "the service is down" in failed.error
    assert (failed.attempts, failed.given_up) == (1, False)
    assert bench.told == bench.events(run), "the others are told"

    trouble.clear()
    bench.advance(hours=1)
    run = bench.tick(run)
    assert bench.undelivered(run) == []
    assert heard == bench.events(run)


def test_a_message_is_given_up_in_the_end(bench: Bench) -> None:
    bench.install("alerts", Failing("notify"))
    run = bench.run(State.EXPORTED, jobs=1, machines=1)
    (failed,) = bench.undelivered(run)
    assert (failed.event.kind, failed.given_up) == ("registered", False)
    bench.restart()
    bench.advance(seconds=GIVE_UP_AFTER.total_seconds())
    bench.tick(run)
    (again,) = bench.undelivered(run)
    assert (again.event, again.given_up) == (failed.event, True)
    assert again.attempts == failed.attempts + 1


def test_what_is_too_late_is_refused_with_words(bench: Bench) -> None:
    bench.run(State.PENDING)
    with pytest.raises(BenchError, match=r"Install counter before the first bench\.run\(\)"):
        bench.install("counter", Counter())
    with pytest.raises(BenchError, match=r"Set bench\.settings before the first bench\.run\(\)"):
        bench.settings = Settings()


def test_a_name_is_given_once(bench: Bench) -> None:
    bench.install("counter", Counter())
    for name in ("counter", "bench"):
        with pytest.raises(BenchError, match=f"The name {name} is taken"):
            bench.install(name, Counter())


def test_there_is_no_launch_before_a_run(bench: Bench) -> None:
    with pytest.raises(BenchError, match=r"call bench\.run\(\) first"):
        _ = bench.launch


def test_without_the_extra_it_is_said_what_to_install() -> None:
    code = "import sys; sys.modules['moto'] = None; import dcp_engine.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'dcp-engine[testing]'" in done.stderr


def test_examples_can_be_changed_and_compared() -> None:
    assert example_run() == example_run()
    assert example_run().live
    assert example_run(state=State.EXPORTED, dead_letters=3).dead_letters == 3
    event = example_event("problem", "The disk is full.", problem="disk")
    assert event == example_event("problem", "The disk is full.", problem="disk")
    assert event.id != example_event("problem", "The disk is empty.", problem="disk").id
    assert (event.run_id, event.data) == (example_run().id, {"problem": "disk"})
