"""Whether anybody else has written: their writing shows, our own does not."""

from collections.abc import Callable
from datetime import datetime, timedelta

from dcp_engine.model import Holder, Run
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore


def test_it_changes_with_what_others_write_and_with_nothing_else(
    open_store: Callable[..., SqliteStore],
    make_run: Callable[..., Run],
    now: datetime,
    holder: Holder,
    nobody_dead: Callable[[Holder], bool],
) -> None:
    ours, theirs = open_store(), open_store()
    ours.insert_run(make_run(), (), ())
    before = ours.version_of_others()
    lease = ours.acquire("run-1", holder, timedelta(minutes=5), now, nobody_dead)
    ours.commit(lease, Commit(run=make_run()))
    ours.runs()
    theirs.runs()
    assert ours.version_of_others() == before
    theirs.insert_run(make_run("run-2", "Exp2"), (), ())
    after = ours.version_of_others()
    assert after != before
    assert ours.version_of_others() == after
