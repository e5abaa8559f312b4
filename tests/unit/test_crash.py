"""Crash points: what they are called, where they are, and who dies there."""

import inspect
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec, sentinel

import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import CliRunner

from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.operations import GET_CALLER_IDENTITY
from dcp_engine.cli.root import cli
from dcp_engine.crash import CRASH_VARIABLE, Aim, crash_point, no_crash
from dcp_engine.errors import BadInput, StoreUnwritable
from dcp_engine.simulation.virtual_clock import VirtualClock
from dcp_engine.store.crashing import CrashingStore
from dcp_engine.store.protocol import Store
from tests.reliability.crash_points import STORE_WRITES
from tests.unit import runs

BAD = ["0", "-1", "aws", "after store commit#", "after store commit#0", "#2"]
METHODS = sorted(
    name for name, _ in inspect.getmembers(Store, inspect.isfunction) if name[0] != "_"
)


@pytest.mark.parametrize(
    ("value", "reached"),
    [
        ("1", [0]),
        ("3", [2]),
        ("after store commit", [1]),
        ("after store *", [1]),
        ("after store commit#2", [3]),
        ("*", [0]),
        ("before aws s3:*#1", [2]),
        ("after store commit#3", []),
    ],
)
def test_an_aim_is_reached_once(value: str, reached: list[int]) -> None:
    passed = ["before store commit", "after store commit", "before aws s3:DeleteObject"]
    aim = Aim.parse(value)
    names = [*passed, "after store commit", "before store commit"]
    assert [place for place, name in enumerate(names) if aim.reached(name)] == reached


@pytest.mark.parametrize("value", BAD)
def test_what_is_not_a_crash_point_is_refused_in_words(value: str) -> None:
    with pytest.raises(BadInput, match="unset it to work as usual") as refused:
        crash_point({CRASH_VARIABLE: value})
    assert f"{CRASH_VARIABLE}={value} " in str(refused.value)


@pytest.mark.parametrize("environ", [{}, {CRASH_VARIABLE: ""}, {CRASH_VARIABLE: " "}])
def test_without_the_variable_nothing_happens_at_any_point(environ: dict[str, str]) -> None:
    assert crash_point(environ) is no_crash


def test_the_command_refuses_too_before_it_does_anything(tmp_path: Path) -> None:
    database = tmp_path / "runs.db"
    answer = CliRunner().invoke(
        cli, ["list", "--db", str(database)], env={CRASH_VARIABLE: "somewhere"}
    )
    assert answer.exit_code == 2
    assert f"{CRASH_VARIABLE}=somewhere is not a crash point" in answer.output
    assert not database.exists()


def test_the_process_is_killed_at_the_point_and_not_before(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from dcp_engine.crash import crash_point\n"
        "crash = crash_point(os.environ)\n"
        "try:\n"
        "    for number in range(9):\n"
        "        print(number, flush=True)\n"
        "        crash('after store commit')\n"
        "finally:\n"
        "    print('survived', flush=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, CRASH_VARIABLE: "after store commit#3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["0", "1", "2"]


def test_the_points_can_be_listed(tmp_path: Path) -> None:
    file = tmp_path / "points"
    crash = crash_point({CRASH_VARIABLE: f"list:{file}"})
    crash("before store commit")
    crash("after store commit")
    assert file.read_text().splitlines() == ["before store commit", "after store commit"]


def test_a_list_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        crash_point({CRASH_VARIABLE: f"list:{tmp_path / 'nowhere' / 'points'}"})


def test_a_list_is_never_written_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ended = subprocess.run(
        [sys.executable, "-m", "dcp_engine", "list", "--db", str(tmp_path / "runs.db")],
        env={**os.environ, CRASH_VARIABLE: f"list:{pipe}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 2
    assert f"list:{pipe}: that file cannot be written (it is a pipe" in ended.stderr


@pytest.mark.parametrize("name", METHODS)
def test_every_write_of_the_store_is_between_two_points_and_no_question_is(name: str) -> None:
    inner: Any = create_autospec(Store, instance=True)
    passed: list[str] = []
    method = getattr(inner, name)

    def write(*given: object, **named: object) -> object:
        passed.append("done")
        return sentinel.answer

    method.side_effect = write
    store = CrashingStore(inner, passed.append)
    wanted = inspect.signature(getattr(CrashingStore, name)).parameters
    values = {given: getattr(sentinel, given) for given in wanted if given != "self"}
    answer = getattr(store, name)(**values)
    if name in STORE_WRITES:
        assert passed == [f"before store {name}", "done", f"after store {name}"]
    else:
        assert passed == ["done"]
    (call,) = method.call_args_list
    assert {*call.args, *call.kwargs.values()} == set(values.values())
    assert (
        answer is sentinel.answer
        or inspect.signature(getattr(Store, name)).return_annotation is None
    )


def test_a_write_that_fails_has_no_point_after_it() -> None:
    inner: Any = create_autospec(Store, instance=True)
    inner.commit.side_effect = StoreUnwritable("disk full")
    passed: list[str] = []
    with pytest.raises(StoreUnwritable):
        CrashingStore(inner, passed.append).commit(sentinel.lease, sentinel.changes)
    assert passed == ["before store commit"]


class Client:
    """Is not reached the first time."""

    def __init__(self) -> None:
        self.calls = 0

    def get_caller_identity(self) -> dict[str, str]:
        self.calls += 1
        if self.calls == 1:
            raise EndpointConnectionError(endpoint_url="http://sts")
        return {"Account": "123456789012"}


def test_every_try_of_a_call_is_between_two_points() -> None:
    passed: list[str] = []
    client = Client()
    edge = Edge(
        lambda _: client,
        gate=Gate(runs.run, tuple),
        guard=lambda: None,
        clock=VirtualClock(),
        rng=random.Random(1),
        deadline=100.0,
        crash=passed.append,
    )
    edge.call(GET_CALLER_IDENTITY)
    assert passed == [f"{edge} aws sts:GetCallerIdentity" for edge in ("before", "after")] * 2
