"""Progress, money and machines in words, in `status` and in its JSON."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

from dcp_engine import series
from dcp_engine.app import App
from dcp_engine.cli import figures
from dcp_engine.headcount import Headcount, headcount
from dcp_engine.model import DutyRecord, Machine, Observation, Run, State
from dcp_engine.money import Money
from dcp_engine.picture import Picture, picture
from dcp_engine.progress import Progress
from dcp_engine.series import Bucket, Sample, Spread
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore
from tests.unit.cli.conftest import ELSEWHERE
from tests.unit.runs import FLEET_ID, START, fleet, run

Invoke = Callable[..., Result]
MINUTE = timedelta(minutes=1)


def machine(number: int, **changes: object) -> Machine:
    facts: dict[str, object] = {
        "instance_id": f"i-{number}",
        "fleet_id": FLEET_ID,
        "first_seen": START,
        **changes,
    }
    return Machine(**facts)  # type: ignore[arg-type] # typed by their names


def load(percent: float, at: datetime = START) -> tuple[Bucket, ...]:
    values = {series.CPU: Spread(percent, percent, percent)}
    return (Bucket(at=at, span=timedelta(0), values=values),)


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(), "not known yet"),
        (Progress(left=3), "3 left"),
        (Progress(done=1), "1 job done"),
        (Progress(done=1240, left=1640), "1,240 of 2,880 jobs done"),
        (Progress(done=1240, left=1640, by_counts=True), "about 1,240 of 2,880 jobs done"),
    ],
)
def test_how_much_is_done(progress: Progress, said: str) -> None:
    assert figures.done(progress) == said


def test_the_last_percent_is_not_done_too_early() -> None:
    assert figures.share(Progress(done=9999, left=1)) == "99%"
    assert figures.share(Progress(done=3, left=0)) == "100%"
    assert figures.share(Progress(done=0, left=0)) is None


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (10, 90, "ends between 12:10 and 13:30"),
        (10, 10, "ends about 12:10"),
        (600, 800, "ends between 22:00 and Wed 01:20"),
        (20000, 30000, "ends between 2030-01-15 09:20 and 2030-01-22 08:00"),
    ],
)
def test_when_it_may_end(first: int, last: int, said: str) -> None:
    told = Progress(ends=(START + first * MINUTE, START + last * MINUTE))
    assert figures.ends(told, START) == said
    assert figures.ends(Progress(), START) == "end not known yet"


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, "rate not known yet"),
        (0.0, "about 0 jobs an hour"),
        (1.0, "about 1 job an hour"),
        (2.54, "about 2.5 jobs an hour"),
        (1310.7, "about 1,311 jobs an hour"),
    ],
)
def test_how_fast_it_goes(rate: float | None, said: str) -> None:
    assert figures.pace(Progress(rate=rate)) == said


def test_what_it_costs() -> None:
    assert figures.cost(Money()) == "not known yet"
    assert figures.cost(Money(cost=0.004)) == "about less than $0.01"
    assert figures.cost(Money(cost=1234.5, bound=2000)) == "about $1,234.50, at most $2,000.00"
    assert figures.cost(Money(bound=2000)) == "not known yet, at most $2,000.00"
    assert figures.spent(Money()) == []


def test_machines_are_counted() -> None:
    taken = "Server.SpotInstanceTermination: a"
    machines = [
        machine(1, name="Exp1Worker"),
        machine(2, name=""),
        machine(3, name=None),
        machine(4, ended_at=START, reason=taken),
        machine(5, ended_at=START, reason="Server.SpotInstanceShutdown: b"),
        machine(6, ended_at=START),
    ]
    numbers = {"i-1": load(80.0), "i-2": load(0.3), "i-3": load(0.3, START - 60 * MINUTE)}
    found = headcount(run(State.RUNNING), machines, numbers, START + 5 * MINUTE)
    assert (found.seen, found.up, found.idle, found.unnamed, found.ended) == (6, 3, 1, 1, 3)
    assert figures.machines(found) == "3 up, 1 idle, 1 without a name"
    assert figures.ended(found) == "3 ended (spot interruption 2, reason unknown 1)"


def test_what_is_not_known_of_machines_is_not_none_of_them() -> None:
    found = headcount(run(State.RUNNING), [machine(1, name=None)], {}, START)
    assert (found.up, found.idle, found.unnamed) == (1, None, None)
    assert headcount(run(State.RUNNING), [], {}, START) == Headcount(
        seen=0, up=0, idle=0, unnamed=0, ended=0
    )
    never = run(State.RUNNING, fleets=(fleet(active=None, observed_at=None),))
    assert headcount(never, [], {}, START) == Headcount(seen=None, up=None, ended=None)
    over = run(State.TEARDOWN, machines_ended_at=START)
    assert headcount(over, [machine(1)], {}, START).up == 0


@pytest.fixture
def watched(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run with a machine, samples and a duty, of which progress and money are known."""
    now = datetime.now(UTC)
    held = run(
        State.RUNNING,
        registered_at=now,
        duties=(DutyRecord(name="downscale", next_at=now + 61 * MINUTE),),
    )
    store.insert_run(held, [], [])
    lease = store.acquire(held.id, ELSEWHERE, timedelta(hours=1), now, lambda _: False)
    use = {series.CLUSTER_CPU: 71.6, series.CLUSTER_MEMORY: 40.0}
    store.commit(
        lease,
        Commit(
            run=held,
            machines=[machine(1, name="", reason=None), machine(2, ended_at=now, reason="Why")],
            samples=[
                Sample(at=now, values=use),
                Sample(at=now, subject="i-1", values={series.CPU: 0.1}),
            ],
        ),
    )
    store.release(lease)
    original = App.picture

    def seen(app: App, name: str) -> Picture:
        from msgspec.structs import replace  # noqa: PLC0415 - only here

        told = Progress(done=30, left=10, rate=12.0, ends=(now, now + MINUTE), job_time=MINUTE)
        money = Money(machine_hours=2.0, cost=1.5, bound=3.0)
        return replace(original(app, name), progress=told, money=money)

    monkeypatch.setattr(App, "picture", seen)
    return held


@pytest.mark.usefixtures("watched")
def test_status_tells_it(invoke: Invoke) -> None:
    text = invoke("status", "Exp1").stdout
    rows = dict(line.strip().split("  ", 1) for line in text.splitlines()[1:])
    told = {name: value.strip() for name, value in rows.items()}
    progress = told["progress"]
    assert progress.startswith("75%: 30 of 40 jobs done; 10 left; about 12 jobs an hour; ends ")
    assert told["machines"] == (
        "1 up, 1 idle, 1 without a name; 1 ended (reason unknown 1); 2 seen so far"
    )
    assert told["cluster"] == "CPU 72%, memory 40%"
    assert told["cost"] == "about $1.50, at most $3.00; 2.0 machine-hours"
    # What is recorded is of 2030, so how long it is to anything is not known.
    assert re.fullmatch(r"shrinking the fleet at (\w+ )?\d\d:\d\d", told["next"])
    assert "75%" in invoke("status").stdout


@pytest.mark.usefixtures("watched")
def test_programs_are_told_too(invoke: Invoke) -> None:
    found = json.loads(invoke("status", "Exp1", "--json").stdout)
    assert found["progress"]["share"] == 0.75
    assert (found["progress"]["done"], found["progress"]["rate"]) == (30, 12.0)
    assert len(found["progress"]["ends"]) == 2
    assert found["money"]["cost"] == 1.5
    assert found["money"]["saved"] is None
    names = ("machines_up", "machines_idle", "machines_unnamed", "machines_ended")
    assert [found[name] for name in names] == [1, 1, 1, 1]
    assert found["machines_ended_why"] == {"reason unknown": 1}
    assert (found["cluster_cpu"], found["cluster_memory"]) == (71.6, 40.0)
    [duty] = found["duties"]
    assert (duty["name"], duty["failures"]) == ("downscale", 0)
    assert json.loads(invoke("status", "--json").stdout) == [found]


def test_machines_that_nobody_could_ever_look_at_are_not_none(
    invoke: Invoke, store: SqliteStore
) -> None:
    fleets = (fleet(active=None, observed_at=None),)
    store.insert_run(run(State.RUNNING, fleets=fleets), [], [])
    found = json.loads(invoke("status", "Exp1", "--json").stdout)
    names = ("machines_seen", "machines_up", "machines_idle", "machines_unnamed", "machines_ended")
    assert [found[name] for name in names] == [None] * 5
    assert found["money"] == dict.fromkeys(found["money"])
    assert "  machines    not known yet\n" in invoke("status", "Exp1").stdout
    [listed] = json.loads(invoke("list", "--json").stdout)
    assert listed["machines_seen"] is None


def test_every_key_is_described(invoke: Invoke, store: SqliteStore) -> None:
    store.insert_run(run(State.RUNNING), [], [])
    page = Path(__file__).parents[3] / "docs" / "runs.md"
    described = page.read_text(encoding="utf-8")
    for key in json.loads(invoke("status", "Exp1", "--json").stdout):
        assert f"`{key}`" in described, key


def test_a_picture_of_nothing_can_be_shown(invoke: Invoke, store: SqliteStore) -> None:
    store.insert_run(run(State.RUNNING, fleets=()), [], [])
    text = invoke("status", "Exp1").stdout
    assert "progress    not known yet; rate not known yet; end not known yet" in text
    assert "cost        not known yet" in text
    empty = picture(run(), machines=[], events=[], numbers=[], now=START)
    assert headcount(empty.run, empty.machines, empty.numbers, START).seen == 0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "jobs", "1 job"),
        (2, "jobs", "2 jobs"),
        (0.5, "h", "0.5 h"),
        (1, "s", "1 s"),
        (3, "", "3"),
    ],
)
def test_what_a_duty_has_seen(value: float, unit: str, text: str) -> None:
    assert figures.measured(Observation(name="x", value=value, unit=unit)) == text


def test_dead_letters_have_one_row(invoke: Invoke, store: SqliteStore) -> None:
    seen = Observation(name="dead letters", value=1, unit="jobs")
    store.insert_run(run(State.EXPORTED, dead_letters=1, observations=(seen,)), [], [])
    lines = invoke("status", "Exp1").stdout.splitlines()
    assert [line.split()[2:] for line in lines if line.startswith("  dead letters")] == [["1"]]
