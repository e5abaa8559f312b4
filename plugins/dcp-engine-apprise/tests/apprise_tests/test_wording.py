"""What a message says."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from dcp_engine_apprise.wording import message_about

from dcp_engine.model import Outcome, Problem, State
from dcp_engine.testing import Event, example_event, example_run

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


@dataclass
class Case:
    """An event of a run with these changes, the message's title and its importance."""

    event: Event
    title: str
    importance: str
    changes: dict[str, Any]


def _move(before: State, to: State) -> Event:
    return example_event("state", "as it was", **{"from": before.value, "to": to.value})


def _problem(*, needs_person: bool = False, advice: bool = False) -> dict[str, Any]:
    problem = Problem(
        name="no-capacity", since=NOW, text="none", needs_person=needs_person, advice=advice
    )
    return {"problems": (problem,)}


def _about(kind: str) -> Event:
    return example_event(kind, "No machine has come.", problem="no-capacity")


@pytest.mark.parametrize(
    "case",
    [
        Case(_move(State.PENDING, State.RUNNING), "running", "info", {}),
        Case(_move(State.DRAINING, State.RUNNING), "jobs are waiting again", "info", {}),
        Case(_move(State.RUNNING, State.DRAINING), "no more jobs are waiting", "info", {}),
        Case(_move(State.DRAINING, State.TEARDOWN), "being taken down", "info", {}),
        Case(
            _move(State.TEARDOWN, State.EXPORTED),
            "ended, completed",
            "success",
            {"outcome": Outcome.COMPLETED},
        ),
        Case(
            _move(State.TEARDOWN, State.EXPORTED),
            "ended, completed with dead letters",
            "warning",
            {"outcome": Outcome.COMPLETED_WITH_DEAD_LETTERS},
        ),
        Case(_about("problem"), "a problem: no capacity", "warning", _problem()),
        Case(_about("problem"), "needs you: no capacity", "failure", _problem(needs_person=True)),
        Case(_about("problem"), "a problem: no capacity", "info", _problem(advice=True)),
        Case(_about("problem"), "a problem: no capacity", "warning", {}),
        Case(_about("problem-lasts"), "still a problem: no capacity", "warning", _problem()),
        Case(_about("problem-over"), "no longer a problem: no capacity", "success", {}),
        Case(example_event("fleet-added", "…"), "fleet added", "info", {}),
    ],
    ids=lambda case: case.title,
)
def test_the_title_says_it_all_and_the_importance_is_right(case: Case) -> None:
    message = message_about(example_run(**case.changes), case.event)
    assert message.title == f"Exp1: {case.title}"
    assert message.importance == case.importance


def test_the_body_is_the_text_then_where_and_last_the_event() -> None:
    event = example_event("problem", "The queue cannot be read.", problem="queue-unreadable")
    lines = message_about(example_run(), event).body(1000).splitlines()
    assert lines[0] == "The queue cannot be read."
    assert "account 123456789012, us-east-1" in lines[2]
    assert lines[-1] == f"Event {event.id}"


def test_the_end_comes_with_the_summary() -> None:
    end = example_event(
        "state", "TEARDOWN → EXPORTED.", to="EXPORTED", summary={"Plates": "12", "Images": "4608"}
    )
    text = message_about(example_run(outcome=Outcome.COMPLETED), end).body(1000)
    assert "Plates: 12\nImages: 4608" in text


@pytest.mark.parametrize("room", [160, 90, 60])
def test_what_is_too_long_is_cut_and_keeps_the_event(room: int) -> None:
    event = example_event("problem", "word " * 100, problem="x")
    text = message_about(example_run(), event).body(room)
    assert len(text) <= room
    assert text.splitlines()[-1] == f"Event {event.id}"
    assert "…" in text
