"""What a message says, and that nothing in an event's text can do harm."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from dcp_engine_slack.message import body
from dcp_engine_slack.text import escaped

from dcp_engine.model import Ended, Event, Outcome, Problem, Reading, Run, State, Step
from dcp_engine.testing import example_event, example_run

SINCE = datetime(2030, 1, 1, 12, tzinfo=UTC)


def change(before: State, after: State, reason: str = "so it is", **data: Any) -> Event:
    return example_event(
        "state", f"{before} → {after}: {reason}.", **{"from": before, "to": after, **data}
    )


def blocks(run: Run, event: Event, mention: str | None = None) -> list[str]:
    """The text of each block."""
    made = body(run, event, mention)["blocks"]
    return [
        block["text"]["text"]
        if "text" in block
        else "\n".join(element["text"] for element in block["elements"])
        for block in made
    ]


HEADLINES: dict[str, tuple[Event, str]] = {
    "registered": (example_event("registered", "x"), "Exp1 is watched from now on"),
    "started": (change(State.PENDING, State.RUNNING), "Exp1 has started"),
    "draining": (change(State.RUNNING, State.DRAINING), "Exp1 has no job waiting"),
    "refilled": (change(State.DRAINING, State.RUNNING), "Exp1 has jobs waiting again"),
    "teardown": (change(State.DRAINING, State.TEARDOWN), "Exp1 is taken down"),
    "late jobs": (change(State.TEARDOWN, State.RUNNING), "Exp1 goes on: jobs came late"),
    "machines": (
        example_event("step", "x", step="fleets", ended="done"),
        "Exp1 has no machine any more; none is billed",
    ),
    "problem": (example_event("problem", "x", problem="slow"), "Exp1 has a problem"),
    "over": (example_event("problem-over", "x", problem="slow"), "Exp1: a problem is over"),
    "other": (example_event("goodbye", "x"), "Exp1"),
}


@pytest.mark.parametrize("name", HEADLINES)
def test_the_headline_says_what_happened(name: str) -> None:
    event, words = HEADLINES[name]
    made = body(example_run(jobs_seen=True), event, None)
    first_line = made["blocks"][0]["text"]["text"].splitlines()[0]
    assert f"*{words}" in first_line
    assert words in made["text"]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (example_run(jobs_seen=False), "*Exp1 has no jobs so far*"),
        (
            example_run(
                jobs_seen=True, reading=Reading(visible=0, in_flight=2, delayed=0, at=SINCE)
            ),
            "*Exp1 has no job waiting; the last ones are being worked on*",
        ),
        (
            example_run(
                jobs_seen=True, reading=Reading(visible=0, in_flight=0, delayed=0, at=SINCE)
            ),
            "*Exp1 has no job waiting any more*",
        ),
    ],
)
def test_the_last_jobs_are_worked_on_only_where_there_are_any(run: Run, words: str) -> None:
    assert words in blocks(run, change(State.RUNNING, State.DRAINING))[0]


def test_a_change_of_state_says_its_reason_and_not_the_names_of_states() -> None:
    event = change(State.RUNNING, State.DRAINING, "no job is visible")
    assert blocks(example_run(), event)[0].splitlines()[1:] == ["No job is visible."]


@pytest.mark.parametrize("kind", ["problem", "problem-lasts"])
def test_a_problem_that_needs_somebody_says_so(kind: str) -> None:
    problem = Problem(name="no-capacity", since=SINCE, text="x", needs_person=True)
    event = example_event(kind, "There are no machines.", problem="no-capacity")
    assert "needs somebody" in blocks(example_run(problems=(problem,)), event)[0]
    assert "needs somebody" not in blocks(example_run(), event)[0]


def test_an_advice_is_not_called_a_problem() -> None:
    advice = Problem(name="armed", since=SINCE, text="x", advice=True)
    event = example_event("problem", "Auto-Monitor is on.", problem="armed")
    assert "Exp1 is fine; something to know" in blocks(example_run(problems=(advice,)), event)[0]


def test_machines_that_a_person_waived_are_not_said_to_have_ended() -> None:
    event = example_event("step", "fleets: waived", step="fleets", ended="waived")
    assert "billed" not in json.dumps(body(example_run(), event, None))


def test_the_end_comes_with_a_summary() -> None:
    where = "Exp1 is at exp1-bucket/exportedlogs/Exp1/1234"
    run = example_run(
        state=State.EXPORTED,
        outcome=Outcome.COMPLETED_WITH_DEAD_LETTERS,
        dead_letters=3,
        machines_ended_at=SINCE,
        steps=(
            Step(name="fleets", ended=Ended.DONE),
            Step(name="logs", ended=Ended.DONE, reason=where),
            Step(name="queue", ended=Ended.KEPT, reason="jobs came late"),
        ),
    )
    event = change(State.TEARDOWN, State.EXPORTED, summary={"Cost": "about 12 USD"})
    headline, summary, _ = blocks(run, event)
    assert "✅ *Exp1 is at its end: completed with 3 dead letters*" in headline
    assert summary.splitlines() == [
        "*Outcome:* completed with dead letters",
        "*Dead letters:* 3",
        "*Machines:* all ended by 2030-01-01 12:00 UTC",
        f"*Logs:* {where}",
        "*Left in AWS:* queue (jobs came late)",
        "*Cost:* about 12 USD",
    ]


def test_what_plugins_say_in_the_summary_goes_before_our_own() -> None:
    run = example_run(state=State.EXPORTED, outcome=Outcome.COMPLETED)
    event = change(State.TEARDOWN, State.EXPORTED, summary={"machines": "2 for 3 hours"})
    assert "*machines:* 2 for 3 hours" in blocks(run, event)[1]
    assert "*Machines:*" not in blocks(run, event)[1]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.RELEASED, "nobody watches them any more"),
        (Outcome.ABORTED, "look for them in the EC2 console"),
    ],
)
def test_machines_that_may_run_on_are_said_to_be_billed(outcome: Outcome, words: str) -> None:
    run = example_run(state=State.EXPORTED, outcome=outcome)
    headline, summary, _ = blocks(run, change(State.TEARDOWN, State.EXPORTED))
    assert words in summary
    assert "billed" in summary
    assert "✅" not in headline
    assert "*Logs:* in CloudWatch still" in summary


def test_nothing_in_the_text_calls_anybody_or_becomes_a_link() -> None:
    text = "<!channel> <@U0123ABCD> <https://evil.example|click> & @here #general"
    made = body(example_run(), example_event("problem", text, problem="x"), None)
    assert "<" not in json.dumps(made)
    assert "&lt;!channel&gt; &lt;@U0123ABCD&gt;" in made["blocks"][0]["text"]["text"]
    texts = [b["text"] for b in made["blocks"] if "text" in b]
    texts += [e for b in made["blocks"] for e in b.get("elements", [])]
    assert all(text["verbatim"] is True for text in texts)
    assert made["unfurl_links"] is made["unfurl_media"] is False


def test_names_cannot_do_harm_either() -> None:
    run = example_run(id="<!here>", account="<!here>", region="<!here>")
    event = change(State.TEARDOWN, State.EXPORTED, summary={"<!here>": "<!here>"})
    assert "<" not in json.dumps(body(run, event, None))


def test_a_mention_is_in_what_is_read_and_in_what_is_pushed() -> None:
    made = body(example_run(), example_event("problem", "x", problem="x"), "<!here>")
    assert made["blocks"][0]["text"]["text"].startswith("<!here> ")
    assert made["text"].startswith("<!here> ")


def test_every_message_bears_its_events_id() -> None:
    event = example_event("problem", "x", problem="x")
    assert event.id in blocks(example_run(), event)[-1]


@pytest.mark.parametrize("text", ["&" * 20_000, "🔬" * 20_000, "word " * 20_000])
def test_a_long_text_is_cut_below_slacks_limits(text: str) -> None:
    event = change(State.TEARDOWN, State.EXPORTED, text, summary={text: text, "Cost": text})
    made = body(example_run(state=State.EXPORTED), event, "<!channel>")
    for block in made["blocks"]:
        for part in [block["text"]] if "text" in block else block["elements"]:
            assert 0 < len(part["text"].encode("utf-16-le")) / 2 <= 3000
    assert len(made["text"]) < 4000
    assert "…" in made["blocks"][0]["text"]["text"]


def test_a_cut_does_not_go_through_an_escape() -> None:
    assert escaped("a&b", 7) == "a&amp;b"
    assert escaped("ab&cdefgh", 8) == "ab …"
    assert escaped("ab&cdefgh", 9) == "ab&amp; …"
