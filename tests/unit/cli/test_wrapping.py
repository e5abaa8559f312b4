"""Lines that a terminal has room for."""

import pytest

from dcp_engine.cli.columns import say_table
from dcp_engine.cli.wrapping import wrapped
from tests.pictures.snapshots import Page, printed

PROSE = "one two three four five six seven eight nine ten eleven twelve thirteen"


def test_a_pipe_and_what_fits_stay_as_they_are() -> None:
    assert wrapped(PROSE, None, taken=10) == PROSE
    assert wrapped(PROSE, len(PROSE)) == PROSE
    assert wrapped("", 5) == ""


def test_what_goes_on_stands_below_the_text() -> None:
    assert wrapped("one two three four five six seven", 40, taken=12).splitlines() == [
        "one two three four five six",
        " " * 12 + "seven",
    ]
    first, second = wrapped(f"  {PROSE}", 60).splitlines()
    assert first.startswith("  one") and second.startswith("  ")


def test_without_room_beside_the_lead_it_goes_on_at_the_left() -> None:
    lines = wrapped(PROSE, 40, taken=25).splitlines()
    assert lines[1].startswith("    ") and lines[1][4] != " "
    assert all(len(line) <= 40 for line in lines)


@pytest.mark.parametrize("width", [1, 2, 7, 24, 30, 60])
def test_no_word_is_broken_or_lost(width: int) -> None:
    for text in (PROSE, f"{PROSE}\n  {PROSE}", "x" * 200, f"lead  {'y' * 90} end"):
        lines = wrapped(text, width, taken=9, hang=9).splitlines()
        assert " ".join(lines).split() == text.split()
        assert all(len(line) <= max(width, len(line.split()[-1]) + 9) for line in lines[1:])


def test_a_command_is_not_broken() -> None:
    command = "dcp-engine abort Exp1 --keep-queue"
    for width in range(10, 80):
        said = wrapped(f"To stop the cost: {command} [stalled, since noon]", width)
        assert any(command in line for line in said.splitlines())
        said = wrapped(f"Neither; `{command}` does, some say.", width)
        assert any(command in line for line in said.splitlines())


def test_a_table_that_is_too_wide_is_a_block_for_each_row() -> None:
    rows = [("NAME", "STATE", "OUTCOME"), ("Exp1", "RUNNING", "-"), ("Exp2", "EXPORTED", "aborted")]
    wide, narrow, pipe = Page(60), Page(16), Page(None)
    for page in (wide, narrow, pipe):
        say_table(page, rows)
    assert wide.text == pipe.text
    assert wide.text.splitlines()[0].split() == ["NAME", "STATE", "OUTCOME"]
    assert narrow.text.splitlines() == [
        "Exp1",
        "  STATE RUNNING",
        "  OUTCOME -",
        "Exp2",
        "  STATE EXPORTED",
        "  OUTCOME",
        "    aborted",
    ]


def test_nothing_that_is_printed_is_wider_than_the_terminal() -> None:
    for name, text in printed():
        width = name.removesuffix(".txt").rpartition("-")[2]
        if width != "pipe":
            for line in text.splitlines():
                # A word that is longer cannot be broken; nor is what is to be copied.
                fits = len(line) <= int(width)
                assert fits or len(line.split()) == 1 or "dcp-engine" in line, (name, line)
