"""Runs go in and come out whole, in order, one live run to a name."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from dcp_engine.errors import NoSuchRun, Refused, StoreBroken
from dcp_engine.model import (
    Cheapest,
    DutyRecord,
    Ended,
    Event,
    Fleet,
    Identities,
    Outcome,
    Problem,
    Reading,
    Run,
    State,
    Step,
)
from dcp_engine.store.sqlite import SqliteStore

MakeRun = Callable[..., Run]
MakeEvent = Callable[..., Event]


def test_a_run_with_everything_in_it_survives_reopening(
    open_store: Callable[..., SqliteStore], make_run: MakeRun, now: datetime
) -> None:
    reading = Reading(visible=1, in_flight=2, delayed=0, at=now)
    fleet = Fleet(id="sfr-1", added_at=now, start_time=now, target=5, fulfilled=4.5, active=None)
    run = make_run(
        state=State.TEARDOWN,
        extra={"NEW": ["a", {"b": None}]},
        identities=Identities(queue_url="https://q", task_definitions=("arn:1", "arn:2")),
        fleets=(fleet,),
        readings=(reading, reading),
        reading=reading,
        dead_letters=0,
        cheapest=Cheapest(engaged_at=now, acted_at=now),
        outcome=Outcome.ABORTED,
        duties=(DutyRecord(name="alarms", next_at=now, memory={"page": 3}),),
        steps=(Step(name="fleets", ended=Ended.DONE, progress={"ids": ["i-1"]}),),
        problems=(Problem(name="denied", since=now, text="µ ☂ \x00", needs_person=True),),
        next_tick_at=now + timedelta(minutes=1),
    )
    first = open_store()
    first.insert_run(run, [], [])
    first.close()

    assert open_store().run("run-1") == run
    assert open_store(read_only=True).run("run-1") == run


def test_an_unknown_run_is_named(store: SqliteStore) -> None:
    with pytest.raises(NoSuchRun, match="run-9"):
        store.run("run-9")


def test_runs_are_given_newest_registration_first_whatever_the_timezone(
    store: SqliteStore, make_run: MakeRun
) -> None:
    east = timezone(timedelta(hours=9))
    store.insert_run(
        make_run("old", "A", registered_at=datetime(2030, 1, 1, 3, tzinfo=UTC)), [], []
    )
    store.insert_run(
        make_run("new", "B", registered_at=datetime(2030, 1, 1, 3, 0, 0, 1, tzinfo=UTC)), [], []
    )
    # 04:00 in the east is 19:00 UTC of the day before.
    store.insert_run(
        make_run("oldest", "C", registered_at=datetime(2030, 1, 1, 4, tzinfo=east)), [], []
    )

    assert [run.id for run in store.runs()] == ["new", "old", "oldest"]


def test_runs_of_one_moment_are_given_last_inserted_first(
    store: SqliteStore, make_run: MakeRun
) -> None:
    store.insert_run(make_run("one", "A"), [], [])
    store.insert_run(make_run("two", "B"), [], [])

    assert [run.id for run in store.runs()] == ["two", "one"]


def test_runs_can_be_asked_for_by_exact_name_and_by_being_live(
    store: SqliteStore, make_run: MakeRun
) -> None:
    store.insert_run(make_run("finished", "Exp1", state=State.EXPORTED), [], [])
    store.insert_run(make_run("live", "Exp1"), [], [])
    store.insert_run(make_run("neighbour", "Exp10"), [], [])
    store.insert_run(make_run("case", "exp1"), [], [])

    assert [run.id for run in store.runs(app_name="Exp1")] == ["live", "finished"]
    assert [run.id for run in store.runs(app_name="Exp1", live=True)] == ["live"]
    assert [run.id for run in store.runs(live=True)] == ["case", "neighbour", "live"]
    assert store.runs(app_name="Exp%") == []
    assert store.runs(app_name="") == []


def test_a_second_live_run_of_the_name_is_refused_in_words(
    store: SqliteStore, make_run: MakeRun, make_event: MakeEvent
) -> None:
    store.insert_run(make_run("run-1"), [], [])

    with pytest.raises(Refused) as refused:
        store.insert_run(make_run("run-2"), [make_event("e1", run_id="run-2")], ["slack"])

    for word in ("Exp1", "123456789012", "us-east-1", "run-1", "dcp-engine abort Exp1"):
        assert word in str(refused.value)
    assert [run.id for run in store.runs()] == ["run-1"]
    assert store.events("run-2") == []


def test_the_name_is_free_elsewhere_and_once_its_run_has_ended(
    store: SqliteStore, make_run: MakeRun
) -> None:
    store.insert_run(make_run("ended", state=State.EXPORTED), [], [])
    store.insert_run(make_run("here"), [], [])
    store.insert_run(make_run("region", region="eu-west-1"), [], [])
    store.insert_run(make_run("account", account="210987654321"), [], [])
    store.insert_run(make_run("ended too", state=State.EXPORTED), [], [])

    assert len(store.runs(app_name="Exp1")) == 5


def test_the_schema_itself_keeps_two_live_runs_of_a_name_out(
    store: SqliteStore, make_run: MakeRun
) -> None:
    store.insert_run(make_run("run-1"), [], [])
    store.insert_run(make_run("run-2", "Other"), [], [])

    with (
        pytest.raises(StoreBroken, match="UNIQUE"),
        store._connection.write() as db,
    ):
        db.execute("UPDATE runs SET app_name = 'Exp1' WHERE id = 'run-2'")

    assert [run.id for run in store.runs(app_name="Exp1")] == ["run-1"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b'{"id": "run-1"}', b'{"id": 1}', 7, "text"]
)
def test_a_body_that_cannot_be_decoded_names_its_run(
    store: SqliteStore, make_run: MakeRun, body: object
) -> None:
    store.insert_run(make_run("run-1"), [], [])
    with store._connection.write() as db:
        db.execute("UPDATE runs SET body = ?", [body])

    for read in (lambda: store.run("run-1"), store.runs):
        with pytest.raises(StoreBroken) as broken:
            read()
        for word in ("Exp1", "run-1", str(store._path), "billing"):
            assert word in str(broken.value)


def test_what_a_newer_version_added_to_a_body_is_passed_over(
    store: SqliteStore, make_run: MakeRun
) -> None:
    run = make_run()
    store.insert_run(run, [], [])
    body = {**msgspec.to_builtins(run), "later": {"x": 1}}
    with store._connection.write() as db:
        db.execute("UPDATE runs SET body = ?", [msgspec.json.encode(body)])

    assert store.run("run-1") == run


def test_text_that_utf8_cannot_hold_is_written_out(store: SqliteStore, make_run: MakeRun) -> None:
    store.insert_run(
        make_run(monitor_path="/data/\udcff.json", extra={"\udcfe": [("\udcfd",)]}), [], []
    )

    run = store.run("run-1")
    assert run.monitor_path == "/data/\\udcff.json"
    assert run.extra == {"\\udcfe": [["\\udcfd"]]}


def test_a_moment_without_timezone_is_not_stored(store: SqliteStore, make_run: MakeRun) -> None:
    naive = datetime(2030, 1, 1)  # noqa: DTZ001

    with pytest.raises(ValueError, match="timezone"):
        store.insert_run(make_run(registered_at=naive), [], [])

    assert store.runs() == []
