"""A clock that was set back: it is said, and no span is shown that cannot be."""

from datetime import timedelta

import pytest

from dcp_engine.cli import figures
from dcp_engine.cli.clock_behind import behind, lasting
from dcp_engine.cli.live.paper import Paper
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.live.runs_view import runs_view
from dcp_engine.cli.report import in_full, in_short
from tests.pictures.scenes import NOW, SCENES, several
from tests.pictures.snapshots import Page, as_text

EARLIER = [timedelta(hours=5), timedelta(days=1), timedelta(hours=40_000)]


@pytest.mark.parametrize("back", EARLIER)
def test_the_views_say_so_and_show_no_span(back: timedelta) -> None:
    one, now = SCENES["stalled"](), NOW - back
    lines = run_view(one.picture, one.status, now, Paper(width=160))
    all_of_them = runs_view(several(), now, Paper(width=160))
    for text in (as_text(lines), as_text(all_of_them)):
        assert "This computer's clock is " in text
        assert "behind what is recorded: times here are not to be trusted." in text
        rest = text.partition("trusted.")[2]
        told = rest.partition("No job of Exp1")[0] + rest.partition("--keep-queue")[2]
        for word in ("for 5 hours", "for 4 years", "for a day", "for a moment", "in 4 years"):
            assert word not in told


def test_what_is_printed_shows_no_span_either() -> None:
    one, now = SCENES["stalled"](), NOW - timedelta(hours=40_000)
    page = Page(None)
    in_full(page, one.status, one.picture, now)
    in_short(page, several(), now)
    assert "year" not in page.text
    assert "[altered-alarms, since 2030-01-01 10:02]" in page.text
    assert "shrinking the fleet at 2030-01-01 13:15" in page.text


def test_clocks_may_differ_a_little() -> None:
    one = SCENES["stalled"]()
    assert behind([one.status], NOW - timedelta(minutes=4)) is None
    assert behind([], NOW) is None
    assert behind([one.status], NOW + timedelta(days=1)) is None
    assert lasting(NOW, NOW - timedelta(minutes=4)) == "for a moment"
    assert lasting(NOW - timedelta(hours=2), NOW) == "for 2 hours"
    assert figures.soon(one.picture.run, NOW)[0] == "shrinking the fleet in 3 minutes"
