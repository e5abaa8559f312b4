"""Which plugins a person wants, however it is said."""

from pathlib import Path

import pytest

from dcp_engine.errors import BadInput
from dcp_engine.loaded import Selection
from dcp_engine.selection import Choice, is_path, name_of, names_in, names_of


@pytest.mark.parametrize(
    ("wanted", "path", "name"),
    [
        ("slack", False, "slack"),
        ("my.plugin", False, "my.plugin"),
        ("alerts.py", True, "alerts"),
        ("/lab/alerts.py", True, "alerts"),
        ("./alerts", True, "alerts"),
        ("~/alerts.py", True, "alerts"),
    ],
)
def test_a_file_is_told_from_a_name(wanted: str, path: bool, name: str) -> None:
    assert is_path(wanted) is path
    assert name_of(wanted) == name


def test_a_list_is_in_its_order_and_its_paths_start_at_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    wanted = ["slack", "mine.py", "/lab/other.py", "~/third.py", "slack", f"{tmp_path}/mine.py"]
    assert names_in(wanted, tmp_path) == (
        "slack",
        f"{tmp_path}/mine.py",
        "/lab/other.py",
        "/home/me/third.py",
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("slack", "must be a list"),
        ({"a": 1}, "must be a list"),
        (["slack", 5], "is a number"),
        ([""], "on one line"),
        (["a\nb"], "on one line"),
        (["~nobody-at-all/x.py"], "no such home directory"),
    ],
)
def test_what_is_no_list_of_names_is_refused(wanted: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        names_in(wanted, tmp_path)


def test_a_variable_has_commas_and_its_paths_start_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert names_of("") == names_of(" , ") == ()
    assert names_of(" slack, mine.py ,~/other.py,slack") == (
        "slack",
        f"{tmp_path}/mine.py",
        "/home/me/other.py",
    )


def test_a_variable_is_a_plugins_where_the_plugin_is_there_or_was_named() -> None:
    choice = Choice(lambda: ["slack", "my-bot"])
    assert choice.has("DCP_ENGINE_SLACK_TOKEN")
    assert choice.has("DCP_ENGINE_MY_BOT_TOKEN")
    assert not choice.has("DCP_ENGINE_SLACKER")
    assert not choice.has("DCP_ENGINE_OTHER_TOKEN")
    choice.tables["other"] = {}
    choice.only = ("wanted", "/lab/alerts.py")
    choice.disabled = ("unloved",)
    for name in ("OTHER", "WANTED", "ALERTS", "UNLOVED"):
        assert choice.has(f"DCP_ENGINE_{name}_TOKEN")


def test_installed_plugins_are_asked_for_only_where_nothing_else_answers() -> None:
    asked: list[str] = []

    def installed() -> list[str]:
        asked.append("!")
        return []

    choice = Choice(installed)
    choice.tables["slack"] = {}
    assert choice.has("DCP_ENGINE_SLACK_TOKEN")
    assert asked == []
    assert not choice.has("DCP_ENGINE_OTHER_TOKEN")
    assert asked == ["!"]


def test_the_selection_is_all_that_was_said(tmp_path: Path) -> None:
    choice = Choice(tuple)
    assert choice.selection(None) == Selection()
    choice.only, choice.disabled, choice.tables = ("a",), ("b",), {"a": {"x": 1}}
    assert choice.selection(tmp_path) == Selection(
        only=("a",), disabled=("b",), tables={"a": {"x": 1}}, config=tmp_path
    )
