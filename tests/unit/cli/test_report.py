"""`dcp-engine report`: from the store alone, into one file."""

import errno
import json
import os
import stat
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine.model import Run
from tests.unit.cli.conftest import Knocks
from tests.unit.report.markup import Page, text
from tests.unit.report.pictures import HOUR, ended_run, event
from tests.unit.runs import START, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person is."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to show."""
    asked: list[str] = []

    def show(address: str) -> bool:
        asked.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    return asked


def test_it_is_written_here_and_asks_aws_nothing(
    invoke: Invoke, add: Add, folder: Path, aws: Knocks, opened: list[str]
) -> None:
    add(ended_run(START + HOUR), event(START, "registered", "Exp1 was registered."))
    result = invoke("report", "Exp1")
    assert result.exit_code == 0
    assert result.stdout == f"The report of Exp1 is in {folder / 'Exp1-report.html'}\n"
    page = Page((folder / "Exp1-report.html").read_text(encoding="utf-8"))
    assert "completed with 3 dead letters" in text(page.one("header"))
    assert page.rows("events") == [["2030-01-01 12:00:00", "registered", "Exp1 was registered."]]
    assert [file.name for file in folder.iterdir()] == ["Exp1-report.html"]
    assert (aws.count, opened) == (0, [])


def test_a_live_run_is_told_of_so_far(invoke: Invoke, add: Add) -> None:
    add(run())
    assert invoke("report", "Exp1").stdout.startswith("The report of Exp1, so far, is in ")


def test_a_run_asked_for_by_its_id_does_not_take_the_place_of_its_namesake(
    invoke: Invoke, add: Add, folder: Path
) -> None:
    add(ended_run(START + HOUR))
    invoke("report", "Exp1-0123abcd")
    assert [file.name for file in folder.iterdir()] == ["Exp1-0123abcd-report.html"]


def test_an_older_report_is_written_over(invoke: Invoke, add: Add, folder: Path) -> None:
    add(run())
    for _ in range(2):
        assert invoke("report", "Exp1").exit_code == 0
    assert len(list(folder.iterdir())) == 1


def test_another_file_is_left_as_it_is(invoke: Invoke, add: Add, folder: Path) -> None:
    add(run())
    theirs = folder / "Exp1-report.html"
    theirs.write_text("<title>a page of my own</title>")
    result = invoke("report", "Exp1")
    assert result.exit_code == 2
    assert "is no report of dcp-engine" in result.stderr
    assert "--force" in result.stderr
    assert theirs.read_text() == "<title>a page of my own</title>"
    assert invoke("report", "Exp1", "--force").exit_code == 0
    assert "dcp-engine report" in theirs.read_text(encoding="utf-8")


def test_an_empty_file_is_nobodys(invoke: Invoke, add: Add, folder: Path) -> None:
    add(run())
    (folder / "new.html").touch()
    assert invoke("report", "Exp1", "--output", "new.html").exit_code == 0
    assert (folder / "new.html").stat().st_size > 1000


def test_a_link_still_leads_where_it_led(invoke: Invoke, add: Add, folder: Path) -> None:
    add(run())
    (folder / "there").mkdir()
    (folder / "link.html").symlink_to(folder / "there" / "real.html")
    assert invoke("report", "Exp1", "--output", "link.html").exit_code == 0
    assert (folder / "link.html").is_symlink()
    assert (folder / "there" / "real.html").is_file()


def test_the_file_is_as_open_to_others_as_any_that_the_person_makes(
    invoke: Invoke, add: Add, folder: Path
) -> None:
    add(run())
    before = os.umask(0o027)
    try:
        invoke("report", "Exp1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "Exp1-report.html").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (".", "is a folder"),
        ("no/such/folder/x.html", "could not be written: No such file or directory."),
        ("/dev/null", "is no file that can be written over"),
        ("~nobody-at-all/x.html", "cannot be written"),
        ("x" * 300, "could not be written: File name too long."),
    ],
)
def test_where_nothing_can_be_written_it_says_why(
    invoke: Invoke, add: Add, output: str, said: str
) -> None:
    add(run())
    result = invoke("report", "Exp1", "--output", output)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_on_a_full_disk_the_older_report_stays(
    invoke: Invoke, add: Add, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(run())
    invoke("report", "Exp1")
    before = (folder / "Exp1-report.html").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = invoke("report", "Exp1")
    assert result.exit_code == 3
    assert "No space left on device. Make room, and try again." in result.stderr
    assert (folder / "Exp1-report.html").read_bytes() == before
    assert len(list(folder.iterdir())) == 1


def test_standard_output_gets_the_page_in_ascii(invoke: Invoke, add: Add, folder: Path) -> None:
    add(run(), event(START, "registered", "Größe → 5 µm"))
    result = invoke("report", "Exp1", "--output", "-")
    assert result.exit_code == 0
    assert result.stdout.isascii()
    assert Page(result.stdout).rows("events")[0][2] == "Größe → 5 µm"
    assert list(folder.iterdir()) == []


def test_the_summary_for_programs(invoke: Invoke, add: Add, folder: Path) -> None:
    add(ended_run(START + HOUR))
    result = invoke("report", "Exp1", "--json")
    found = json.loads(result.stdout)
    assert (found["schema"], found["run_id"], found["so_far"]) == (1, "Exp1-0123abcd", False)
    assert (found["jobs"]["dead_letters"], found["ended_at"]) == (3, "2030-01-01T13:00:00Z")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        ["--json", "--open"],
        ["--json", "--output", "x.html"],
        ["--json", "--force"],
        ["--output", "-", "--open"],
    ],
    ids=" ".join,
)
def test_what_does_not_go_together(
    invoke: Invoke, add: Add, folder: Path, opened: list[str], options: list[str]
) -> None:
    add(run())
    assert invoke("report", "Exp1", *options).exit_code == 2
    assert (list(folder.iterdir()), opened) == ([], [])


def test_it_is_opened_in_the_browser(
    invoke: Invoke, add: Add, folder: Path, opened: list[str]
) -> None:
    add(run())
    assert invoke("report", "Exp1", "--open", "--output", "a b.html").exit_code == 0
    assert opened == [(folder / "a b.html").as_uri()]


def test_without_a_browser_the_report_is_there_all_the_same(
    invoke: Invoke, add: Add, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(run())
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    result = invoke("report", "Exp1", "--open")
    assert result.exit_code == 0
    assert "No browser could be opened from here" in result.stderr
    assert (folder / "Exp1-report.html").is_file()


def test_a_run_that_nobody_knows(invoke: Invoke, folder: Path) -> None:
    result = invoke("report", "Exp1")
    assert result.exit_code == 2
    assert "There is no run named Exp1" in result.stderr
    assert list(folder.iterdir()) == []
