"""What plugins offer and answer is checked and made plain."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dcp_engine
from dcp_engine.answers import (
    KINDS_OF_THE_ENGINE,
    LONGEST_TEXT,
    PROBLEMS_OF_THE_ENGINE,
    duty_result,
    offered,
    step_result,
)
from dcp_engine.hookspecs import Duty, DutyResult, Observation, TeardownStep, done, waiting
from dcp_engine.model import State
from dcp_engine.series import Sample
from tests.docs.event_kinds import kinds_of_the_engine

PACKAGE = Path(dcp_engine.__file__).parent
# How the engine names a problem.
NAMED = re.compile(
    r"""(?:\.problem|_unreadable|failed|Problem)\(\s*(?:name=)?"([a-z-]+)"
    |"([a-z-]+)":\s(?:for_a_person|None|problem\b)
    |^(?:_?(?:PROBLEM|UNWATCHED|SLOW)|UNREACHABLE|ELSEWHERE|UNCLAIMED|ARMED)\s=\s"([a-z-]+)"
    |\.problems\(\{"([a-z-]+)\"""",
    re.VERBOSE | re.MULTILINE,
)
ELSEWHERE = {"builtin", "simulation", "testing", "cli", "aws", "store"}


def test_every_problem_of_the_engine_is_its_own() -> None:
    found = {
        name
        for path in PACKAGE.rglob("*.py")
        if not ELSEWHERE & set(path.relative_to(PACKAGE).parts)
        for names in NAMED.findall(path.read_text(encoding="utf-8"))
        for name in names
        if name
    }
    assert len(found) > 15
    assert found <= PROBLEMS_OF_THE_ENGINE, found - PROBLEMS_OF_THE_ENGINE


@pytest.mark.parametrize("name", ["slow", "step-queue", "notify-mail", "plugin-x", "duty-x"])
def test_only_a_built_in_duty_may_begin_or_end_one_of_them(name: str) -> None:
    answer = DutyResult(problems={name: None})
    assert duty_result(answer, third_party=False).problems == {name: None}
    with pytest.raises(ValueError, match="the engine's own"):
        duty_result(answer)


def test_what_fits_is_the_same() -> None:
    result = DutyResult(
        next_in=timedelta(minutes=3),
        problems={"a": "b", "c": None},
        observations=[Observation(name="n", value=2.5, unit="m")],
        samples=(Sample(at=datetime(2030, 5, 17, tzinfo=UTC), values={"n": 2.5}, subject="i-1"),),
        memory={"until": "then"},
    )
    assert duty_result(result) == result
    assert duty_result(None) == DutyResult()
    for answer in (done("well"), waiting("a moment", timedelta(hours=1)), done()):
        assert step_result(answer) == answer
    duty = Duty(name="d", states=frozenset({State.RUNNING}), every=timedelta(1), run=print)
    assert offered(duty) == duty
    step = TeardownStep(name="s", run=done, needs=frozenset({"queue"}))  # type: ignore[arg-type]
    assert offered(step) == step


def test_what_is_too_long_is_cut_and_a_span_is_bounded() -> None:
    result = duty_result(DutyResult(problems={"a": "x" * 9999}, next_in=timedelta.max))
    assert len(result.problems["a"] or "") == LONGEST_TEXT
    assert result.next_in is not None
    assert timedelta(days=300) < result.next_in < timedelta(days=400)
    assert step_result(waiting("no", timedelta(-1))).next_in == timedelta(0)


def test_the_kinds_of_events_that_no_plugin_writes_are_those_of_the_engine() -> None:
    named = KINDS_OF_THE_ENGINE - {str(state).casefold() for state in State}
    assert named == kinds_of_the_engine() | {"jobs"}


@pytest.mark.parametrize("text", ["two\nlines", "two\r\n  lines", "two\x1b\x00\u2028lines"])
def test_a_text_is_one_line(text: str) -> None:
    assert step_result(done(text)).reason == "two lines"
    assert duty_result(DutyResult(problems={"a": text})).problems == {"a": "two lines"}


def test_a_text_of_the_plugins_own_kind_is_plain_afterwards() -> None:
    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError

    reason = step_result(done(Text("well"))).reason
    assert type(reason) is str
    assert reason == "well"
