"""Runs at fixed moments, each with everything that there is to see of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import sin
from typing import Any, Final

import msgspec

from dcp_engine import series
from dcp_engine.cli.overview import Seen
from dcp_engine.model import (
    DutyRecord,
    Ended,
    Event,
    Fleet,
    Holder,
    Lease,
    Machine,
    Names,
    Outcome,
    Problem,
    Reading,
    Run,
    State,
    Step,
)
from dcp_engine.money import Money
from dcp_engine.picture import Picture
from dcp_engine.progress import Progress
from dcp_engine.series import RUN, Bucket, Spread
from dcp_engine.status import Status, status_of
from tests.pictures import real_words

BEGAN: Final = datetime(2030, 1, 1, 9, 0, tzinfo=UTC)
NOW: Final = datetime(2030, 1, 1, 13, 12, 20, tzinfo=UTC)
FLEET: Final = "sfr-619699cf-1111-2222-3333-444444444444"
HOLDER: Final = Holder(host="laptop/1", pid=4711, started=1.0, label="dcp-engine monitor")
MINUTE: Final = timedelta(minutes=1)
_DIFFERENCE: Final = "LessThanThreshold 5 instead of LessThanThreshold 1"


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the view of a run is made of."""

    picture: Picture
    status: Status
    unwatched: str | None = None


def names(app_name: str = "Exp1") -> Names:
    return Names(
        app_name=app_name,
        cluster="default",
        queue=f"{app_name}Queue",
        bucket="my-bucket",
        log_group=app_name,
    )


def a_run(state: State, **changes: Any) -> Run:
    facts: dict[str, Any] = {
        "id": "Exp1-15fc5ebf",
        "names": names(),
        "account": "123456789012",
        "region": "us-east-1",
        "registered_at": BEGAN,
        "earliest_start": BEGAN,
        "state": state,
        "state_since": BEGAN + 2 * MINUTE,
        "fleets": (a_fleet(),),
        "reading": Reading(visible=1580, in_flight=60, delayed=0, at=NOW - timedelta(seconds=12)),
        "last_tick_at": NOW - timedelta(seconds=12),
        "next_tick_at": NOW + timedelta(seconds=48),
        "duties": (
            DutyRecord(name="alarm-cleanup", next_at=NOW + 42 * MINUTE),
            DutyRecord(name="downscale", next_at=NOW + 3 * MINUTE),
            DutyRecord(name="prices", next_at=NOW + 17 * MINUTE, failures=3, last_error="denied"),
        ),
    }
    return Run(**{**facts, **changes})


def a_fleet(**changes: Any) -> Fleet:
    facts: dict[str, Any] = {
        "id": FLEET,
        "added_at": BEGAN,
        "start_time": BEGAN,
        "state": "active",
        "type": "maintain",
        "target": 20,
        "fulfilled": 20.0,
        "active": 20,
        "observed_at": NOW,
    }
    return Fleet(**{**facts, **changes})


def numbers(until: datetime = NOW) -> dict[str, tuple[Bucket, ...]]:
    """Four hours of a run: machines come, work the queue off; a gap while nobody could look."""
    buckets = []
    for minute in range(0, int((until - BEGAN) / MINUTE), 2):
        if 70 <= minute < 95:
            continue
        machines = min(20.0, minute / 2)
        values = {
            series.VISIBLE: max(0.0, 2880 - minute * 5.2),
            series.IN_FLIGHT: machines * 3,
            series.DELAYED: 0.0,
        }
        if minute % 10 == 0:
            values |= {series.TARGET: 20.0, series.FULFILLED: machines, series.MACHINES: machines}
            values |= {
                series.CLUSTER_CPU: 80 + 15 * sin(minute / 25),
                series.CLUSTER_MEMORY: 30 + minute / 12,
            }
        buckets.append(_bucket(BEGAN + minute * MINUTE, values))
    return {RUN: tuple(buckets)}


def _bucket(at: datetime, values: Mapping[str, float], subject: str = RUN) -> Bucket:
    spreads = {name: Spread(value, value, value) for name, value in values.items()}
    return Bucket(at=at, span=timedelta(0), values=spreads, subject=subject)


def machines() -> tuple[Machine, ...]:
    """Twenty that are up, one of them without a name, and five that have ended."""
    up = [
        Machine(
            instance_id=f"i-0a1b2c3d4e5f6{n:04}",
            fleet_id=FLEET,
            first_seen=BEGAN + n * MINUTE,
            launched_at=BEGAN + n * MINUTE,
            type="m5.xlarge" if n % 3 else "m4.xlarge",
            zone=f"us-east-1{'abc'[n % 3]}",
            name="" if n == 19 else "Exp1Worker",
        )
        for n in range(20)
    ]
    taken = "Server.SpotInstanceTermination: Spot instance termination"
    reasons = [taken, taken, taken, "Client.UserInitiatedShutdown: User initiated shutdown", None]
    gone = [
        Machine(
            instance_id=f"i-0dead00000000{n:04}",
            fleet_id=FLEET,
            first_seen=BEGAN,
            ended_at=BEGAN + 60 * MINUTE,
            reason=reason,
        )
        for n, reason in enumerate(reasons)
    ]
    return (*gone, *up)


def loads() -> dict[str, tuple[Bucket, ...]]:
    """How busy the machines were in the last minutes; one does nothing."""
    return {
        machine.instance_id: (
            _bucket(
                NOW - 8 * MINUTE,
                {series.CPU: 0.2 if n == 3 else 71.0 + n},
                machine.instance_id,
            ),
        )
        for n, machine in enumerate(m for m in machines() if m.ended_at is None)
    }


EVENTS: Final[Sequence[tuple[str, datetime, str, Mapping[str, Any]]]] = (
    ("registered", BEGAN, "Exp1 is watched from now on.", {}),
    (
        "state",
        BEGAN + 2 * MINUTE,
        "PENDING → RUNNING: jobs were seen in the queue.",
        {"from": "PENDING", "to": "RUNNING"},
    ),
    ("alarms", BEGAN + 60 * MINUTE, "Deleting 3 alarms of machines that are gone.", {"count": 3}),
    (
        "problem",
        BEGAN + 232 * MINUTE,
        "",
        {"problem": "stalled"},
    ),
)


def no_job_was_done(since: datetime, until: datetime) -> str:
    """What is said of a run with twenty machines."""
    up = [machine for machine in machines() if machine.ended_at is None]
    return real_words.no_job_was_done(a_run(State.RUNNING), up, since, until)


def events() -> tuple[Event, ...]:
    problem = no_job_was_done(NOW - 52 * MINUTE, NOW - 20 * MINUTE)
    return tuple(
        Event(
            id=str(n),
            run_id="Exp1-15fc5ebf",
            at=at,
            kind=kind,
            text=text or problem,
            data=dict(data),
        )
        for n, (kind, at, text, data) in enumerate(EVENTS)
    )


def scene(run: Run, *, driven: bool = True, unwatched: str | None = None, **changes: Any) -> Scene:
    """A run with what is to be seen of it beside."""
    facts: dict[str, Any] = {
        "run": run,
        "at": NOW,
        "until": NOW if run.live else run.state_since,
        "machines": machines(),
        "events": events(),
        "numbers": {**numbers(), **loads()},
        "progress": Progress(
            done=1240,
            left=1640,
            rate=310.0,
            ends=(NOW + 300 * MINUTE, NOW + 380 * MINUTE),
            job_time=4 * MINUTE,
        ),
        "money": Money(machine_hours=61.2, cost=12.4, bound=18.0, idle=1.2, saved=3.1),
    }
    picture = Picture(**{**facts, **changes})
    lease = Lease(run_id=run.id, token=1, holder=HOLDER, until=NOW + 5 * MINUTE)
    status = status_of(
        run,
        lease=lease if driven else None,
        requests=[],
        machines_seen=len(picture.machines),
        machines=picture.machines,
        now=NOW,
    )
    return Scene(picture=picture, status=status, unwatched=unwatched)


def pending() -> Scene:
    """Registered a moment ago: nothing is known."""
    run = a_run(
        State.PENDING,
        registered_at=NOW - MINUTE,
        state_since=NOW - MINUTE,
        fleets=(a_fleet(state="submitted", target=20, fulfilled=0.0, active=0),),
        reading=Reading(visible=2880, in_flight=0, delayed=0, at=NOW),
        duties=(),
    )
    return scene(
        run,
        machines=(),
        events=events()[:1],
        numbers={},
        progress=Progress(left=2880),
        money=Money(),
    )


def running() -> Scene:
    """In the middle of its work, with nothing wrong."""
    return scene(a_run(State.RUNNING))


def stalled() -> Scene:
    """Something is wrong, and it is said in many words; somebody altered an alarm, too."""
    problems = (
        Problem(
            name="stalled",
            since=NOW - 20 * MINUTE,
            text=no_job_was_done(NOW - 52 * MINUTE, NOW),
            needs_person=True,
        ),
        Problem(
            name="altered-alarms",
            since=NOW - 190 * MINUTE,
            text=real_words.somebody_altered(
                a_run(State.RUNNING), "Exp1_i-0123456789abcdef0", _DIFFERENCE
            ),
            advice=True,
        ),
    )
    return scene(a_run(State.RUNNING, problems=problems))


def unwatched() -> Scene:
    """Nobody looks after it any more."""
    return scene(
        a_run(State.RUNNING, last_tick_at=NOW - 180 * MINUTE, next_tick_at=NOW - 179 * MINUTE),
        driven=False,
        unwatched="Nobody has looked at Exp1 since 2030-01-01 10:12:20 UTC (3 hours ago). Its "
        "machines run on and are billed, and nobody ends them when the jobs are done. Look after "
        "it again with: dcp-engine resume Exp1",
    )


def draining() -> Scene:
    """The last jobs are in flight."""
    run = a_run(
        State.DRAINING,
        state_since=NOW - 9 * MINUTE,
        reading=Reading(visible=0, in_flight=14, delayed=0, at=NOW),
        fleets=(a_fleet(target=14, fulfilled=17.0, active=17),),
    )
    ends = (NOW + 4 * MINUTE, NOW + 4 * MINUTE)
    return scene(run, progress=Progress(done=2866, left=14, rate=305.0, ends=ends, by_counts=True))


def taken_down() -> Scene:
    """The machines are ending, and a step fails."""
    steps = (
        Step(name="fleets", ended=Ended.DONE, reason="20 machines have ended"),
        Step(name="service", ended=Ended.DONE, reason="service Exp1Service deleted"),
        Step(name="queue", ended=Ended.KEPT, reason="jobs came after the work was over; 2 jobs"),
        Step(
            name="alarms",
            attempts=3,
            failures=3,
            last_error="cloudwatch:DeleteAlarms: the credentials work but do not allow this; grant "
            "cloudwatch:DeleteAlarms",
            next_at=NOW + 8 * MINUTE,
        ),
        Step(name="logs", attempts=2, reason="waiting 5 minutes for the last log lines"),
        Step(name="last-look"),
    )
    failing = Problem(
        name="step-alarms",
        since=NOW - 11 * MINUTE,
        text="The teardown step alarms has failed 3 times: cloudwatch:DeleteAlarms: the "
        "credentials work but do not allow this; grant cloudwatch:DeleteAlarms.",
        needs_person=True,
    )
    run = a_run(
        State.TEARDOWN,
        state_since=NOW - 13 * MINUTE,
        reading=Reading(visible=0, in_flight=0, delayed=0, at=NOW - 13 * MINUTE),
        steps=steps,
        problems=(failing,),
        machines_ended_at=NOW - 5 * MINUTE,
        duties=(),
    )
    done = Progress(done=2880, left=0, rate=0.0)
    return scene(run, progress=done, money=Money(machine_hours=80.5, cost=15.9, bound=24.0))


def exported() -> Scene:
    """It is over."""
    run = a_run(
        State.EXPORTED,
        state_since=NOW - MINUTE,
        outcome=Outcome.COMPLETED_WITH_DEAD_LETTERS,
        dead_letters=3,
        machines_ended_at=NOW - 9 * MINUTE,
        duties=(),
        next_tick_at=None,
    )
    done = Progress(done=2877, left=0)
    return scene(run, driven=False, progress=done, money=Money(machine_hours=80.5, cost=15.9))


def nothing_known() -> Scene:
    """Everything that can be missing is missing."""
    run = a_run(
        State.RUNNING,
        reading=None,
        fleets=(Fleet(id=FLEET, added_at=BEGAN, start_time=BEGAN),),
        last_tick_at=None,
        next_tick_at=None,
        duties=(DutyRecord(name="downscale"),),
    )
    return scene(
        run,
        driven=False,
        machines=(),
        events=(),
        numbers={},
        progress=Progress(),
        money=Money(),
    )


def long_names() -> Scene:
    """Names that are longer than any terminal is wide, wide letters, and what a terminal obeys."""
    name = "Plate_" + "0123456789" * 12
    problem = Problem(
        name="fleet-errors",
        since=NOW - 3 * MINUTE,
        text="AWS says \x1b[31mno\x1b[0m of 細胞の写真 " + "x" * 150 + "\r\nand more.",
    )
    told = tuple(
        msgspec.structs.replace(event, text=f"{event.text} \x1b]0;title\x07 " + "y" * 200)
        for event in events()
    )
    run = a_run(State.RUNNING, names=names(name), problems=(problem,), region="eu-central-細胞")
    return scene(run, events=told)


SCENES: Final[Mapping[str, Callable[[], Scene]]] = {
    made.__name__: made
    for made in (
        pending,
        running,
        stalled,
        unwatched,
        draining,
        taken_down,
        exported,
        nothing_known,
        long_names,
    )
}
"""Every scene by its name."""


def several() -> list[Seen]:
    """Four runs at once: quiet ones, one in trouble, one that nobody looks after."""
    scenes = {
        "Plate_7": running(),
        "Exp1": stalled(),
        "Control": taken_down(),
        "Night": unwatched(),
    }
    found = []
    for n, (name, one) in enumerate(scenes.items()):
        changes = {
            "app_name": name,
            "run_id": f"{name}-0123abcd",
            "registered_at": BEGAN - n * MINUTE,
        }
        status = msgspec.structs.replace(one.status, **changes)
        found.append(Seen(status=status, picture=one.picture, unwatched=one.unwatched))
    return found
