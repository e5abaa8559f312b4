"""One driver per run: leases are taken, kept, lost and told of in words."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from dcp_engine.errors import EXIT_FINE, LeaseHeld, LeaseLost, NoSuchRun, StoreBroken
from dcp_engine.model import Holder, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

TTL = timedelta(minutes=5)
IsDead = Callable[[Holder], bool]


@pytest.fixture
def two(open_store: Callable[..., SqliteStore], make_run: Callable[..., Run]) -> list[SqliteStore]:
    """Two connections to one file in which there is a run."""
    stores = [open_store(), open_store()]
    stores[0].insert_run(make_run(), [], [])
    return stores


def test_of_two_stores_one_gets_the_lease_and_the_other_is_told(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
) -> None:
    mine, theirs = two
    lease = mine.acquire("run-1", holder, TTL, now, nobody_dead)

    with pytest.raises(LeaseHeld) as held:
        theirs.acquire("run-1", other_holder, TTL, now + TTL - timedelta.resolution, nobody_dead)

    assert (lease.run_id, lease.token, lease.holder, lease.until) == ("run-1", 1, holder, now + TTL)
    assert theirs.lease("run-1", now) == lease
    assert held.value.exit_code == EXIT_FINE
    for word in ("Exp1", "run-1", str(holder), "2030-05-17 12:05:00 UTC", "fine", "again"):
        assert word in str(held.value)


def test_it_lapses_at_its_very_end(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
) -> None:
    mine, theirs = two
    mine.acquire("run-1", holder, TTL, now, nobody_dead)

    assert mine.lease("run-1", now + TTL - timedelta.resolution) is not None
    assert mine.lease("run-1", now + TTL) is None
    taken = theirs.acquire("run-1", other_holder, TTL, now + TTL, nobody_dead)
    assert (taken.token, taken.holder) == (2, other_holder)


def test_the_same_process_gets_it_again_with_the_same_token(
    two: list[SqliteStore], holder: Holder, now: datetime, nobody_dead: IsDead
) -> None:
    first = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    relabelled = msgspec.structs.replace(holder, label="tick")
    again = two[1].acquire("run-1", relabelled, TTL, now + timedelta(minutes=1), nobody_dead)

    assert again.token == first.token
    assert again.until == now + timedelta(minutes=1) + TTL
    assert two[0].lease("run-1", now) == again


def test_the_same_process_gets_a_new_token_once_it_had_lapsed_or_was_released(
    two: list[SqliteStore], holder: Holder, now: datetime, nobody_dead: IsDead
) -> None:
    store = two[0]
    store.acquire("run-1", holder, TTL, now, nobody_dead)
    lapsed = store.acquire("run-1", holder, TTL, now + TTL, nobody_dead)
    store.release(lapsed)
    released = store.acquire("run-1", holder, TTL, now + TTL, nobody_dead)

    assert (lapsed.token, released.token) == (2, 3)


@pytest.mark.parametrize(
    "difference", [{"host": "other"}, {"pid": 18}, {"started": 1234.0}], ids=str
)
def test_a_process_that_only_resembles_the_holder_is_another(
    two: list[SqliteStore],
    holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    difference: dict[str, object],
) -> None:
    two[0].acquire("run-1", holder, TTL, now, nobody_dead)

    with pytest.raises(LeaseHeld):
        two[1].acquire(
            "run-1", msgspec.structs.replace(holder, **difference), TTL, now, nobody_dead
        )


def test_a_dead_holder_is_followed_at_once(
    two: list[SqliteStore], holder: Holder, other_holder: Holder, now: datetime
) -> None:
    asked: list[Holder] = []

    def is_dead(who: Holder) -> bool:
        asked.append(who)
        return True

    two[0].acquire("run-1", holder, TTL, now, is_dead)
    assert asked == []
    taken = two[1].acquire("run-1", other_holder, TTL, now, is_dead)

    assert asked == [holder]
    assert (taken.token, taken.holder) == (2, other_holder)


def test_a_failing_liveness_check_changes_nothing(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
) -> None:
    def fails(_: Holder) -> bool:
        raise PermissionError("no such luck")

    lease = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    with pytest.raises(PermissionError):
        two[1].acquire("run-1", other_holder, TTL, now, fails)

    assert two[1].renew(lease, TTL, now).token == 1


def test_the_liveness_check_may_look_into_the_store(
    two: list[SqliteStore], holder: Holder, other_holder: Holder, now: datetime
) -> None:
    store = two[0]

    def is_dead(_: Holder) -> bool:
        return store.run("run-1").names.app_name == "Exp1"

    store.acquire("run-1", holder, TTL, now, is_dead)

    assert store.acquire("run-1", other_holder, TTL, now, is_dead).token == 2


def test_renewing_extends_it(
    two: list[SqliteStore], holder: Holder, now: datetime, nobody_dead: IsDead
) -> None:
    lease = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    renewed = two[0].renew(lease, TTL, now + timedelta(minutes=4))

    assert renewed == msgspec.structs.replace(lease, until=now + timedelta(minutes=9))
    assert two[1].lease("run-1", now + timedelta(minutes=8)) == renewed


def test_one_that_lapsed_and_that_nobody_took_can_still_be_renewed_and_written_under(
    two: list[SqliteStore],
    holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    make_run: Callable[..., Run],
) -> None:
    lease = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    two[0].commit(lease, Commit(run=make_run(jobs_seen=True)))

    assert two[0].renew(lease, TTL, now + 3 * TTL).until == now + 4 * TTL
    assert two[1].run("run-1").jobs_seen


def test_after_a_takeover_the_old_driver_can_write_nothing(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    make_run: Callable[..., Run],
) -> None:
    mine, theirs = two
    old = mine.acquire("run-1", holder, TTL, now, nobody_dead)
    new = theirs.acquire("run-1", other_holder, TTL, now + TTL, nobody_dead)
    run = mine.run("run-1")

    with pytest.raises(LeaseLost) as lost:
        mine.commit(old, Commit(run=make_run(jobs_seen=True)))
    with pytest.raises(LeaseLost):
        mine.renew(old, TTL, now)
    mine.release(old)

    assert str(other_holder) in str(lost.value)
    assert "Exp1" in str(lost.value)
    assert theirs.run("run-1") == run
    assert theirs.lease("run-1", now + TTL) == new


def test_the_old_driver_stays_fenced_off_when_the_new_one_has_let_go(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    make_run: Callable[..., Run],
) -> None:
    mine, theirs = two
    old = mine.acquire("run-1", holder, TTL, now, nobody_dead)
    theirs.release(theirs.acquire("run-1", other_holder, TTL, now + TTL, nobody_dead))

    with pytest.raises(LeaseLost):
        mine.commit(old, Commit(run=make_run(jobs_seen=True)))
    assert not mine.run("run-1").jobs_seen


def test_releasing_frees_it_and_forbids_writing(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    make_run: Callable[..., Run],
) -> None:
    lease = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    two[0].release(lease)

    assert two[1].lease("run-1", now) is None
    with pytest.raises(LeaseLost, match="let go"):
        two[0].renew(lease, TTL, now)
    with pytest.raises(LeaseLost):
        two[0].commit(lease, Commit(run=make_run(jobs_seen=True)))
    assert not two[0].run("run-1").jobs_seen
    assert two[1].acquire("run-1", other_holder, TTL, now, nobody_dead).token == 2


def test_runs_have_leases_of_their_own(
    two: list[SqliteStore],
    holder: Holder,
    other_holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    make_run: Callable[..., Run],
) -> None:
    two[0].insert_run(make_run("run-2", "Exp10"), [], [])
    first = two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    second = two[1].acquire("run-2", other_holder, TTL, now, nobody_dead)
    two[1].release(second)

    assert two[0].lease("run-1", now) == first
    with pytest.raises(ValueError, match="run-2"):
        two[0].commit(first, Commit(run=make_run("run-2", "Exp10")))


def test_there_is_no_lease_on_a_run_that_is_not_there(
    store: SqliteStore, holder: Holder, now: datetime, nobody_dead: IsDead
) -> None:
    with pytest.raises(NoSuchRun, match="run-9"):
        store.acquire("run-9", holder, TTL, now, nobody_dead)
    assert store.lease("run-9", now) is None


@pytest.mark.parametrize(
    ("column", "value"), [("holder", b"{}"), ("until", "soon"), ("token", "x")], ids=str
)
def test_a_lease_that_cannot_be_read_is_not_taken_for_a_free_one(
    two: list[SqliteStore],
    holder: Holder,
    now: datetime,
    nobody_dead: IsDead,
    column: str,
    value: object,
) -> None:
    two[0].acquire("run-1", holder, TTL, now, nobody_dead)
    with two[0]._connection.write() as db:
        db.execute(f"UPDATE leases SET {column} = ?", [value])

    with pytest.raises(StoreBroken, match="run-1"):
        two[1].acquire("run-1", holder, TTL, now, nobody_dead)
