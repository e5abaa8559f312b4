"""A database with many live runs, as a fixed load."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.stub import ACCOUNT, CREATED, KEY, fleet_of, machine_of, queue_of
from dcp_engine import driver_tag
from dcp_engine.answers import OF_THE_ENGINE
from dcp_engine.aws.session import fingerprint
from dcp_engine.builtin import built_in
from dcp_engine.defaults import Settings
from dcp_engine.model import DutyRecord, Fleet, Identities, Machine, Names, Run, State
from dcp_engine.plugins import Plugins
from dcp_engine.store.protocol import Commit
from dcp_engine.store.sqlite import SqliteStore

REGIONS: Final = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1"),
    *("eu-west-2", "eu-central-1", "ap-south-1", "ap-northeast-1", "ca-central-1"),
)
# The golden section puts any number of runs evenly between two looks.
_SPREAD: Final = 0.618034


def fill(
    path: Path,
    runs: int,
    *,
    regions: int = 1,
    machines: int = 4,
    since: timedelta = timedelta(hours=2),
    settings: Settings | None = None,
) -> dict[str, str]:
    """Put live runs `Exp0`, `Exp1`, … into a new database, in so many regions by turns.

    Each has been looked after all the time: what is due every ten minutes or every hour was done
    some time ago, which is another for each run. Returns the tags that AWS has of their fleets: the
    mark of this database.
    """
    settings = settings or Settings()
    duties = [
        *((name, settings.downscale_interval) for name in OF_THE_ENGINE["duties"]),
        *(
            (owned.item.name, owned.item.every)
            for owned in Plugins(built_in()).duties(settings)
            if owned.item.every
        ),
    ]
    store = SqliteStore.open(path)
    until = datetime.now(UTC) + driver_tag.VALIDITY
    mark = driver_tag.DriverTag(store=store.identity(), until=until.replace(microsecond=0))
    try:
        # One wait for the disk for each of ten thousand runs is none of what is measured.
        store._connection._db.execute("PRAGMA synchronous=OFF")
        for number in range(runs):
            region = REGIONS[number % regions]
            run = a_run(number, region, since, machines=machines, duties=duties, mark=mark)
            store.insert_run(run, (), ())
            insert_machines(store, run, machines)
    finally:
        store.close()
    return {driver_tag.KEY: str(mark)}


def insert_machines(store: SqliteStore, run: Run, machines: int) -> None:
    """Record the machines of its fleet, as they have been seen since it began."""
    from dcp_engine.process import this_process  # noqa: PLC0415 - slow to import

    now = datetime.now(UTC)
    lease = store.acquire(run.id, this_process("fill"), timedelta(hours=1), now, lambda _: True)
    fleet_id = run.fleets[0].id
    known = [
        Machine(
            instance_id=machine_of(fleet_id, n),
            fleet_id=fleet_id,
            first_seen=run.registered_at,
            type="m5.xlarge",
            zone="us-east-1a",
            launched_at=CREATED,
            name=f"{run.names.app_name}Worker",
        )
        for n in range(machines)
    ]
    store.commit(lease, Commit(run=run, machines=known))
    store.release(lease)


def a_run(
    number: int,
    region: str,
    since: timedelta,
    *,
    machines: int,
    duties: Sequence[tuple[str, timedelta]] = (),
    mark: driver_tag.DriverTag | None = None,
) -> Run:
    """A run that works since so long; each of the duties is done in every such span of time."""
    name = f"Exp{number}"
    now = datetime.now(UTC)
    began = now - since
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
            service_created_at=CREATED,
            seen_at=began,
        ),
        fleets=(
            Fleet(
                id=fleet_of(name),
                added_at=began,
                start_time=began,
                state="active",
                type="maintain",
                target=machines,
                fulfilled=float(machines),
                active=machines,
                driver=mark.store if mark else None,
                driven_until=mark.until if mark else None,
                observed_at=now,
            ),
        ),
        jobs_seen=True,
        key_checked=fingerprint(KEY),
        machines_seen=True,
        duties=tuple(_done(duty, every, number, now) for duty, every in duties),
    )


def _done(duty: str, every: timedelta, number: int, now: datetime) -> DutyRecord:
    last = now - every * (number * _SPREAD % 1)
    by_the_engine = duty in OF_THE_ENGINE["duties"]
    return DutyRecord(name=duty, last_at=last, next_at=None if by_the_engine else last + every)
