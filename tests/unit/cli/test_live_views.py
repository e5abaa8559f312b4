"""The live views of runs at fixed moments, compared with what they looked like before.

`python -m tests.pictures` draws all of them anew; look at the difference before you keep it.
"""

import re
from pathlib import Path

import pytest

from dcp_engine.cli.live.paper import Line, Paper
from dcp_engine.cli.live.run_view import run_view
from dcp_engine.cli.live.runs_view import runs_view
from dcp_engine.cli.report import in_short
from dcp_engine.model import Problem, State
from tests.pictures import svg
from tests.pictures.scenes import NOW, SCENES, a_run, scene, several
from tests.pictures.snapshots import FOLDER, FOOTER, Page, as_text, printed, snapshots

STALLED_END = "keep the jobs: dcp-engine abort Exp1 --keep-queue"
ROOT = Path(__file__).parents[3]


def view(name: str, paper: Paper) -> list[Line]:
    scene = SCENES[name]()
    return run_view(
        scene.picture,
        scene.status,
        NOW,
        paper,
        unwatched=scene.unwatched,
        events=True,
        footer=FOOTER,
    )


def test_the_views_look_as_before() -> None:
    drawn = {name: as_text(lines) for name, lines in snapshots()} | dict(printed())
    kept = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.txt")}
    assert drawn.keys() == kept.keys()
    for name, text in drawn.items():
        assert text == kept[name], f"{name}; see the top of this file"


def test_the_picture_in_the_readme_is_of_this_view() -> None:
    shown = svg.FILE.read_text(encoding="utf-8")
    assert svg.words(shown) == svg.words(svg.drawn())
    assert "http" not in shown.replace("http://www.w3.org/2000/svg", "")
    link = svg.FILE.relative_to(ROOT).as_posix()
    assert f"({link})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("ascii_", [False, True])
def test_any_size_will_do(name: str, ascii_: bool) -> None:
    for width in (1, 19, 60, 133):
        for height in (None, 6):
            paper = Paper(width=width, height=height, ascii=ascii_)
            lines = view(name, paper)
            assert height is None or len(lines) <= height
            assert lines
            text = as_text(lines)
            assert all(line.columns <= max(width, 2) for line in lines)
            assert text.replace("\n", "").isprintable()
            assert text.isascii() or not ascii_


@pytest.mark.parametrize("height", [3, 5, 8, 12, 20])
def test_what_is_wrong_is_the_last_to_go(height: int) -> None:
    first, second, *_ = view("stalled", Paper(width=80, height=height))
    assert "Exp1  RUNNING" in first.written
    text = as_text(view("stalled", Paper(width=80, height=height)))
    assert "PROBLEM stalled for 20 minutes" in text
    assert "1,240 of 2,880 jobs done" in text
    assert height < 8 or second.written.startswith(("looked", "PROBLEM"))


def wrong(name: str, width: int, height: int) -> str:
    """What the view of a scene says, its lines put together."""
    return " ".join(as_text(view(name, Paper(width=width, height=height))).split())


@pytest.mark.parametrize("size", [(80, 24), (79, 20), (40, 20), (120, 12)])
def test_what_is_wrong_is_said_to_its_end_before_anything_else(size: tuple[int, int]) -> None:
    for name, end in (("stalled", STALLED_END), ("unwatched", "with: dcp-engine resume Exp1")):
        text = wrong(name, *size)
        assert end in text
        assert "…" not in text.replace("se…", "").replace("(process 4…", "").partition(end)[0]
        assert "Ctrl-C detaches" in text


@pytest.mark.parametrize("size", [(40, 12), (30, 8), (80, 7)])
def test_where_there_is_no_room_what_is_to_be_done_stays(size: tuple[int, int]) -> None:
    text = wrong("stalled", *size)
    assert " ".join(STALLED_END.split()[-3:]) in text
    assert "1,240 of 2,880 jobs" in text
    assert "Ctrl-C detaches" in text


def test_of_several_problems_each_says_what_to_do() -> None:
    problems = tuple(
        Problem(
            name=f"{what}-unreadable",
            since=NOW,
            text=f"The {what} could not be looked at. "
            + "AWS is too busy for that. " * 12
            + "Wait.",
        )
        for what in ("queue", "fleet", "service")
    )
    made = scene(a_run(State.RUNNING, problems=problems))
    lines = run_view(made.picture, made.status, NOW, Paper(width=79, height=20), footer=FOOTER)
    text = as_text(lines)
    for what in ("queue", "fleet", "service"):
        assert f"The {what} could not be looked at." in text
    assert text.count("busy for that. Wait.") == len(problems)
    assert "Ctrl-C detaches" in text


@pytest.mark.parametrize("width", [24, 30, 40])
def test_no_label_stands_alone(width: int) -> None:
    for name in SCENES:
        for line in as_text(view(name, Paper(width=width))).splitlines():
            assert not re.fullmatch(r"[a-z]+:\s*", line), name


def test_where_runs_are_many_the_first_of_them_say_what_to_do() -> None:
    text = as_text(runs_view(several(), NOW, Paper(width=79, height=12), footer=FOOTER))
    assert "with: dcp-engine resume Exp1" in text
    assert "Ctrl-C detaches" in text


def test_colours_are_only_added() -> None:
    plain = view("stalled", Paper(width=80))
    coloured = view("stalled", Paper(width=80, colour=True))
    assert [line.columns for line in plain] == [line.columns for line in coloured]
    assert "\x1b[1;31mPROBLEM stalled" in as_text(coloured)
    assert "\x1b" not in as_text(plain)


def test_what_aws_says_is_not_obeyed_in_colour_either() -> None:
    text = as_text(view("long_names", Paper(width=80, colour=True)))
    assert "\\x1b[31mno\\x1b[0m" in text
    assert "\x1b[31mno" not in text


def test_what_is_not_known_is_not_zero() -> None:
    text = as_text(view("nothing_known", Paper(width=80)))
    for label in ("jobs waiting", "jobs in flight", "machines", "cluster CPU", "cluster memory"):
        [line] = [line for line in text.splitlines() if line.startswith(f"{label} ")][:1]
        assert line.split()[-1] == "?"
    assert "0" not in text.replace("09:00", "").replace("123456789012", "").partition("fleet")[0]


def test_all_runs_troubled_ones_first() -> None:
    lines = as_text(runs_view(several(), NOW, Paper(width=80))).splitlines()
    named = [line.split()[0] for line in lines if line[0] not in " C"]
    assert named == ["RUN", "Night", "Exp1", "Plate_7"]
    assert [line.split()[0] for line in lines if "TEARDOWN" in line] == ["Control"]
    few = as_text(runs_view(several(), NOW, Paper(width=80, height=3))).splitlines()
    assert [line.split()[0] for line in few] == ["RUN", "Night", "and"]


def test_the_table_in_the_docs_is_what_is_printed() -> None:
    page = Page(80)
    in_short(page, [one for one in several() if one.status.app_name in {"Control", "Exp1"}], NOW)
    text = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    assert f"$ dcp-engine status\n{page.text}```" in text


def test_no_run_at_all() -> None:
    assert as_text(runs_view([], NOW, Paper())) == "There are no live runs.\n"
