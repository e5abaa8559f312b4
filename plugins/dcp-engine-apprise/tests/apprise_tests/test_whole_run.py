"""A whole run, told to a mail server and to a webhook."""

import re
from email.message import EmailMessage

from dcp_engine_apprise import plugin

from dcp_engine.testing import Bench, Fault, State

from .receivers import Mailbox, Webhook

_MARK = re.compile(r"Event ([0-9a-f]{32})")


def test_a_whole_run_is_told_in_order_and_once(
    bench: Bench, mailbox: Mailbox, webhook: Webhook
) -> None:
    bench.install("apprise", plugin, table={"urls": [mailbox.url(), webhook.url]})
    run = bench.run(State.RUNNING, jobs=4)
    bench.aws.faults.add("sqs:GetQueueAttributes", Fault.DENIED, times=2)
    run = bench.until(run, State.EXPORTED)
    wanted = [
        event.id
        for event in bench.events(run)
        if event.kind in {"state", "problem", "problem-over", "problem-lasts"}
    ]
    assert [_mark(post["message"]) for post in webhook.posts] == wanted
    assert webhook.posts[-1]["title"] == f"{run.names.app_name}: ended, completed"
    subjects = [mail["Subject"] for mail in mailbox.mails]
    assert subjects == [post["title"] for post in webhook.posts]
    assert f"{run.names.app_name}: needs you: queue unreadable" in subjects
    assert bench.undelivered(run) == []


def test_a_failing_address_is_told_later_by_another_process_and_the_other_one_not_again(
    bench: Bench, mailbox: Mailbox, webhook: Webhook
) -> None:
    bench.install("apprise", plugin, table={"urls": [mailbox.url(), webhook.url]})
    webhook.status = 500
    run = bench.run(State.RUNNING, jobs=4)
    (failed, *_) = bench.undelivered(run)
    assert "address 2 (JSON)" in failed.error
    assert Webhook.TOKEN not in failed.error
    bench.restart()
    run = bench.tick(run)
    webhook.status = 200
    bench.advance(minutes=10)
    run = bench.until(run, State.EXPORTED)
    states = [event.id for event in bench.events(run, "state")]
    posted = [_mark(post["message"]) for post in webhook.posts]
    assert [mark for mark in posted if mark in states] == states
    assert len(posted) == len(set(posted)) == len(mailbox.mails)


def test_a_broken_address_is_a_problem_that_the_other_is_told_once(
    bench: Bench, mailbox: Mailbox, webhook: Webhook
) -> None:
    bench.install("apprise", plugin, table={"urls": [mailbox.url(), webhook.url]})
    webhook.status = 404
    run = bench.run(State.TEARDOWN, jobs=4)
    assert "address 2 (JSON) does not take" in bench.problems(run)["plugin-apprise"]
    run = bench.until(run, State.EXPORTED)
    assert bench.undelivered(run) == []
    told = [mark for mail in mailbox.mails for mark in _MARK.findall(_text(mail))]
    wanted = [event.id for event in bench.events(run) if event.kind in {"state", "problem"}]
    assert [mark for mark in told if mark in wanted] == wanted
    assert len([e for e in bench.events(run, "problem") if "plugin" in e.data["problem"]]) == 1
    assert webhook.posts == []


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain", "html"))
    assert body is not None
    return str(body.get_content())


def _mark(message: str) -> str:
    return message.splitlines()[-1].removeprefix("Event ")
