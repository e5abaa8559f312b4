"""What plugins say, raise and print: without any secret, and whatever it is."""

import logging
import sys
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from dcp_engine.answers import duty_result, step_result
from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import (
    Duty,
    DutyResult,
    LogExporter,
    Observation,
    Sample,
    Secret,
    TeardownStep,
    kept,
)
from dcp_engine.model import Event, State
from dcp_engine.plugins import Plugins
from tests.unit.distributions import errors, plugin, said
from tests.unit.runs import START, run

TOKEN = "xoxb-12345"
EVENT = Event(id="1", run_id="Exp1-0", at=START, kind="state", text="x")


class Options(msgspec.Struct, frozen=True):
    token: Secret


def leaky(kind: Callable[[str], BaseException]) -> types.ModuleType:
    def leak(options: Any) -> None:
        raise kind(f"401 for {options.token.reveal()}")

    return plugin(
        options=lambda: Options,
        notify=leak,
        ticked=leak,
        summary=leak,
        ready=leak,
        duties=leak,
        commands=leak,
    )


@pytest.mark.parametrize("kind", [OSError, SystemExit, KeyboardInterrupt, UnicodeError])
def test_no_error_of_any_hook_shows_a_secret(kind: Callable[[str], BaseException]) -> None:
    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", leaky(kind))
    texts = [said(found.notify("chat", run(), EVENT)), *found.ready("chat", Settings())]
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    found.summary(run())
    found.duties(Settings())
    found.commands(Settings(), str)
    texts += [failure.error for failure in found.failures]
    assert len(found.failures) == 6
    assert all("401 for (hidden)" in text for text in texts)
    assert TOKEN not in repr(found.facts())


@pytest.mark.parametrize("kind", [TypeError, LookupError, SystemExit, KeyboardInterrupt])
def test_what_is_raised_while_options_are_made_shows_no_secret(
    kind: Callable[[str], BaseException],
) -> None:
    class Objecting(msgspec.Struct):
        token: Secret

        def __post_init__(self) -> None:
            raise kind(f"no {self.token.reveal()}")

    found = Plugins({}, environ={"DCP_ENGINE_CHAT_TOKEN": TOKEN})
    found.add("chat", plugin(options=lambda: Objecting))
    assert "no (hidden)" in errors(found)["chat"]


def test_a_secret_that_the_options_made_themselves_is_hidden_too() -> None:
    class Made(msgspec.Struct):
        user: str
        key: Secret = Secret("")

        def __post_init__(self) -> None:
            self.key = Secret(f"{self.user}:made-key")

    def notify(options: Any) -> None:
        raise OSError(options.key.reveal())

    found = Plugins({}, tables={"chat": {"user": "me"}})
    found.add("chat", plugin(options=lambda: Made, notify=notify))
    assert said(found.notify("chat", run(), EVENT)) == "OSError('(hidden)')"


def test_the_secret_of_one_is_hidden_in_the_words_of_another() -> None:
    def notify() -> None:
        raise OSError(f"proxy saw {TOKEN}")

    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options))
    found.add("other", plugin(notify=notify))
    assert said(found.notify("other", run(), EVENT)) == "OSError('proxy saw (hidden)')"


def test_what_a_duty_or_a_step_answers_shows_no_secret() -> None:
    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, ready=lambda: [f"no {TOKEN}"]))

    clean = found.in_words
    assert step_result(kept(f"no {TOKEN}"), clean) == kept("no (hidden)")
    problems = {f"a {TOKEN}": f"no {TOKEN}", "b": None}
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    answer = DutyResult(
        problems=problems,
        observations=[Observation(name=f"n {TOKEN}", value=1, unit=TOKEN)],
        samples=[Sample(at=moment, values={TOKEN: 1}, subject=f"s {TOKEN}")],
    )
    assert duty_result(answer, clean=clean) == DutyResult(
        problems={"a (hidden)": "no (hidden)", "b": None},
        observations=[Observation(name="n (hidden)", value=1, unit="(hidden)")],
        samples=(Sample(at=moment, values={"(hidden)": 1}, subject="s (hidden)"),),
    )
    assert found.ready("chat", Settings()) == ("no (hidden)",)


def test_what_is_cut_is_hidden_before() -> None:
    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, ready=lambda: ["x" * 1995 + TOKEN]))
    (complaint,) = found.ready("chat", Settings())
    assert "xoxb" not in complaint


def test_no_name_of_what_it_offers_shows_a_secret() -> None:
    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    states = frozenset(State)
    offers = plugin(
        options=lambda: Options,
        duties=lambda: [Duty(name=f"d {TOKEN}", states=states, every=timedelta(0), run=print)],
        teardown_steps=lambda: [
            TeardownStep(name=f"s {TOKEN}", run=lambda _: kept("x")),
            TeardownStep(name="after", run=lambda _: kept("x"), needs=frozenset({f"s {TOKEN}"})),
        ],
        log_exporters=lambda: [LogExporter(name=TOKEN, export=lambda *_: kept("x"))],
    )
    found.add("chat", offers)
    (duty,) = found.duties(Settings())
    first, after = found.teardown_steps(Settings())
    (exporter,) = found.log_exporters(Settings())
    assert (duty.item.name, exporter.item.name) == ("d (hidden)", "(hidden)")
    assert (first.item.name, [*after.item.needs]) == ("s (hidden)", ["s (hidden)"])


def test_what_is_printed_goes_to_the_log_without_the_secret(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def notify(options: Any) -> None:
        print(f"sending with {options.token.reveal()}")
        print("half a line", end="", file=sys.stderr)

    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, notify=notify))
    with caplog.at_level(logging.DEBUG):
        assert found.notify("chat", run(), EVENT) is None
    assert caplog.record_tuples == [
        ("dcp_engine.plugin.chat", logging.INFO, "sending with (hidden)"),
        ("dcp_engine.plugin.chat", logging.INFO, "half a line"),
    ]
    assert capsys.readouterr() == ("", "")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


def test_an_error_that_cannot_be_said_is_named_all_the_same() -> None:
    def raises() -> None:
        raise Unspeakable

    found = Plugins({})
    found.add("bad", plugin(ticked=raises))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert errors(found) == {"bad": "Unspeakable, which does not say what it is"}


def test_an_error_without_end_is_cut_after_its_secrets_were_taken_out() -> None:
    def raises() -> None:
        raise OSError("x" * 1985 + TOKEN + "y" * 10**6)

    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, ticked=raises))
    found.ticked(run(), None, None)  # type: ignore[arg-type]
    assert len(errors(found)["chat"]) == 2000
    assert "xx(h" in errors(found)["chat"]
    assert "oxb" not in errors(found)["chat"]
