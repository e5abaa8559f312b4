"""What plugins say, raise and print: without any secret, and whatever it is."""

import logging
import sys
import types
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from dcp_engine.defaults import Settings
from dcp_engine.hookspecs import Duty, DutyResult, Secret, StepResult, TeardownStep, kept
from dcp_engine.model import Event, State
from dcp_engine.plugin_facts import Owned
from dcp_engine.plugins import Plugins
from tests.unit.distributions import errors, plugin
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
    said = [found.notify("chat", run(), EVENT) or "", *found.ready("chat", Settings())]
    found.ticked(run(), None)  # type: ignore[arg-type]
    found.summary(run())
    found.duties(Settings())
    found.commands(Settings(), str)
    said += [failure.error for failure in found.failures]
    assert len(found.failures) == 6
    assert all("401 for (hidden)" in text for text in said)
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
    assert found.notify("chat", run(), EVENT) == "OSError('(hidden)')"


def test_the_secret_of_one_is_hidden_in_the_words_of_another() -> None:
    def notify() -> None:
        raise OSError(f"proxy saw {TOKEN}")

    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options))
    found.add("other", plugin(notify=notify))
    assert found.notify("other", run(), EVENT) == "OSError('proxy saw (hidden)')"


def test_what_a_duty_or_a_step_answers_shows_no_secret() -> None:
    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, ready=lambda: [f"no {TOKEN}"]))

    def answer(item: Duty | TeardownStep, result: object) -> object:
        return found.call(Owned("chat", True, item), timedelta(seconds=20), lambda: result)

    duty = Duty(name="d", states=frozenset(State), every=timedelta(0), run=lambda _: None)
    step = TeardownStep(name="s", run=lambda _: kept("x"))
    assert answer(step, kept(f"no {TOKEN}")) == StepResult(ended="kept", reason="no (hidden)")
    problems = {"a": f"no {TOKEN}", "b": None}
    assert answer(duty, DutyResult(problems=problems)) == DutyResult(
        problems={"a": "no (hidden)", "b": None}
    )
    assert answer(duty, None) is None
    assert found.ready("chat", Settings()) == ("no (hidden)",)


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
    found.ticked(run(), None)  # type: ignore[arg-type]
    assert errors(found) == {"bad": "Unspeakable, which does not say what it is"}


def test_an_error_without_end_is_cut_after_its_secrets_were_taken_out() -> None:
    def raises() -> None:
        raise OSError("x" * 1985 + TOKEN + "y" * 10**6)

    found = Plugins({}, tables={"chat": {"token": TOKEN}})
    found.add("chat", plugin(options=lambda: Options, ticked=raises))
    found.ticked(run(), None)  # type: ignore[arg-type]
    assert len(errors(found)["chat"]) == 2000
    assert "xx(h" in errors(found)["chat"]
    assert "oxb" not in errors(found)["chat"]
