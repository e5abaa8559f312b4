"""A whole run through the real engine: what Slack holds afterwards."""

import dcp_engine_slack
import pytest
from dcp_engine_slack.settings import Options
from dcp_engine_slack.teller import Teller

from dcp_engine.hookspecs import hookimpl
from dcp_engine.testing import Bench, Event, Fault, Run, State

from .server import CHANNEL, TOKEN, Answer, Slack

HEADLINES = [
    "is watched from now on",
    "has started",
    "has no job waiting",
    "is taken down",
    "has no machine any more",
    "is at its end: completed",
]


def headlines(slack: Slack) -> list[str]:
    """What each message begins with, without the problems."""
    texts = [message["text"] for message in slack.messages]
    return [text for text in texts if "problem" not in text and "something to know" not in text]


def assert_whole(slack: Slack) -> None:
    said = headlines(slack)
    assert [words in text for words, text in zip(HEADLINES, said, strict=True)] == [True] * 6


@pytest.mark.parametrize("way", ["webhook", "bot"])
def test_a_run_is_told_from_its_beginning_to_its_end(bench: Bench, slack: Slack, way: str) -> None:
    bot = {"token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url}
    table = {"webhook_url": slack.webhook_url} if way == "webhook" else bot
    bench.install("slack", dcp_engine_slack, table)
    run = bench.run(State.EXPORTED, jobs=4)
    assert_whole(slack)
    assert bench.undelivered(run) == []
    summary = slack.messages[-1]["blocks"][1]["text"]["text"]
    assert f"{run.names.bucket}/exportedlogs/{run.names.log_group}" in summary
    assert len(slack.threads) == (1 if way == "bot" else len(slack.messages))


def test_a_process_that_dies_and_a_slack_in_trouble_leave_one_whole_thread(
    bench: Bench, slack: Slack
) -> None:
    table = {"token": TOKEN, "channel": CHANNEL, "api_url": slack.api_url}
    bench.install("slack", dcp_engine_slack, table)
    # The first answer is lost, although the message arrived.
    slack.misbehave("chat.postMessage", Answer(status=502), taken=True)
    run = bench.run(State.RUNNING, jobs=4)
    bench.restart(died=True)
    slack.misbehave("chat.postMessage", Answer(status=500), Answer(body="<html>no</html>"))
    run = bench.until(run, State.EXPORTED)
    bench.until(run, lambda _: not bench.undelivered(run))
    assert_whole(slack)
    assert len(slack.threads) == 1


def test_a_problem_is_told_as_it_begins_and_as_it_ends(bench: Bench, slack: Slack) -> None:
    bench.install("slack", dcp_engine_slack, {"webhook_url": slack.webhook_url, "mention": "here"})
    bench.aws.faults.add("sqs:GetQueueAttributes", Fault.DENIED, times=3)
    bench.run(State.DRAINING, jobs=4)
    texts = [message["text"] for message in slack.messages]
    assert any("🚨" in text and text.startswith("<!here>") for text in texts)
    assert any("a problem is over" in text for text in texts)
    assert sum("<!here>" in text for text in texts) == 1


def test_a_slack_that_is_gone_does_not_hold_the_run_up(bench: Bench, slack: Slack) -> None:
    bench.install("slack", dcp_engine_slack, {"webhook_url": slack.webhook_url})
    slack.webhook_state = "removed"
    run = bench.run(State.EXPORTED, jobs=4)
    assert slack.messages == []
    [failed] = bench.undelivered(run)
    assert "make a new webhook" in failed.error
    assert "notarealsecret" not in failed.error
    slack.webhook_state = "ok"
    bench.until(run, lambda _: not bench.undelivered(run))
    assert_whole(slack)


def test_what_slack_asks_for_is_kept_to_by_every_process_and_run(
    bench: Bench, slack: Slack
) -> None:
    bench.install("slack", dcp_engine_slack, {"webhook_url": slack.webhook_url})
    too_many = Answer(status=429, headers={"Retry-After": "300"})
    slack.misbehave("webhook", too_many, too_many)
    one, two = bench.run(State.PENDING), bench.run(State.PENDING)
    asked = []
    for _ in range(12):
        # As under cron: each look is another process.
        bench.restart(died=True)
        for run in (one, two):
            bench.tick(run)
        asked.append(slack.asked("webhook"))
        bench.advance(minutes=1)
    assert asked[:10] == [1] * 5 + [2] * 5
    assert asked[10] > 2
    for run in (one, two):
        bench.until(run, lambda _: not bench.undelivered(one) and not bench.undelivered(two))
    assert len([text for text in headlines(slack) if HEADLINES[0] in text]) == 2


def test_too_many_messages_come_in_the_end_and_in_order(bench: Bench, slack: Slack) -> None:
    class OnTheBenchsClock:
        """The plugin with a clock that takes no time."""

        @hookimpl
        def options(self) -> type[Options]:
            return Options

        @hookimpl
        def notify(self, run: Run, event: Event, options: Options) -> None:
            if not hasattr(self, "teller"):
                self.teller = Teller(options, now=bench.clock.monotonic, sleep=bench.clock.sleep)
            self.teller.tell(run, event)

    bench.install("slack", OnTheBenchsClock(), {"webhook_url": slack.webhook_url})
    many = [Answer(status=429, headers={"Retry-After": str(wait)}) for wait in (5, 90, 45, 1)]
    slack.misbehave("webhook", *many)
    run = bench.run(State.EXPORTED, jobs=4)
    bench.until(run, lambda _: not bench.undelivered(run))
    assert_whole(slack)
