"""What `dcp-engine plugins check` says before anything is sent."""

import pytest

from .conftest import Make
from .server import Answer, Slack


def test_a_webhook_is_not_asked(slack: Slack, by_webhook: Make) -> None:
    assert list(by_webhook().lacking()) == []
    assert slack.requests == []


def test_a_bot_that_lacks_nothing(slack: Slack, by_bot: Make) -> None:
    assert list(by_bot().lacking()) == []
    assert slack.messages == []


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ({"chat:write"}, "channels:history"),
        ({"channels:history"}, "add the scope chat:write"),
    ],
)
def test_a_scope_that_is_missing(slack: Slack, by_bot: Make, scopes: set[str], words: str) -> None:
    slack.scopes = scopes
    [lacking] = by_bot().lacking()
    assert words in lacking


def test_a_bot_that_was_not_invited(slack: Slack, by_bot: Make) -> None:
    slack.member = False
    [lacking] = by_bot().lacking()
    assert "/invite" in lacking


def test_a_channel_that_is_not_there(slack: Slack, by_bot: Make) -> None:
    [lacking] = by_bot(channel="C0NOWHERE").lacking()
    assert "there is no such channel" in lacking


def test_a_token_that_is_not_right(slack: Slack, by_bot: Make) -> None:
    [lacking] = by_bot(token="xoxb-9-9-wrong").lacking()
    assert "the token is not right" in lacking
    assert "xoxb-9" not in lacking


def test_a_slack_in_trouble(slack: Slack, by_bot: Make) -> None:
    slack.misbehave("auth.test", Answer(status=503, body="{}"))
    [lacking] = by_bot().lacking()
    assert "trouble of its own" in lacking
