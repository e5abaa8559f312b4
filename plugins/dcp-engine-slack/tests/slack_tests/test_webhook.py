"""An incoming webhook: what arrives, and what is said when nothing does."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from dcp_engine_slack.errors import NotSent, TooMany
from dcp_engine_slack.settings import Options
from dcp_engine_slack.teller import Teller

from dcp_engine.hookspecs import Secret
from dcp_engine.model import Problem
from dcp_engine.testing import example_event, example_run

from .certificates import authority
from .clock import Clock
from .conftest import Make
from .server import HANGS_UP, WEBHOOK_PATH, Answer, Slack, serving

EVENT = example_event("registered", "Exp1 was registered.")
HTML = Answer(body="<html>Log in to the hospital's network</html>")


def test_a_message_arrives_with_the_events_id(slack: Slack, by_webhook: Make) -> None:
    by_webhook().tell(example_run(), EVENT)
    [message] = slack.messages
    assert "Exp1 is watched from now on" in message["text"]
    assert EVENT.id in message["blocks"][-1]["elements"][-1]["text"]


def test_only_what_matters_is_told(slack: Slack, by_webhook: Make) -> None:
    teller = by_webhook()
    for kind in ("downscale", "alarms", "step", "problem"):
        teller.tell(example_run(), example_event(kind, f"A {kind}."))
    assert [message["text"] for message in slack.messages] == ["⚠️ Exp1 has a problem: A problem."]


def test_what_is_told_can_be_chosen(slack: Slack, by_webhook: Make) -> None:
    teller = by_webhook(events=("draining", "downscale"))
    drain = {"from": "RUNNING", "to": "DRAINING"}
    teller.tell(example_run(), example_event("state", "RUNNING → DRAINING: so.", **drain))
    teller.tell(example_run(), example_event("downscale", "Fewer machines are asked for."))
    teller.tell(example_run(), example_event("problem", "Something."))
    assert len(slack.messages) == 2
    assert "Fewer machines" in slack.messages[1]["text"]


def test_a_test_message_is_told_whatever_was_chosen(slack: Slack, by_webhook: Make) -> None:
    by_webhook(events=("exported",)).tell(example_run(), example_event("test", "Hello."))
    assert "Hello." in slack.messages[0]["text"]


def test_somebody_is_called_only_for_what_was_asked(slack: Slack, by_webhook: Make) -> None:
    teller = by_webhook(mention="U0123ABCD")
    problem = Problem(name="a", since=EVENT.at, text="x", needs_person=True)
    run = example_run(problems=(problem, Problem(name="b", since=EVENT.at, text="y")))
    teller.tell(run, EVENT)
    teller.tell(run, example_event("problem", "x", problem="a"))
    teller.tell(run, example_event("problem", "y", problem="b"))
    # By now it is over, so nobody has to come any more.
    teller.tell(example_run(), example_event("problem", "x", problem="a"))
    called = ["<@U0123ABCD>" in str(message["blocks"]) for message in slack.messages]
    assert called == [False, True, False, False]


def test_somebody_is_called_for_the_topics_that_were_chosen(slack: Slack, by_webhook: Make) -> None:
    teller = by_webhook(mention="here", mention_on=("registered",))
    problem = Problem(name="a", since=EVENT.at, text="x", needs_person=True)
    teller.tell(example_run(), EVENT)
    teller.tell(example_run(problems=(problem,)), example_event("problem", "x", problem="a"))
    assert ["<!here>" in message["text"] for message in slack.messages] == [True, False]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("removed", "make a new webhook"),
        ("prohibited", "an administrator of the workspace"),
        ("archived", "unarchive it"),
    ],
)
def test_a_refusal_says_what_to_do(slack: Slack, by_webhook: Make, state: str, words: str) -> None:
    slack.webhook_state = state
    with pytest.raises(NotSent, match=words):
        by_webhook().tell(example_run(), EVENT)
    assert slack.messages == []


def test_a_short_wait_that_slack_asks_for_is_waited(
    slack: Slack, by_webhook: Make, clock: Clock
) -> None:
    slack.misbehave(
        "webhook", Answer(status=429, body="rate_limited", headers={"Retry-After": "7"})
    )
    by_webhook().tell(example_run(), EVENT)
    assert clock.slept == [7.0]
    assert len(slack.messages) == 1


def test_waits_do_not_add_up_to_more_than_the_engine_gives(
    slack: Slack, by_webhook: Make, clock: Clock
) -> None:
    slow = Answer(status=429, body="rate_limited", headers={"retry-after": "9"})
    slack.misbehave("webhook", slow, slow, slow)
    with pytest.raises(TooMany, match="9 seconds"):
        by_webhook().tell(example_run(), EVENT)
    assert clock.slept == [9.0, 9.0]
    assert slack.messages == []


def test_slack_is_not_asked_again_before_the_time_it_named(
    slack: Slack, by_webhook: Make, clock: Clock
) -> None:
    slack.misbehave("webhook", Answer(status=429, headers={"Retry-After": "60"}))
    teller = by_webhook()
    with pytest.raises(TooMany, match="60 seconds"):
        teller.tell(example_run(), EVENT)
    clock.time += 59
    with pytest.raises(TooMany, match="1 seconds"):
        teller.tell(example_run(), EVENT)
    assert (slack.asked("webhook"), clock.slept) == (1, [])
    clock.time += 1
    teller.tell(example_run(), EVENT)
    assert len(slack.messages) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-1"}])
def test_too_many_without_a_time_is_tried_later(
    slack: Slack, by_webhook: Make, headers: dict[str, str]
) -> None:
    slack.misbehave("webhook", Answer(status=429, body="", headers=headers))
    with pytest.raises(TooMany, match="30 seconds"):
        by_webhook().tell(example_run(), EVENT)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_slacks_own_trouble_is_called_so(slack: Slack, by_webhook: Make, status: int) -> None:
    slack.misbehave("webhook", Answer(status=status, body="<html>oops</html>"))
    with pytest.raises(NotSent, match=f"trouble of its own .HTTP {status}"):
        by_webhook().tell(example_run(), EVENT)
    assert slack.asked("webhook") == 1


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Answer(body=""),
        Answer(status=407, body="<html>proxy</html>"),
        Answer(body=b"\xff\xfe\x00"),
        Answer(headers={"Content-Type": "text/html; charset=nonsense"}),
    ],
)
def test_what_is_not_slacks_answer_is_not_taken_for_one(
    slack: Slack, by_webhook: Make, answer: Answer
) -> None:
    slack.misbehave("webhook", answer)
    with pytest.raises(NotSent, match="was not Slack"):
        by_webhook().tell(example_run(), EVENT)


def test_a_slow_answer_is_not_waited_for(slack: Slack, by_webhook: Make, clock: Clock) -> None:
    teller = by_webhook()
    # Of the time for one message so little is left that the test need not wait for long.
    moments = iter([clock.time, clock.time])
    teller._now = lambda: next(moments, clock.time + 24)
    with slack.keeping_waiting("webhook"), pytest.raises(NotSent, match="within 1 seconds"):
        teller.tell(example_run(), EVENT)


def test_a_message_whose_answer_never_came_is_not_sent_anew_by_itself(
    slack: Slack, by_webhook: Make
) -> None:
    slack.misbehave("webhook", HANGS_UP, taken=True)
    with pytest.raises(NotSent, match="could not be reached"):
        by_webhook().tell(example_run(), EVENT)
    assert len(slack.messages) == 1


def test_slack_that_cannot_be_reached_is_named(by_webhook: Make, clock: Clock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/services/T/B/notarealsecret"
        options = Options(webhook_url=Secret(url))
        with pytest.raises(NotSent, match=r"could not be reached \(ConnectionRefusedError"):
            Teller(options, now=clock.now, sleep=clock.sleep).tell(example_run(), EVENT)


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was logged, at any level, and printed."""
    caplog.set_level(logging.DEBUG)
    return lambda: f"{caplog.text} {capfd.readouterr()}"


@pytest.mark.parametrize("trouble", ["removed", "html", "unreachable", "429"])
def test_the_address_is_told_to_nobody(
    slack: Slack,
    by_webhook: Make,
    shown: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    slack.webhook_state = trouble
    if trouble == "html":
        slack.misbehave("webhook", HTML)
    if trouble == "429":
        slack.misbehave("webhook", Answer(status=429, headers={"Retry-After": "60"}))
    if trouble == "unreachable":
        monkeypatch.setenv("HTTP_PROXY", "http://somebody:notarealsecret@127.0.0.1:1")
    with pytest.raises(NotSent) as caught:
        by_webhook().tell(example_run(), EVENT)
    assert "notarealsecret" not in f"{caught.value!r} {caught.value.__cause__!r} {shown()}"


def test_a_proxy_is_used(slack: Slack, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", slack.address)
    # An address that is nowhere: only the proxy can bring the message to Slack.
    options = Options(webhook_url=Secret(f"http://localhost:1{WEBHOOK_PATH}"))
    with pytest.raises(NotSent):
        Teller(options, now=clock.now, sleep=clock.sleep).tell(example_run(), EVENT)
    assert [request.to for request in slack.requests] == [f"http://localhost:1{WEBHOOK_PATH}"]


def test_a_proxy_is_passed_by_where_no_proxy_says_so(
    slack: Slack, by_webhook: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    by_webhook().tell(example_run(), EVENT)
    assert len(slack.messages) == 1


def test_a_certificate_of_ones_own_can_be_trusted(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, tls = authority(tmp_path)
    slack = Slack()
    with serving(slack, tls):
        options = Options(webhook_url=Secret(slack.webhook_url))
        with pytest.raises(NotSent, match="SSL_CERT_FILE"):
            Teller(options, now=clock.now, sleep=clock.sleep).tell(example_run(), EVENT)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        Teller(options, now=clock.now, sleep=clock.sleep).tell(example_run(), EVENT)
    assert len(slack.messages) == 1
