"""Whole runs with a plugin that does one thing wrong in one hook, and a good one beside it.

Promise 9 of the design: a plugin can't hurt the run. What is asked each time is what AWS holds,
what was told, and who was named.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.rig import Rig
from tests.reliability.hostile import CASES, HARMLESS, Good, Hostile
from tests.reliability.plugin_story import (
    Story,
    begin,
    go_on,
    good_had_its_way,
    money_stopped,
    was_named,
    went_well,
)

# A duty that fails is tried after 1, 2, 4, 8 and 16 minutes. What only asks to wait is tried in
# each tick, and for a day when it is a step, or an export of each of the two groups.
MOST_CALLS = {"duty": 8, "step": 80, "export": 160, "notify": 60, "summary": 4}


@pytest.fixture
def tell(make_rig: Callable[..., Rig], tmp_path: Path) -> Callable[..., Story]:
    def told(hostile: dict[str, Hostile]) -> Story:
        good = Good()
        story = begin(make_rig(plugins={**hostile, "good": good}), good, tmp_path)
        go_on(story)
        return story

    return told


def test_the_schedule_without_any_hostile_plugin(tell: Callable[..., Story]) -> None:
    story = tell({})
    went_well(story)
    money_stopped(story)
    good_had_its_way(story)
    assert story.named == {}


@pytest.mark.matrix("case", CASES, sample=4)
def test_nothing_that_it_does_hurts_the_run(
    tell: Callable[..., Story], case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Hostile(case)
    story = tell({"hostile": hostile})
    went_well(story)
    money_stopped(story)
    good_had_its_way(story)
    assert was_named(story, "hostile") is (case not in HARMLESS), story.named
    if case not in HARMLESS:
        assert all(hostile.calls[hook] <= most for hook, most in MOST_CALLS.items())
    assert capsys.readouterr() == ("", "")


@pytest.mark.matrix(
    "hook", ["duties", "duty", "teardown_steps", "step", "notify", "summary", "ticked"], sample=3
)
def test_all_of_them_at_once(tell: Callable[..., Story], hook: str) -> None:
    cases = [case for case in CASES if case.startswith(f"{hook}: ")]
    hostile = {f"hostile-{n}": Hostile(case, name=f"theirs-{n}") for n, case in enumerate(cases)}
    story = tell(hostile)
    went_well(story)
    money_stopped(story)
    good_had_its_way(story)
    unnamed = {c for n, c in enumerate(cases) if not was_named(story, f"hostile-{n}")}
    assert unnamed == {case for case in cases if case in HARMLESS}
