"""A bot: one thread for a run, found again by any process, and nothing in it twice."""

import pytest
from dcp_engine_slack.errors import NotSent, TooMany

from dcp_engine.model import Event, Problem
from dcp_engine.testing import example_event, example_run

from .clock import Clock
from .conftest import Make
from .server import HANGS_UP, Answer, Slack

RUN = example_run()
REGISTERED = example_event("registered", "Exp1 was registered.")
DRAINING = example_event(
    "state", "RUNNING → DRAINING: no job is visible.", **{"from": "RUNNING", "to": "DRAINING"}
)
EXPORTED = example_event(
    "state", "TEARDOWN → EXPORTED: all is done.", **{"from": "TEARDOWN", "to": "EXPORTED"}
)
PROBLEM = example_event("problem", "AWS cannot be reached.", problem="unreachable")
TOO_MANY = Answer(status=429, headers={"Retry-After": "60"})
OUTSIDE = Answer(body='{"ok": false, "error": "not_in_channel"}')
SECOND_PAGE = Answer(body='{"ok": true, "messages": [], "response_metadata": {"next_cursor": "2"}}')


def told(slack: Slack) -> list[list[Event]]:
    """The events in each thread, in order; what people wrote is left out."""
    known = {event.id: event for event in (REGISTERED, DRAINING, EXPORTED, PROBLEM)}
    return [
        [known[message["metadata"]["event_payload"]["event"]] for message in thread]
        for thread in slack.threads
        if "metadata" in thread[0]
    ]


def test_a_run_has_one_thread(slack: Slack, by_bot: Make) -> None:
    teller = by_bot()
    for event in (REGISTERED, DRAINING, EXPORTED):
        teller.tell(RUN, event)
    assert told(slack) == [[REGISTERED, DRAINING, EXPORTED]]
    # Slack is asked once where the thread is.
    assert slack.asked("conversations.history") == 1


def test_every_run_has_its_own(slack: Slack, by_bot: Make) -> None:
    teller, other = by_bot(), example_run(id="Exp10-9999ffff")
    teller.tell(RUN, REGISTERED)
    teller.tell(other, REGISTERED)
    by_bot().tell(RUN, DRAINING)
    by_bot().tell(other, PROBLEM)
    assert told(slack) == [[REGISTERED, DRAINING], [REGISTERED, PROBLEM]]


def test_another_process_finds_the_thread(slack: Slack, by_bot: Make) -> None:
    by_bot().tell(RUN, REGISTERED)
    slack.chat("What is this?")
    by_bot().tell(RUN, DRAINING)
    by_bot().tell(RUN, EXPORTED)
    assert [len(thread) for thread in slack.threads] == [3, 1]


def test_the_thread_is_found_among_many_messages(slack: Slack, by_bot: Make) -> None:
    slack.page = 3
    by_bot().tell(RUN, REGISTERED)
    for number in range(10):
        slack.chat(f"Lunch? {number}")
    by_bot().tell(RUN, DRAINING)
    assert told(slack) == [[REGISTERED, DRAINING]]
    assert slack.asked("conversations.history") == 1 + 4


def test_what_is_older_than_the_run_is_not_read(slack: Slack, by_bot: Make) -> None:
    by_bot().tell(RUN, REGISTERED)
    [oldest] = [r.body["oldest"] for r in slack.requests if r.to == "conversations.history"]
    assert float(oldest) == RUN.registered_at.timestamp() - 3600


@pytest.mark.parametrize("events", [[REGISTERED], [REGISTERED, DRAINING]])
def test_what_a_dead_process_posted_is_not_posted_again(
    slack: Slack, by_bot: Make, events: list[Event]
) -> None:
    dead = by_bot()
    for event in events:
        dead.tell(RUN, event)
    # It died before it could write down that the last one was told.
    by_bot().tell(RUN, events[-1])
    assert told(slack) == [events]


@pytest.mark.parametrize("answer", [Answer(status=502, body="<html>oops</html>"), HANGS_UP])
def test_a_message_whose_answer_was_lost_is_not_posted_again(
    slack: Slack, by_bot: Make, answer: Answer
) -> None:
    teller = by_bot()
    slack.misbehave("chat.postMessage", answer, taken=True)
    with pytest.raises(NotSent):
        teller.tell(RUN, REGISTERED)
    teller.tell(RUN, REGISTERED)
    teller.tell(RUN, DRAINING)
    assert told(slack) == [[REGISTERED, DRAINING]]


def test_a_message_whose_answer_took_too_long_is_not_posted_again(
    slack: Slack, by_bot: Make, clock: Clock
) -> None:
    teller = by_bot()
    teller.tell(RUN, REGISTERED)
    moments = iter([clock.time, clock.time])
    teller._now = lambda: next(moments, clock.time + 24)
    with slack.keeping_waiting("chat.postMessage"), pytest.raises(NotSent, match="may have arriv"):
        teller.tell(RUN, DRAINING)
    teller._now = clock.now
    teller.tell(RUN, DRAINING)
    assert told(slack) == [[REGISTERED, DRAINING]]


def test_a_message_that_was_not_taken_is_posted_the_next_time(slack: Slack, by_bot: Make) -> None:
    teller = by_bot()
    slack.misbehave("chat.postMessage", Answer(status=503, body="{}"))
    with pytest.raises(NotSent):
        teller.tell(RUN, REGISTERED)
    teller.tell(RUN, REGISTERED)
    assert told(slack) == [[REGISTERED]]


def test_the_channel_hears_of_what_must_not_be_missed(slack: Slack, by_bot: Make) -> None:
    urgent = Problem(name="unreachable", since=PROBLEM.at, text="x", needs_person=True)
    teller = by_bot(mention="here", mention_on=("draining",))
    teller.tell(RUN, REGISTERED)
    teller.tell(RUN, PROBLEM)
    teller.tell(RUN, DRAINING)
    teller.tell(
        example_run(problems=(urgent,)),
        example_event("problem-lasts", "Still.", problem="unreachable"),
    )
    teller.tell(RUN, EXPORTED)
    assert [message["broadcast"] for message in slack.messages] == [False, False, True, True, True]
    assert ["<!here>" in message["text"] for message in slack.messages] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_a_thread_that_is_known_by_a_reply_alone_is_found(slack: Slack, by_bot: Make) -> None:
    teller = by_bot()
    teller.tell(RUN, REGISTERED)
    teller.tell(RUN, EXPORTED)
    slack.messages[0].pop("metadata")
    by_bot().tell(RUN, EXPORTED)
    by_bot().tell(RUN, DRAINING)
    assert [len(thread) for thread in slack.threads] == [3]


@pytest.mark.parametrize("same_process", [True, False])
def test_a_deleted_thread_is_begun_anew(slack: Slack, by_bot: Make, same_process: bool) -> None:
    teller = by_bot()
    teller.tell(RUN, REGISTERED)
    slack.delete(slack.messages[0]["ts"])
    teller = teller if same_process else by_bot()
    teller.tell(RUN, DRAINING)
    teller.tell(RUN, EXPORTED)
    assert told(slack) == [[DRAINING, EXPORTED]]


@pytest.mark.parametrize("lacking", ["scope", "membership"])
def test_a_bot_that_may_not_look_tells_without_a_thread_and_says_so_once(
    slack: Slack, by_bot: Make, lacking: str, caplog: pytest.LogCaptureFixture
) -> None:
    if lacking == "scope":
        slack.scopes.discard("channels:history")
    else:
        slack.misbehave("conversations.history", OUTSIDE, OUTSIDE, OUTSIDE)
    first, second, third = by_bot(), by_bot(), by_bot()
    first.tell(RUN, REGISTERED)
    second.tell(RUN, DRAINING)
    third.tell(RUN, EXPORTED)
    assert told(slack) == [[REGISTERED], [DRAINING], [EXPORTED]]
    assert ["channels:history" in str(message["blocks"]) for message in slack.messages] == [
        True,
        False,
        False,
    ]
    assert "channels:history" in caplog.text


def test_a_bot_that_may_not_look_keeps_the_thread_that_it_began(
    slack: Slack, by_bot: Make, caplog: pytest.LogCaptureFixture
) -> None:
    slack.scopes.discard("channels:history")
    teller = by_bot()
    teller.tell(RUN, REGISTERED)
    slack.misbehave("chat.postMessage", Answer(status=503))
    with pytest.raises(NotSent):
        teller.tell(RUN, DRAINING)
    teller.tell(RUN, DRAINING)
    teller.tell(RUN, DRAINING)
    assert told(slack) == [[REGISTERED, DRAINING]]
    assert caplog.text.count("channels:history") == 1


def test_too_many_messages_are_waited_for_and_sent_once(
    slack: Slack, by_bot: Make, clock: Clock
) -> None:
    many = Answer(
        status=429, body='{"ok": false, "error": "ratelimited"}', headers={"Retry-After": "3"}
    )
    slack.misbehave("conversations.history", many)
    slack.misbehave("chat.postMessage", many)
    by_bot().tell(RUN, REGISTERED)
    assert clock.slept == [3.0, 3.0]
    assert told(slack) == [[REGISTERED]]


def test_too_many_for_long_is_left_to_the_engine(slack: Slack, by_bot: Make, clock: Clock) -> None:
    teller = by_bot()
    slack.misbehave("chat.postMessage", Answer(status=429, headers={"Retry-After": "40"}))
    with pytest.raises(TooMany, match="40 seconds"):
        teller.tell(RUN, REGISTERED)
    with pytest.raises(TooMany):
        teller.tell(RUN, REGISTERED)
    clock.time += 40
    teller.tell(RUN, REGISTERED)
    assert told(slack) == [[REGISTERED]]
    assert (slack.asked("chat.postMessage"), slack.asked("conversations.history")) == (2, 1)


@pytest.mark.parametrize("why", ["too many", "too slow"])
def test_looking_that_never_ends_does_not_keep_a_message_back(
    slack: Slack, by_bot: Make, clock: Clock, why: str
) -> None:
    slack.page = 2
    for number in range(9):
        slack.chat(f"Lunch? {number}")
    teller = by_bot()
    if why == "too many":
        # The first page comes, and the next one only after more time than there is.
        slack.misbehave("conversations.history", SECOND_PAGE, TOO_MANY)
    else:
        moments = iter([clock.time, clock.time, clock.time])
        teller._now = lambda: next(moments, clock.time + 15)
    teller.tell(RUN, REGISTERED)
    assert told(slack) == [[REGISTERED]]
    assert slack.asked("conversations.history") == (2 if why == "too many" else 1)


def test_a_test_message_stands_in_the_channel_each_time(slack: Slack, by_bot: Make) -> None:
    for text in ("Hello.", "Hello again."):
        by_bot().tell(RUN, example_event("test", text))
    assert [len(thread) for thread in slack.threads] == [1, 1]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("archived", "put another one into channel"),
        ("outside", "type /invite"),
        ("mute", "add the scope chat:write"),
    ],
)
def test_a_refusal_says_what_to_do(slack: Slack, by_bot: Make, state: str, words: str) -> None:
    slack.archived = state == "archived"
    slack.member = state != "outside"
    if state == "mute":
        slack.scopes.discard("chat:write")
    with pytest.raises(NotSent, match=words):
        by_bot().tell(RUN, REGISTERED)
    assert slack.messages == []


def test_a_channel_that_is_not_there_is_named(slack: Slack, by_bot: Make) -> None:
    with pytest.raises(NotSent, match="there is no such channel"):
        by_bot(channel="C0NOWHERE").tell(RUN, REGISTERED)


def test_a_wrong_token_is_not_shown(slack: Slack, by_bot: Make) -> None:
    with pytest.raises(NotSent, match="put the bot token") as caught:
        by_bot(token="xoxb-9-9-wrong").tell(RUN, REGISTERED)
    assert "xoxb-9" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body="<html>Log in to the hospital's network</html>"),
        Answer(body="[]"),
        Answer(body="ok"),
        Answer(body=""),
        Answer(body="{}"),
        Answer(body=b"\xff\xfe"),
        Answer(status=404, body="<html>not here</html>"),
    ],
)
def test_what_is_not_slacks_answer_is_not_taken_for_one(
    slack: Slack, by_bot: Make, answer: Answer
) -> None:
    slack.misbehave("conversations.history", answer)
    with pytest.raises(NotSent, match="was not Slack"):
        by_bot().tell(RUN, REGISTERED)
    assert slack.messages == []


def test_metadata_of_other_programs_is_left_alone(slack: Slack, by_bot: Make) -> None:
    slack.chat("Hello.")
    for carried in ({"event_type": "other"}, {"event_type": "dcp_engine_event"}, "odd"):
        slack.messages.append({**slack.messages[0], "metadata": carried})
    by_bot().tell(RUN, REGISTERED)
    assert "thread_ts" not in slack.messages[-1]
