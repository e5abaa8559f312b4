"""A short run of each benchmark: it comes to figures, and the counts are right."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import calls, database, large, many, parts, start, teardown
from benchmarks.figure import Figure, table


def test_starting_comes_to_figures() -> None:
    figures = start.measure(rounds=1)
    assert [one.target for one in figures] == ["≤ 2", "≤ 2", "≤ 2", "≤ 1.25"]
    assert all(float(one.figure) > 0 for one in figures)


def test_many_runs_are_all_looked_at_and_ask_what_they_should() -> None:
    figures = many.measure(many.SMOKE)
    by_what = {one.what.rpartition(": ")[2]: one for one in figures}
    assert by_what["looks made"].figure.endswith("%")
    assert float(by_what["calls to AWS for a run and minute"].figure) <= 1.6
    assert figures[-1].figure == "1.00"


def test_a_large_run_is_looked_at_whole() -> None:
    cpu, *_, calls = large.measure(machines=1200, jobs=1_000_000, looks=3)
    assert float(cpu.figure.removesuffix(" s")) > 0
    assert float(calls.figure) >= 1


def test_the_calls_of_a_run_are_as_few_as_they_were() -> None:
    """Counts are the same on every computer; more than these would be a step back."""
    work, watched, together, all_watched, ending = calls.measure(sizes=[(3, 2)], minutes=60, runs=2)
    assert 1 < float(work.figure) <= 1.2
    assert 1 < float(watched.figure) <= 1.6
    assert 1 < float(together.figure) < float(work.figure)
    assert 1 < float(all_watched.figure) < float(watched.figure)
    # A step that comes late where the computer is busy may ask for itself.
    assert int(ending.figure.split()[0]) <= 36


def test_a_teardown_waits_for_nothing_but_aws_and_stops_the_money_first() -> None:
    faster, waited, first = teardown.measure(3, 2)
    assert float(faster.figure.split()[0]) > 0
    assert waited.figure.startswith("0.0 s, and 1.0 s ")
    assert waited.met
    assert first.met


def test_a_database_of_ended_runs_comes_to_figures() -> None:
    size, growth, look, status = database.measure(runs=3, hours=2, rounds=1)
    assert "kB for each run" in size.figure
    assert float(growth.figure) > 0
    assert float(look.figure) > 0
    assert status.figure.endswith(" ms")


def test_the_table_says_what_was_missed() -> None:
    figures = [
        Figure(what="a", figure="1", target="≤ 2", met=True),
        Figure(what="b", figure="3", target="≤ 2", met=False),
        Figure(what="c", figure="4"),
    ]
    assert table(figures).splitlines()[2:] == [
        "| a | 1 | ≤ 2 | yes |",
        "| b | 3 | ≤ 2 | **no** |",
        "| c | 4 |  |  |",
    ]


@pytest.mark.parametrize(
    ("asked", "measured"), [([], list(parts.PARTS)), (["many", "start"], ["many", "start"])]
)
def test_all_of_it_is_measured_or_what_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], measured: list[str]
) -> None:
    def measure(name: str, smoke: bool) -> list[Figure]:
        return [Figure(what=name, figure="smoke" if smoke else "whole")]

    def in_this_process(count: int, context: object) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(count)

    monkeypatch.setattr(command, "ProcessPoolExecutor", in_this_process)
    monkeypatch.setattr(command, "measure", measure)
    result = CliRunner().invoke(command.main, [*asked, "--smoke"])
    assert result.exit_code == 0, result.output
    _, _, *rows = result.stdout.splitlines()
    assert rows == [f"| {name} | smoke |  |  |" for name in measured]
    said = result.stderr.splitlines()
    assert said == [line for name in measured for line in (f"{name} …", f"{name}: 0 s")]


def test_the_documented_command_measures() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "start"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 6
    assert "| `dcp-engine --help`, against `import click` |" in done.stdout


def test_a_part_that_there_is_not_is_refused() -> None:
    assert CliRunner().invoke(command.main, ["nonsense"]).exit_code == 2
