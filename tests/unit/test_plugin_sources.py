"""Where plugins come from, and which are not touched."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from dcp_engine.builtin import BUILT_IN
from dcp_engine.errors import BadInput, Refused
from dcp_engine.plugin_sources import Source, from_package, in_file, installed
from tests.unit.distributions import TELLS, install, module_of, write_plugin


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def ours() -> list[Source]:
    return [source for source in installed() if "fake" in source.origin]


def test_our_own_come_by_the_same_path() -> None:
    sources = from_package(BUILT_IN, "1.2")
    assert [source.name for source in sources] == list(BUILT_IN)
    assert {(source.origin, source.version) for source in sources} == {("built in", "1.2")}
    loaded = sources[0].load()
    assert isinstance(loaded, ModuleType)
    assert loaded.__name__ == BUILT_IN[sources[0].name]


def test_installed_ones_are_found_by_name_and_not_imported(site: Path) -> None:
    install(site, "zulip", TELLS)
    install(site, "alerts", TELLS, dist="fake-lab-alerts")
    assert [(s.name, s.origin, s.version) for s in ours()] == [
        ("alerts", "fake-lab-alerts", "1.0"),
        ("zulip", "fake-zulip", "1.0"),
    ]
    assert module_of(site, "zulip") not in sys.modules
    assert hasattr(ours()[1].load(), "notify")
    assert module_of(site, "zulip") in sys.modules


def test_a_damaged_distribution_harms_no_other(site: Path) -> None:
    install(site, "alerts", TELLS)
    install(site, "nameless", TELLS, dist="fake-nameless", metadata=False)
    broken = site / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_text("[dcp_engine]\nthere is no equals sign\n")
    found = {source.name: source for source in installed()}
    assert {"alerts", "nameless"} <= set(found)
    assert found["alerts"].origin == "fake-alerts"
    assert hasattr(found["nameless"].load(), "notify")


def test_a_file_is_a_plugin_named_as_the_file(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "alerts.py", f"import dataclasses\n{TELLS}")
    source = in_file(path)
    assert (source.name, source.origin, source.version) == ("alerts", str(path), None)
    loaded = source.load()
    assert isinstance(loaded, ModuleType)
    assert loaded.__file__ == str(path)
    assert hasattr(loaded, "notify")


def test_a_file_can_have_dataclasses_and_structs(tmp_path: Path) -> None:
    code = """
from __future__ import annotations
import dataclasses, msgspec
from typing import ClassVar

@dataclasses.dataclass
class A:
    x: ClassVar[int] = 1

class B(msgspec.Struct):
    a: str = "a"

made = msgspec.convert({"a": "b"}, B)
"""
    loaded = in_file(write_plugin(tmp_path / "rich.py", code)).load()
    assert vars(loaded)["made"].a == "b"


def folder_of_all(path: Path) -> None:
    path.parent.chmod(0o777)


def group_file(path: Path) -> None:
    path.chmod(0o660)


def file_of_all(path: Path) -> None:
    path.chmod(0o602)


def folder_above(path: Path) -> None:
    path.parent.parent.chmod(0o770)


@pytest.mark.parametrize("loosen", [folder_of_all, group_file, file_of_all, folder_above])
def test_a_file_that_others_can_change_is_refused_and_not_run(
    loosen: Callable[[Path], None], tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    path = tmp_path / "above" / "folder" / "alerts.py"
    write_plugin(path, f"open({str(ran)!r}, 'w').close()")
    loosen(path)
    with pytest.raises(Refused, match=r"others can write .*chmod go-w"):
        in_file(path).load()
    assert not ran.exists()
    for place in (path, path.parent, path.parent.parent):
        place.chmod(0o700)
    in_file(path).load()
    assert ran.exists()


def test_a_folder_where_nobody_touches_what_is_anothers_is_fine(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "shared" / "alerts.py", TELLS)
    path.parent.chmod(0o1777)
    assert hasattr(in_file(path).load(), "notify")


def give_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it another user's, or else make us another user."""
    if os.geteuid() == 0:
        os.chown(path, 4321, -1, follow_symlinks=False)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4321)


@pytest.mark.parametrize("whose", ["file", "folder", "link"])
def test_what_belongs_to_another_user_is_refused(
    whose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_plugin(tmp_path / "folder" / "alerts.py", TELLS)
    link = tmp_path / "link.py"
    link.symlink_to(path)
    in_file(link).load()
    give_away({"file": path, "folder": path.parent, "link": link}[whose], monkeypatch)
    with pytest.raises(Refused, match="belongs to another user"):
        in_file(link).load()


def test_a_link_in_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "mine" / "alerts.py", TELLS)
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "alerts.py").symlink_to(path)
    first = tmp_path / "first.py"
    first.symlink_to(Path("loose") / "alerts.py")
    assert hasattr(in_file(first).load(), "notify")
    loose.chmod(0o777)
    for link in (first, loose / "alerts.py", tmp_path / "mine" / ".." / "loose" / "alerts.py"):
        with pytest.raises(Refused, match=r"others can write .*loose"):
            in_file(link).load()
    assert hasattr(in_file(path).load(), "notify")


def test_a_link_to_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = write_plugin(tmp_path / "mine" / "alerts.py", TELLS)
    path.chmod(0o666)
    link = tmp_path / "alerts.py"
    link.symlink_to(path)
    with pytest.raises(Refused, match="others can write"):
        in_file(link).load()


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "loop", "binary"])
def test_what_is_no_file_is_said(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "alerts.py"
    if kind == "folder":
        path.mkdir(mode=0o700)
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
        path.chmod(0o600)
    with pytest.raises(BadInput) as caught:
        in_file(path).load()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("code", ["1/0", "import sys; sys.exit(3)", "def broken(:"])
def test_a_file_that_fails_leaves_no_half_module_behind(code: str, tmp_path: Path) -> None:
    source = in_file(write_plugin(tmp_path / "half_made.py", code))
    with pytest.raises((ZeroDivisionError, SystemExit, SyntaxError)):
        source.load()
    assert "dcp_engine_plugin_half_made" not in sys.modules
