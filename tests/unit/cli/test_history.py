"""history: the events as a story, and one by one."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.cli.chapters import Chapter, Entry, chapters
from dcp_engine.model import Event, Outcome, Run, State
from tests.pictures.tales import tale
from tests.unit.runs import START, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]

PAGE = Path(__file__).parents[3] / "docs" / "runs.md"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def event(number: int, kind: str, text: str, **data: Any) -> Event:
    """An event so many minutes after START."""
    at = START + number * MINUTE
    return Event(id=str(number), run_id="Exp1-0123abcd", at=at, kind=kind, text=text, data=data)


def entries(*events: Event) -> list[Entry]:
    """What is told of events that all fall into one chapter."""
    [chapter] = chapters(events)
    return list(chapter.entries)


def told(*events: Event) -> list[tuple[str, str]]:
    return [(entry.who, entry.text) for entry in entries(*events)]


def problem(number: int, text: str = "AWS is silent. Wait.", name: str = "slow") -> Event:
    return event(number, "problem", text, problem=name)


def over(number: int, text: str = "No longer so, after a while: x.", name: str = "slow") -> Event:
    return event(number, "problem-over", text, problem=name)


def test_a_problem_that_is_over_is_told_as_it_was_said_last() -> None:
    end = over(9)
    assert told(problem(0, "1 job failed. Look."), end)[0][1].endswith(": 1 job failed.")
    end.data["text"] = "37 jobs failed. Look."
    assert told(problem(0, "1 job failed. Look."), end)[0][1].endswith(": 37 jobs failed.")


def test_the_story_in_the_docs_is_what_is_printed(invoke: Invoke, add: Add) -> None:
    events = tale()
    held = run(State.EXPORTED, id="Exp1-15fc5ebf", outcome=Outcome.COMPLETED)
    add(held, *events)
    printed = invoke("history", "Exp1").stdout
    [shown] = re.findall(r"^\$ dcp-engine history Exp1\n(.+?)^```$", PAGE.read_text(), re.M | re.S)
    assert printed.split() == shown.split()
    # Somewhere else than on a terminal lines are not broken, so that they can be searched.
    assert "queue-unreadable, 3 times, 12 minutes in all: The jobs in queue Exp1Queue" in printed


def test_every_event_by_itself(invoke: Invoke, add: Add) -> None:
    add(
        run(State.RUNNING),
        event(0, "registered", "Exp1 was registered."),
        event(1, "state", "PENDING → RUNNING: jobs were seen.", to="RUNNING"),
        event(2, "problem", "AWS says \x1b[31mno\x1b[0m."),
        replace(event(3, "problem-lasts", "Still so after 1 day."), at=START + DAY),
    )
    lines = invoke("history", "Exp1", "--full").stdout.splitlines()
    assert lines == [
        "Exp1  Exp1-0123abcd, account 123456789012, us-east-1: RUNNING since "
        "2030-01-01 12:00:00 UTC",
        "",
        "Tuesday, 2030-01-01 UTC",
        "12:00:00  registered        Exp1 was registered.",
        "",
        "12:01:00  RUNNING           PENDING → RUNNING: jobs were seen.",
        "12:02:00  problem           AWS says \\x1b[31mno\\x1b[0m.",
        "",
        "Wednesday, 2030-01-02 UTC",
        "12:00:00  problem-lasts     Still so after 1 day.",
    ]
    as_json = json.loads(invoke("history", "Exp1", "--json").stdout)
    assert [one["id"] for one in as_json] == ["0", "1", "2", "3"]
    assert as_json[0]["at"] == "2030-01-01T12:00:00Z"
    story = invoke("history", "Exp1").stdout
    assert "AWS says \\x1b[31mno\\x1b[0m." in story


def test_a_run_without_events(invoke: Invoke, add: Add) -> None:
    add(run(State.RUNNING))
    assert invoke("history", "Exp1").stdout.count("\n") == 1
    assert chapters([]) == []


def test_chapters_by_state_and_day() -> None:
    events = [
        event(0, "registered", "Registered."),
        event(1, "state", "PENDING → RUNNING: jobs came.", to="RUNNING"),
        replace(event(2, "alarms", "Deleting."), at=START + DAY),
        replace(
            event(3, "state", "RUNNING → DRAINING: none waits.", to="DRAINING"), at=START + DAY
        ),
    ]
    found = chapters(events)
    assert [(c.state, c.begun, c.until) for c in found] == [
        ("PENDING", True, START + MINUTE),
        ("RUNNING", True, START + DAY),
        ("RUNNING", False, START + DAY),
        ("DRAINING", True, None),
    ]
    assert [c.reason for c in found] == ["", "jobs came.", "jobs came.", "none waits."]
    assert isinstance(found[0], Chapter)


def test_a_problem_that_is_over_and_one_that_lasts() -> None:
    first, second = entries(problem(1), over(31), problem(40, "Nobody works. Do this.", "idle"))
    assert (first.since, first.until) == (START + MINUTE, START + 31 * MINUTE)
    assert (first.who, first.text) == ("PROBLEM", "slow, 30 minutes: AWS is silent.")
    # What stands needs its advice.
    assert (second.until, second.text) == (None, "idle: Nobody works. Do this.")


def test_a_problem_that_comes_again_and_again_is_one() -> None:
    [one] = entries(problem(1), over(3), problem(10), over(14), problem(20), over(26))
    assert one.text == "slow, 3 times, 12 minutes in all: AWS is silent."
    assert (one.since, one.until) == (START + MINUTE, START + 26 * MINUTE)
    [lasting] = entries(problem(1), over(3), problem(10))
    assert lasting.until is None
    assert lasting.text.startswith("slow, 2 times, 2 minutes in all: AWS is silent. Wait.")


def test_a_problem_that_called_for_a_person_later_is_still_one() -> None:
    [one] = entries(problem(1), problem(5, "Now you must act. Do it."), over(11))
    assert one.text == "slow, 10 minutes: Now you must act."


def test_reminders_belong_to_the_problem() -> None:
    lasts = event(5, "problem-lasts", "Still so after 1 day: AWS.", problem="slow")
    assert len(entries(problem(1), lasts, over(11))) == 1


def test_a_problem_that_was_not_mended() -> None:
    [one] = entries(problem(1), over(3, "This does not matter any more: AWS is silent."))
    assert one.text.endswith("AWS is silent. It was not mended; it did not matter any more.")


def test_an_end_whose_beginning_is_not_told_is_told_as_it_is() -> None:
    assert told(over(3)) == [("dcp-engine", "No longer so, after a while: x.")]


def test_what_is_counted_is_added_up() -> None:
    deleted = [event(n, "alarms", f"Deleting {n} alarms.", count=n) for n in (3, 9, 4)]
    assert told(*deleted) == [("dcp-engine", "Deleting 16 alarms, in 3 rounds.")]
    assert told(deleted[0]) == [("dcp-engine", "Deleting 3 alarms.")]


@pytest.mark.parametrize(
    ("one", "both"),
    [
        (
            "Placing 1 idle alarm that the workers have not placed: Exp1_i-1.",
            "Placing 2 idle alarms that the workers have not placed, in 2 rounds.",
        ),
        (
            "Deleting 1 alarm of a machine that is gone.",
            "Deleting 2 alarms of machines that are gone, in 2 rounds.",
        ),
        (
            "Ending 1 machine that never joined the cluster default: i-1.",
            "Ending 2 machines that never joined the cluster default, in 2 rounds.",
        ),
    ],
)
def test_one_and_one_are_several(one: str, both: str) -> None:
    [(_, text)] = told(event(1, "alarms", one, count=1), event(2, "alarms", one, count=1))
    assert text == both


def test_examples_out_of_one_are_not_examples_of_all() -> None:
    placed = [event(n, "idle-alarms", f"Placing {n} idle alarms: a, b.", count=n) for n in (3, 4)]
    assert told(*placed) == [("dcp-engine", "Placing 7 idle alarms, in 2 rounds.")]


def test_machines_that_were_named_are_added_up() -> None:
    named = [
        event(n, "labels", f"Naming {n} machines and 2 volumes.", machines=n, volumes=2)
        for n in (3, 9)
    ]
    [(_, text)] = told(*named)
    assert text == "Named 12 machines and 4 volumes that had no name, in 2 rounds."


def test_the_capacity_of_each_fleet_goes_down_by_itself() -> None:
    def lowered(number: int, fleet: str, before: int, after: int) -> Event:
        text = f"Lowering {fleet} from {before} to {after}."
        return event(number, "downscale", text, fleet=fleet, **{"from": before, "to": after})

    [(_, first), (_, second)] = told(
        lowered(1, "sfr-1", 90, 40), lowered(2, "sfr-2", 10, 5), lowered(3, "sfr-1", 40, 1)
    )
    assert "fleet sfr-1 2 times, from 90 to 1," in first
    assert second == "Lowering sfr-2 from 10 to 5."


def test_what_people_did_is_never_put_together() -> None:
    waived = [event(n, "waive", f"A person waived the step {n}.") for n in range(4)]
    assert [who for who, _ in told(*waived)] == ["a person"] * 4
    raised = event(9, "target-raised", "Somebody raised it.", fleet="sfr-1")
    assert told(raised, raised)[0][0] == "somebody"


def test_anything_else_is_told_once_when_it_comes_often() -> None:
    same = [event(n, "plugin-thing", f"Thing {n}.") for n in range(5)]
    assert told(*same) == [("dcp-engine", "5 times; the last time: Thing 4.")]
    assert told(*same[:2]) == [("dcp-engine", "Thing 0."), ("dcp-engine", "Thing 1.")]


def test_steps_that_are_done_are_one_line_and_the_others_are_not() -> None:
    def step(number: int, name: str, ended: str) -> Event:
        return event(number, "step", f"{name}: {ended} (why)", step=name, ended=ended)

    found = told(
        event(0, "service", "Scaling down."),
        step(1, "service", "done"),
        step(2, "queue", "kept"),
        step(3, "fleets", "done"),
        step(4, "logs", "done"),
        step(5, "report", "done"),
    )
    assert [text for _, text in found] == [
        "Done: service, fleets.",
        "queue: kept (why)",
        "logs: done (why)",
        "report: done (why)",
    ]


@pytest.mark.parametrize(("hours", "form"), [(1, "12:00:00"), (5, "12:00 ")])
def test_seconds_are_told_of_a_quick_run(invoke: Invoke, add: Add, hours: int, form: str) -> None:
    last = replace(event(1, "alarms", "Deleting."), at=START + timedelta(hours=hours))
    add(run(State.RUNNING), event(0, "registered", "Registered."), last)
    assert f"  {form}" in invoke("history", "Exp1").stdout
