"""status and list of a run that nobody has looked at for long."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from dcp_engine.model import Holder, Run, State
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.runs import NAMES, START, fleet, run

Invoke = Callable[..., Result]
Add = Callable[..., Run]


def left(hours: float, **changes: Any) -> Run:
    """A run whose last look was so long ago, with the next one a minute later."""
    last = datetime.now(UTC) - timedelta(hours=hours)
    facts = {"last_tick_at": last, "next_tick_at": last + timedelta(minutes=1)}
    return run(changes.pop("state", State.RUNNING), **{**facts, **changes})


def test_it_is_said_near_the_top(invoke: Invoke, add: Add) -> None:
    held = add(left(3))
    result = invoke("status", "Exp1")
    assert result.exit_code == 0
    line, cron, crontab, _ = result.stdout.splitlines()[1:5]
    assert line.startswith(f"  UNWATCHED  Nobody has looked at Exp1 since {held.last_tick_at:%Y-}")
    assert "(3 hours ago). Its machines run on and are billed, and nobody ends them" in line
    assert line.endswith("Look after it again with: dcp-engine resume Exp1")
    assert "crontab -e" in cron
    assert crontab.startswith("    */5 * * * * ")
    assert "tick Exp1" in crontab


def test_it_is_said_below_the_run_among_several(invoke: Invoke, add: Add) -> None:
    add(left(0, id="Exp2-0123abcd", names=replace(NAMES, app_name="Exp2")))
    held = add(left(3))
    _, name, first, *more = invoke("status").stdout.splitlines()
    assert name.startswith("Exp1  RUNNING")
    assert first.startswith(f"  UNWATCHED  Nobody has looked at Exp1 since {held.last_tick_at:%Y-}")
    assert first.endswith("dcp-engine resume Exp1")
    assert more[-1].startswith("Exp2  RUNNING")


def test_the_table_and_programs_are_told(invoke: Invoke, add: Add) -> None:
    held = add(left(3))
    assert held.last_tick_at is not None
    head, row = (line.split() for line in invoke("list").stdout.splitlines())
    shown = dict(zip(head, row, strict=True))
    assert shown["UNWATCHED"] == f"{held.last_tick_at.astimezone():%Y-%m-%dT%H:%M}"
    for command in ("list", "status"):
        [one] = json.loads(invoke(command, "--json").stdout)
        assert datetime.fromisoformat(one["unwatched_since"]) == held.last_tick_at


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (left(3, state=State.TEARDOWN, machines_ended_at=START), "Its machines have ended"),
        (left(3, fleets=(fleet(active=0),)), "No machine of it was up then"),
        (left(3, last_tick_at=None, registered_at=START), "Nobody has looked at Exp1 since it was"),
    ],
)
def test_what_it_means(invoke: Invoke, add: Add, held: Run, words: str) -> None:
    add(held)
    assert words in invoke("status", "Exp1").stdout


def test_one_that_is_looked_after(invoke: Invoke, add: Add, store: SqliteStore) -> None:
    held = add(left(3))
    holder = Holder(host="laptop/1", pid=17, started=1.0, label="dcp-engine monitor")
    store.acquire(held.id, holder, timedelta(hours=1), datetime.now(UTC), lambda _: False)
    assert "UNWATCHED" not in invoke("status", "Exp1").stdout
    [one] = json.loads(invoke("list", "--json").stdout)
    assert one["unwatched_since"] is None


def test_one_that_is_only_just_due(invoke: Invoke, add: Add) -> None:
    add(left(0.25))
    assert "UNWATCHED" not in invoke("status", "Exp1").stdout
    assert invoke("list").stdout.splitlines()[1].split()[8] == "-"
