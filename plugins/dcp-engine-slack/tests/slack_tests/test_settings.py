"""What can be set, and what is said of what cannot be."""

from typing import Any

import dcp_engine_slack
import pytest
from dcp_engine_slack.settings import Options

from dcp_engine.hookspecs import Secret
from dcp_engine.testing import Bench

URL = "https://hooks.slack.example/services/T0/B0/notarealsecret"
TOKEN = "xoxb-1-2-notarealtoken"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "it is not said how to reach Slack"),
    "both": ({"webhook_url": URL, "token": TOKEN, "channel": "C0IMAGING1"}, "give one of them"),
    "no channel": ({"token": TOKEN}, "channel: '' is not a channel's ID"),
    "a name": ({"token": TOKEN, "channel": "#imaging"}, "'#imaging' is not a channel's ID"),
    "another's token": ({"token": "ghp_notarealtoken", "channel": "C0IMAGING1"}, "xoxb-"),
    "two lines": ({"token": f"{TOKEN}\n{TOKEN}", "channel": "C0IMAGING1"}, "not a bot token"),
    "a channel too many": ({"webhook_url": URL, "channel": "C0IMAGING1"}, "it was made for"),
    "open to all": ({"webhook_url": URL.replace("https", "http")}, "begins with https://"),
    "not an address": ({"webhook_url": "hooks/notarealsecret"}, "begins with https://"),
    "a blank": ({"webhook_url": f"{URL} x"}, "begins with https://"),
    "half a bracket": ({"webhook_url": "https://[notarealsecret"}, "begins with https://"),
    "an api": (
        {"token": TOKEN, "channel": "C0IMAGING1", "api_url": "http://slack.com/api/"},
        "api_url: that is not an address",
    ),
    "a slip": ({"webhook_url": URL, "events": ("exportd",)}, "did you mean exported?"),
    "another": (
        {"webhook_url": URL, "mention": "here", "mention_on": ("need-person",)},
        "did you mean needs-person?",
    ),
    "whom": ({"webhook_url": URL, "mention": "@jane"}, "'@jane' is not understood"),
    "when": ({"webhook_url": URL, "mention_on": ("exported",)}, "mention must say whom"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_without_the_secret(case: str) -> None:
    values, words = WRONG[case]
    given: dict[str, Any] = {
        key: Secret(value) if key in {"webhook_url", "token"} else value
        for key, value in values.items()
    }
    with pytest.raises(ValueError) as caught:
        Options(**given)
    assert words in str(caught.value)
    assert "notareal" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("channel", "<!channel>"),
        ("@here", "<!here>"),
        ("<!everyone>", "<!everyone>"),
        ("U0123ABCD", "<@U0123ABCD>"),
        ("<@W0123ABCD>", "<@W0123ABCD>"),
        ("S0123ABCD", "<!subteam^S0123ABCD>"),
        ("<!subteam^S0123ABCD>", "<!subteam^S0123ABCD>"),
    ],
)
def test_a_mention_becomes_slacks_own_code(given: str, sent: str) -> None:
    assert Options(webhook_url=Secret(URL), mention=given).called == sent


def test_nobody_is_called_by_default() -> None:
    assert Options(webhook_url=Secret(URL)).called is None


def test_the_engine_reads_the_table(bench: Bench) -> None:
    table = {"webhook_url": URL, "events": ["problem", "my-own-event"], "mention": "here"}
    bench.install("slack", dcp_engine_slack, table)
    assert bench.failures == []


def test_the_engine_reads_the_variables(bench: Bench) -> None:
    variables = {
        "DCP_ENGINE_SLACK_TOKEN": TOKEN,
        "DCP_ENGINE_SLACK_CHANNEL": "C0IMAGING1",
        "DCP_ENGINE_SLACK_EVENTS": "problem, exported",
    }
    bench.install("slack", dcp_engine_slack, environ=variables)
    assert bench.failures == []


def test_a_plugin_that_was_not_set_up_says_what_is_missing(bench: Bench) -> None:
    bench.install("slack", dcp_engine_slack)
    [failure] = bench.failures
    assert failure.plugin == "slack"
    assert "give webhook_url, or token and channel" in failure.error
