"""abort, where the machines cannot be stopped: nobody is told that they are."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result

from dcp_engine.app import App
from dcp_engine.cli import wish
from dcp_engine.cli.standing import not_stopped
from dcp_engine.engine import TickReport
from dcp_engine.model import Ended, Problem, Run, State, Step
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import FLEET_ID, START, fleet, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]

NOTHING = "NOTHING WAS STOPPED YET: the abort is only recorded. The machines of Exp1 run on and are"
IN_THE_WAY = "AS LONG AS THIS IS SO, NOTHING IS STOPPED: "


def problem(name: str, text: str, **changes: Any) -> Problem:
    return Problem(name=name, since=START, text=text, needs_person=True, **changes)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_credentials")
def test_expired_credentials_that_are_known(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    held = add(run(State.RUNNING))
    assert invoke("tick", "Exp1").exit_code == 4
    result = invoke("abort", "Exp1", "--yes")
    assert result.exit_code == 4
    before, _, after = result.stdout.partition("RUNNING → TEARDOWN")
    assert f"{IN_THE_WAY}Exp1 cannot be watched" in before
    assert "  PROBLEM  Exp1 cannot be watched" in after
    assert "Type: aws configure [credentials, since" in after
    assert f"{NOTHING} billed. Once the problem above is over" in after
    assert "is being taken down" not in after
    assert store.run(held.id).state is State.TEARDOWN


@pytest.mark.usefixtures("no_credentials")
def test_credentials_that_fail_now_are_told_once(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING))
    text = invoke("abort", "Exp1", "--yes").stdout
    assert "Why the jobs could not be counted: AWS does not accept the present cred" in text
    assert text.count("Exp1 cannot be watched") == 1
    assert f"{NOTHING} billed. Once the problem above is over" in text
    again = invoke("abort", "Exp1", "--yes").stdout
    assert f"{IN_THE_WAY}Exp1 cannot be watched" in again
    assert NOTHING in again


def test_a_computer_that_has_stepped_back(invoke: Invoke, add: Add) -> None:
    stepped_back = problem("driven-elsewhere", "Another drives it.")
    other = fleet(driver="another", driven_until=datetime.now(UTC) + timedelta(hours=1))
    add(run(State.RUNNING, problems=(stepped_back,), fleets=(other,)))
    result = invoke("abort", "Exp1", "--yes")
    assert result.exit_code == 4
    text = result.stdout
    assert f"{IN_THE_WAY}Another drives it." in text
    assert "  PROBLEM  Another drives it. [driven-elsewhere, since" in text
    assert NOTHING in text
    assert "The other computer does not know of the abort" in text
    assert text.endswith("See it through with: dcp-engine resume Exp1 --take-over\n")


@pytest.mark.usefixtures("no_credentials")
def test_a_teardown_that_has_stopped_them_is_not_held_up(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = problem("credentials", "Somebody must log in.")
    steps = (Step(name="fleets", ended=Ended.DONE), Step(name="logs"))
    add(run(State.TEARDOWN, machines_ended_at=START, steps=steps, problems=(expired,)))
    monkeypatch.setattr(wish, "_person_there", lambda: True)
    text = invoke("abort", "Exp1", text="n\n").stdout
    assert "Its machines have ended." in text
    assert IN_THE_WAY not in text


def stopping(answers: dict[str, str], **changes: Any) -> Run:
    steps = (Step(name="fleets", progress={"answers": answers}), Step(name="logs"))
    return run(State.TEARDOWN, **{"first_cancel_at": START, "steps": steps, **changes})


def test_a_stop_that_aws_has_accepted(
    invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(run(State.RUNNING))
    report = TickReport(run=stopping({FLEET_ID: "accepted"}))
    monkeypatch.setattr(App, "tick", lambda app, name: report)
    text = invoke("abort", "Exp1", "--yes").stdout
    assert "Exp1 is being taken down. Still to do: fleets, logs." in text
    assert text.endswith("See it through with: dcp-engine resume Exp1\n")


TWO = (fleet(), fleet(id="sfr-2"))
UNREACHABLE = (problem("unreachable", "No connection."),)
FAILING = (problem("step-fleets", "It failed."),)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (stopping({}), "NOTHING WAS STOPPED YET: the abort"),
        (stopping({}, problems=FAILING), "NOTHING WAS STOPPED YET, as far as AWS has said: the"),
        (stopping({}, problems=UNREACHABLE), "YET, as far as AWS has said: the abort"),
        (stopping({FLEET_ID: "failed"}, problems=FAILING), "Every look at the run tries it again."),
        (stopping({FLEET_ID: "accepted"}, fleets=TWO), "NOT EVERYTHING WAS STOPPED YET: the abort"),
        (stopping({FLEET_ID: "not cancellable"}, problems=FAILING), "NOT EVERYTHING WAS STOPPED"),
        (stopping({}, fleets=(fleet(active=0),)), "No machine of Exp1 was up at the last look"),
    ],
)
def test_what_is_said_of_it(held: Run, words: str) -> None:
    assert words in (not_stopped(held, "abort") or "")


def test_advice_is_no_reason(invoke: Invoke, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add(run(State.RUNNING))
    advice = problem("unclaimed", "No mark.", advice=True)
    report = TickReport(run=stopping({FLEET_ID: "accepted"}, problems=(advice,)))
    monkeypatch.setattr(App, "tick", lambda app, name: report)
    assert "PROBLEM" not in invoke("abort", "Exp1", "--yes").stdout
