"""A database with many live runs, as a fixed load."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.stub import ACCOUNT, CREATED, fleet_of, queue_of
from dcp_engine.model import Fleet, Identities, Names, Run, State
from dcp_engine.store.sqlite import SqliteStore

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1"),
    *("eu-west-2", "eu-central-1", "ap-south-1", "ap-northeast-1", "ca-central-1"),
)


def fill(path: Path, runs: int, *, regions: int = 1, since: timedelta = timedelta(hours=2)) -> None:
    """Put live runs `Exp0`, `Exp1`, … into a new database, in so many regions by turns."""
    store = SqliteStore.open(path)
    try:
        # One wait for the disk for each of ten thousand runs is none of what is measured.
        store._connection._db.execute("PRAGMA synchronous=OFF")
        for number in range(runs):
            store.insert_run(a_run(number, REGIONS[number % regions], since), (), ())
    finally:
        store.close()


def a_run(number: int, region: str, since: timedelta) -> Run:
    """A run that works since so long."""
    name = f"Exp{number}"
    began = datetime.now(UTC) - since
    names = Names(
        app_name=name, cluster="default", queue=queue_of(name), bucket="bench", log_group=name
    )
    return Run(
        id=f"{name}-bench",
        names=names,
        account=ACCOUNT,
        region=region,
        registered_at=began,
        earliest_start=began,
        state=State.RUNNING,
        state_since=began,
        identities=Identities(
            queue_url=f"http://127.0.0.1/{ACCOUNT}/{queue_of(name)}",
            queue_created_at=CREATED,
            seen_at=began,
        ),
        fleets=(Fleet(id=fleet_of(name), added_at=began, start_time=began),),
        jobs_seen=True,
    )
