"""What is drawn in place: nothing of it is left behind, and what scrolls by above stays."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine.cli.live.paper import Line
from dcp_engine.cli.live.region import Region
from tests.unit.cli.screen import Screen


def lines(*texts: str) -> list[Line]:
    return [Line(text, len(text)) for text in texts]


@dataclass
class Window:
    """A terminal of some size, what was said in it, and what is drawn."""

    reflows: bool = True
    width: int = 40
    said: list[str] = field(default_factory=lambda: ["$ dcp-engine monitor"])
    drawn: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.screen = Screen(self.width, 60, reflows=self.reflows)
        self.screen.feed("".join(f"{line}\r\n" for line in self.said))
        self.region = Region(reflows=self.reflows)

    def draw(self, *texts: str, above: tuple[str, ...] = ()) -> str:
        told = self.region.draw(
            lines(*texts), self.width, above="".join(f"{line}\n" for line in above)
        )
        self.screen.feed(told)
        self.said += above
        self.drawn = list(texts)
        return told

    def resize(self, width: int) -> None:
        self.width = width
        self.screen.resize(width, 60)

    @property
    def expected(self) -> list[str]:
        whole = [*self.said, *self.drawn]
        while whole and not whole[-1]:
            whole.pop()
        return whole


def test_lines_are_drawn_in_place_of_those_before() -> None:
    window = Window()
    window.draw("one", "two", "three")
    assert window.screen.lines == window.expected
    told = window.draw("one", "2", "three")
    assert window.screen.lines == window.expected
    # What has not changed is not written again, so nothing flickers.
    assert "2" in told
    assert "one" not in told
    assert "\x1b[J" not in told


def test_fewer_and_more_lines() -> None:
    window = Window()
    for texts in (["a", "b", "c", "d"], ["a"], ["x", "y", "z"], ["", "", "w"]):
        window.draw(*texts)
        assert window.screen.lines == window.expected


def test_what_happens_stays_above_in_order() -> None:
    window = Window()
    window.draw("view", "view")
    for number in range(200):
        window.draw(f"view {number}", "view", above=(f"event {number}", "and" * 30))
    assert window.screen.lines == window.expected


def test_what_is_wiped_leaves_nothing_and_what_is_left_stays() -> None:
    window = Window()
    window.draw("one", "two")
    window.screen.feed(window.region.wipe(window.width) + "the end\r\n")
    assert window.screen.lines == [*window.said, "the end"]
    window = Window()
    window.draw("one", "two")
    window.screen.feed(window.region.leave() + "the end\r\n")
    assert window.screen.lines == [*window.said, "one", "two", "the end"]


def test_what_somebody_else_wrote_is_not_drawn_over() -> None:
    window = Window()
    window.draw("one", "two")
    window.screen.feed("\r\n[1]+ Stopped\r\n$ fg\r\n")
    window.region.forget()
    window.draw("one", "2")
    shown = [*window.said, "one", "two", "[1]+ Stopped", "$ fg", "one", "2"]
    assert window.screen.lines == shown


def test_a_terminal_that_cuts_off_what_does_not_fit() -> None:
    window = Window(reflows=False)
    window.draw("x" * 39, "y" * 20, "z")
    window.resize(10)
    window.draw("x" * 9, "y" * 9, "z")
    assert window.screen.lines == [window.said[0][:10], "x" * 9, "y" * 9, "z"]


_TEXT = st.text("ab ", max_size=90)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            # Mostly the size stays as it is.
            st.sampled_from([40, 40, 40, 8, 17, 90]),
            st.lists(_TEXT, min_size=1, max_size=6),
            st.lists(_TEXT.filter(str.strip), max_size=2),
        ),
        max_size=8,
    )
)
def test_whatever_happens_nothing_is_left_behind(
    turns: list[tuple[int, list[str], list[str]]],
) -> None:
    window = Window()
    for width, texts, above in turns:
        window.resize(width)
        fitting = [text[: width - 1].rstrip() for text in texts]
        window.draw(*fitting, above=tuple(text.rstrip() for text in above))
        assert window.screen.lines == window.expected


@pytest.mark.parametrize("told", ["\x1b[2J", "\x1b[?25l", "\x07", "\x1b]0;title\x07"])
def test_the_screen_of_these_tests_knows_no_more_than_that(told: str) -> None:
    with pytest.raises(AssertionError, match="not known"):
        Screen().feed(told)
