"""Messages over sockets: what arrives where, and what is said when it does not."""

import logging
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from apprise.plugins import N_MGR
from dcp_engine_apprise import plugin
from dcp_engine_apprise.errors import NotTold
from dcp_engine_apprise.memory import Memory
from dcp_engine_apprise.options import Options
from dcp_engine_apprise.post import Post
from dcp_engine_apprise.wording import message_about

from dcp_engine.hookspecs import Later, Secret
from dcp_engine.testing import Event, example_event, example_run

from .receivers import Mailbox, Webhook

EVENT = example_event("problem", "Fewer than 3 < 5 & no <b>more</b>.", problem="no-capacity")


def _options(*urls: str) -> Options:
    return Options(urls=tuple(map(Secret, urls)))


def _tell(options: Options, event: Event = EVENT) -> None:
    plugin.notify(run=example_run(), event=event, options=options)


def test_a_mail_arrives_as_it_was_meant(mailbox: Mailbox) -> None:
    _tell(_options(mailbox.url()))
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Exp1: a problem: no capacity"
    assert "anna@lab.example" in str(mail["To"])
    plain = mail.get_body(("plain",))
    shown = mail.get_body(("html", "plain"))
    assert shown is not None
    assert f"Event {EVENT.id}" in shown.get_content()
    if shown is not plain:
        assert "3 &lt; 5 &amp; no &lt;b&gt;more" in shown.get_content()


def test_a_webhook_gets_title_text_and_importance(webhook: Webhook) -> None:
    _tell(_options(webhook.url))
    (post,) = webhook.posts
    assert post["title"] == "Exp1: a problem: no capacity"
    assert post["message"].startswith("Fewer than 3 < 5 & no <b>more</b>.")
    assert post["message"].splitlines()[-1] == f"Event {EVENT.id}"
    assert post["type"] == "warning"


def test_only_the_kinds_that_are_wanted_are_told(webhook: Webhook) -> None:
    options = _options(webhook.url)
    for kind in ("downscale", "step", "state", "test"):
        _tell(options, example_event(kind, kind))
    assert [post["title"] for post in webhook.posts] == ["Exp1: None", "Exp1: test"]
    chosen = Options(urls=options.urls, events=("downscale",))
    _tell(chosen, example_event("downscale", "fewer machines"))
    _tell(chosen, example_event("state", "another state", to="RUNNING"))
    assert [post["title"] for post in webhook.posts][2:] == ["Exp1: downscale"]


def test_of_two_addresses_only_the_one_that_failed_is_told_again(
    mailbox: Mailbox, webhook: Webhook
) -> None:
    options = _options(mailbox.url(), webhook.url)
    webhook.status = 503
    for _ in range(2):
        with pytest.raises(NotTold, match=r"address 2 \(JSON\): .*503.* it is not sent again"):
            _tell(options)
    webhook.status = 200
    _tell(options)
    _tell(options)
    assert len(mailbox.mails) == 1
    assert len(webhook.posts) == 1


def test_another_process_knows_who_was_told(mailbox: Mailbox, webhook: Webhook) -> None:
    webhook.status = 500
    with pytest.raises(NotTold):
        _tell(_options(mailbox.url(), webhook.url))
    webhook.status = 200
    _tell(_options(webhook.url, mailbox.url()))
    assert (len(mailbox.mails), len(webhook.posts)) == (1, 1)
    _tell(_options(webhook.url, mailbox.url()), example_event("problem", "another", problem="x"))
    assert (len(mailbox.mails), len(webhook.posts)) == (2, 2)


def test_one_that_cannot_write_its_memory_tells_all_the_same(
    tmp_path: Path, webhook: Webhook, other_webhook: Webhook
) -> None:
    (tmp_path / "file").write_text("")
    other_webhook.status = 500
    options = Options(
        urls=(Secret(webhook.url), Secret(other_webhook.url)), memory=tmp_path / "file" / "told"
    )
    for _ in range(2):
        with pytest.raises(NotTold, match="address 2"):
            _tell(options)
    assert len(webhook.posts) == 1


@pytest.mark.parametrize(
    ("refusal", "words"),
    [("452 the mailbox is full", "mailbox is full"), ("550 no such person", "no such person")],
)
def test_what_the_mail_server_says_is_said(mailbox: Mailbox, refusal: str, words: str) -> None:
    mailbox.refusal = refusal
    with pytest.raises(NotTold, match=words):
        _tell(_options(mailbox.url()))
    assert mailbox.mails == []


def test_a_wrong_password_is_said_and_not_shown(mailbox: Mailbox) -> None:
    with pytest.raises(NotTold, match="535") as failed:
        _tell(_options(mailbox.url("wrong-horse-17")))
    assert "wrong-horse-17" not in str(failed.value)


def test_a_server_that_is_not_there_is_named_and_the_way_to_it_is_not(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    with Webhook() as gone:
        url = gone.url
    with pytest.raises(NotTold) as failed:
        _tell(_options(url, webhook.url))
    assert "127.0.0.1" in str(failed.value)
    assert "refused" in str(failed.value)
    assert Webhook.TOKEN not in str(failed.value)
    assert Webhook.TOKEN not in caplog.text
    assert len(webhook.posts) == 1


def test_the_log_of_apprise_is_left_as_it_was(webhook: Webhook) -> None:
    logger = logging.getLogger("apprise")
    before = (logger.level, list(logger.filters), list(logger.handlers))
    webhook.status = 500
    with pytest.raises(NotTold):
        _tell(_options(webhook.url))
    assert (logger.level, list(logger.filters), list(logger.handlers)) == before


def test_one_that_hangs_does_not_hold_up_the_others_and_is_not_sent_it_twice(
    tmp_path: Path, webhook: Webhook, other_webhook: Webhook
) -> None:
    addresses = _options(f"{webhook.url}?rto=60", other_webhook.url).addresses
    post = Post(addresses, Memory(tmp_path / "told"), patience=timedelta(seconds=0.5))
    message = message_about(example_run(), EVENT)
    webhook.answers.clear()
    for _ in range(2):
        with pytest.raises(NotTold, match=r"address 1 \(JSON\): it has not answered within 0.5"):
            post.tell(EVENT.id, message)
    assert len(other_webhook.posts) == 1
    webhook.answers.set()
    for _ in range(20):
        with suppress(NotTold):
            post.tell(EVENT.id, message)
            break
    else:
        pytest.fail("it was never told that the message had arrived after all")
    assert (len(webhook.posts), len(other_webhook.posts)) == (1, 1)


def test_a_service_without_room_gets_a_short_message(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(N_MGR["json"], "body_maxlen", 160)
    monkeypatch.setattr(N_MGR["json"], "title_maxlen", 0)
    _tell(_options(webhook.url), example_event("problem", "word " * 100, problem="x"))
    (post,) = webhook.posts
    assert len(post["message"]) <= 160
    assert post["message"].rstrip().splitlines()[-1].startswith("Event ")


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.told("old", "json://x")
    (old,) = tmp_path.iterdir()
    now = old.stat().st_mtime
    os.utime(old, (now - 81 * 3600, now - 81 * 3600))
    memory.told("young", "json://x")
    memory.told("new", "json://x")
    assert not Memory(tmp_path).was_told("old", "json://x")
    assert Memory(tmp_path).was_told("young", "json://x")


def test_one_that_fails_for_long_does_not_keep_the_news_from_the_others(
    webhook: Webhook, other_webhook: Webhook
) -> None:
    options = _options(webhook.url, other_webhook.url)
    young = example_run(last_tick_at=EVENT.at + timedelta(minutes=9))
    old = example_run(last_tick_at=EVENT.at + timedelta(minutes=11))
    second, third, fourth = (
        example_event("problem", name, problem=name) for name in ("second", "third", "fourth")
    )
    other_webhook.status = 404
    with pytest.raises(NotTold):
        plugin.notify(run=young, event=EVENT, options=options)
    plugin.ticked(options=options)
    plugin.notify(run=old, event=EVENT, options=options)
    plugin.notify(run=young, event=second, options=options)
    assert len(webhook.posts) == 2
    with pytest.raises(Later, match=r"address 2 \(JSON\) does not take its messages: .*404"):
        plugin.ticked(options=_options(webhook.url, other_webhook.url))

    webhook.status = 500
    with pytest.raises(NotTold, match=r"address 1.*address 2"):
        plugin.notify(run=old, event=third, options=options)
    webhook.status = other_webhook.status = 200
    plugin.notify(run=old, event=third, options=options)
    plugin.ticked(options=options)

    other_webhook.status = 404
    with pytest.raises(NotTold, match="address 2"):
        plugin.notify(run=young, event=fourth, options=options)


def test_a_test_message_says_that_an_address_fails_however_long_it_has(webhook: Webhook) -> None:
    with Webhook() as gone:
        options = _options(webhook.url, gone.url)
    plugin.notify(
        run=example_run(last_tick_at=EVENT.at + timedelta(days=1)), event=EVENT, options=options
    )
    with pytest.raises(NotTold, match="address 2"):
        _tell(options, example_event("test", "a test"))
