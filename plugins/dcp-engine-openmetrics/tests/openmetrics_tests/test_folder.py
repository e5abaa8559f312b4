"""The folder that node_exporter reads."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dcp_engine_openmetrics import plugin
from dcp_engine_openmetrics.exposition import values_in
from dcp_engine_openmetrics.options import Options

from dcp_engine.errors import NoSuchRun, StoreBroken
from dcp_engine.hookspecs import Later, Tick
from dcp_engine.model import Event, Run, State
from dcp_engine.testing import Bench, example_run

START = datetime(2030, 1, 1, 12, tzinfo=UTC)


def _tick(after: timedelta = timedelta(), **changes: Any) -> Tick:
    facts: dict[str, Any] = {"took": timedelta(seconds=1), "calls": 5, "retries": 1}
    return Tick(at=START + after, **{**facts, **changes})


def _ended(run_id: str) -> Run:
    return example_run(id=run_id, state=State.EXPORTED, state_since=START)


class Remembered:
    """The runs of one database."""

    def __init__(self, *runs: Run, error: Exception | None = None) -> None:
        self._runs = runs
        self._error = error

    def runs(self, *, live: bool = True) -> list[Run]:
        return [run for run in self._runs if run.live or not live]

    def find(self, name: str) -> Run:
        if self._error:
            raise self._error
        for run in self._runs:
            if name in (run.id, run.names.app_name):
                return run
        raise NoSuchRun(name)

    def events(self, name: str) -> list[Event]:
        raise NoSuchRun(name)


NOTHING = Remembered()


def _show(
    folder: Path,
    run: Run,
    after: timedelta = timedelta(),
    *,
    records: Remembered = NOTHING,
    **options: Any,
) -> None:
    given = Options(directory=folder, **options)
    plugin.ticked(run=run, tick=_tick(after), records=records, options=given)


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _value(file: Path, name: str) -> float:
    (value,) = (v for (found, _), v in values_in(file.read_text()).items() if found == name)
    return value


def test_one_file_for_each_run_that_others_may_read(tmp_path: Path) -> None:
    _show(tmp_path, example_run(id="Exp1-a"))
    _show(tmp_path, example_run(id="Exp2-b"))
    assert _names(tmp_path) == ["dcp_engine_Exp1-a.prom", "dcp_engine_Exp2-b.prom"]
    assert stat.S_IMODE((tmp_path / "dcp_engine_Exp1-a.prom").stat().st_mode) == 0o644


def test_a_run_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    _show(tmp_path / "folder", example_run(id="../x/y"))
    assert _names(tmp_path) == ["folder"]
    assert _names(tmp_path / "folder") == ["dcp_engine_..%2Fx%2Fy.prom"]


def test_counts_go_on_in_another_process_and_begin_anew_without_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dcp_engine_Exp1-0123abcd.prom"
    for expected in (5, 10, 15):
        _show(tmp_path, example_run())
        assert _value(file, "dcp_engine_aws_calls") == expected
    file.write_text("half a li")
    _show(tmp_path, example_run())
    assert _value(file, "dcp_engine_aws_calls") == 5


def test_the_file_is_whole_whenever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _show(tmp_path, example_run())
    file = tmp_path / "dcp_engine_Exp1-0123abcd.prom"
    before = file.read_text()
    seen: list[tuple[str, list[str]]] = []
    replace = Path.replace

    def looked_at(self: Path, target: Path) -> Path:
        seen.append((file.read_text(), [n for n in _names(tmp_path) if n.endswith(".prom")]))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    _show(tmp_path, example_run(), timedelta(minutes=1))
    assert seen == [(before, [file.name])]
    assert file.read_text() != before


def test_the_file_of_an_ended_run_is_kept_for_a_day_and_removed_by_another_run(
    tmp_path: Path,
) -> None:
    _show(tmp_path, _ended("Old-1"))
    (tmp_path / "dcp_engine_Old-1.prom.tmp").write_text("left by a process that was killed")
    (tmp_path / "dcp_engine_somebody_elses.prom").write_text("not ours 1\n")
    _show(tmp_path, example_run(id="New-2"), timedelta(hours=23))
    assert "dcp_engine_Old-1.prom" in _names(tmp_path)
    _show(tmp_path, example_run(id="New-2"), timedelta(hours=24))
    assert _names(tmp_path) == ["dcp_engine_New-2.prom", "dcp_engine_somebody_elses.prom"]


def test_the_file_of_a_run_that_nobody_looks_at_stays_since_it_must_raise_the_alarm(
    tmp_path: Path,
) -> None:
    _show(tmp_path, example_run(id="Dead-1"))
    _show(tmp_path, example_run(id="New-2"), timedelta(days=30))
    assert "dcp_engine_Dead-1.prom" in _names(tmp_path)


def _states(file: Path) -> set[str]:
    return {
        dict(labels)["state"]
        for (name, labels), value in values_in(file.read_text()).items()
        if name == "dcp_engine_run_state" and value == 1
    }


def test_a_run_that_ended_unseen_is_shown_as_ended_by_the_next_look_at_another(
    tmp_path: Path,
) -> None:
    file = tmp_path / "dcp_engine_Old-1.prom"
    _show(tmp_path, example_run(id="Old-1", state=State.TEARDOWN))
    calls = _value(file, "dcp_engine_aws_calls")
    records = Remembered(_ended("Old-1"))
    _show(tmp_path, example_run(id="New-2"), timedelta(hours=1), records=records)
    assert _states(file) == {"EXPORTED"}
    assert _value(file, "dcp_engine_aws_calls") == calls
    assert "dcp_engine_last_tick_duration_seconds" not in file.read_text()
    _show(tmp_path, example_run(id="New-2"), timedelta(hours=24))
    assert _names(tmp_path) == ["dcp_engine_New-2.prom"]


def test_a_run_that_ended_unseen_long_ago_is_not_shown_any_more(tmp_path: Path) -> None:
    _show(tmp_path, example_run(id="Old-1", state=State.TEARDOWN))
    records = Remembered(_ended("Old-1"))
    _show(tmp_path, example_run(id="New-2"), timedelta(hours=24), records=records)
    assert _names(tmp_path) == ["dcp_engine_New-2.prom"]


@pytest.mark.parametrize(
    "records",
    [
        NOTHING,
        Remembered(error=StoreBroken("it cannot be read")),
        Remembered(example_run(id="Old-1", state=State.TEARDOWN)),
        Remembered(_ended("Other-3")),
    ],
    ids=["of another database", "unreadable", "live", "another run"],
)
def test_a_run_that_may_live_keeps_its_file(tmp_path: Path, records: Remembered) -> None:
    _show(tmp_path, example_run(id="Old-1", state=State.TEARDOWN))
    before = (tmp_path / "dcp_engine_Old-1.prom").read_text()
    _show(tmp_path, example_run(id="New-2"), timedelta(days=30), records=records)
    assert (tmp_path / "dcp_engine_Old-1.prom").read_text() == before


def test_an_ended_run_that_is_still_ticked_for_its_messages_does_not_come_back(
    tmp_path: Path,
) -> None:
    _show(tmp_path, _ended("Old-1"))
    _show(tmp_path, _ended("Old-1"), timedelta(hours=30))
    assert _names(tmp_path) == []


def test_keep_is_as_long_as_one_wishes(tmp_path: Path) -> None:
    _show(tmp_path, _ended("Old-1"), keep=timedelta())
    assert _names(tmp_path) == []


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(Later, match=r"Exp1 could not be written to .*missing.*not affected"):
        _show(missing, example_run())
    (said,) = plugin.ready(options=Options(directory=missing))
    assert "--collector.textfile.directory" in said
    assert not missing.exists()


def test_a_folder_that_is_there_is_ready_and_left_as_it_was(tmp_path: Path) -> None:
    assert list(plugin.ready(options=Options(directory=tmp_path))) == []
    assert _names(tmp_path) == []


def test_a_link_in_the_folder_is_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    (tmp_path / "dcp_engine_Exp1-0123abcd.prom.tmp").symlink_to(precious)
    with pytest.raises(Later):
        _show(tmp_path, example_run())
    assert precious.read_text() == "data"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "directory is missing"),
        ({"directory": "metrics"}, "with / in front"),
        ({"directory": "/metrics", "keep": "-1h"}, "keep"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    bench: Bench, table: dict[str, object], words: str
) -> None:
    bench.install("openmetrics", plugin, table=table)
    assert [words in failure.error for failure in bench.failures] == [True]


def test_the_documented_variables_are_read(bench: Bench, tmp_path: Path) -> None:
    environ = {
        "DCP_ENGINE_OPENMETRICS_DIRECTORY": str(tmp_path),
        "DCP_ENGINE_OPENMETRICS_KEEP": "2h",
    }
    bench.install("openmetrics", plugin, environ=environ)
    assert bench.failures == []
    bench.run(State.RUNNING, jobs=2, machines=1)
    assert len(_names(tmp_path)) == 1
