"""Pictures of runs to make reports of: a day's, a big week's, and one that means harm."""

import math
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from dcp_engine import series
from dcp_engine.builtin.troubles.scene import Scene
from dcp_engine.builtin.troubles.table import TABLE
from dcp_engine.builtin.troubles.work import coming_back
from dcp_engine.defaults import Settings
from dcp_engine.model import (
    Ended,
    Event,
    Identities,
    Machine,
    Observation,
    Outcome,
    Problem,
    Reading,
    Run,
    State,
    Step,
)
from dcp_engine.picture import Picture, picture
from dcp_engine.progress import DEAD_LETTERS
from dcp_engine.series import RUN, Bucket, Spread
from tests.unit.runs import FLEET_ID, START, fleet, run
from tests.unit.troubles.scenes import work

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
TYPES: Final = ("m5.xlarge", "m5a.xlarge", "c5.2xlarge")
ZONES: Final = ("us-east-1a", "us-east-1b", "us-east-1d")
PRICES: Final = {"m5.xlarge": 0.067, "m5a.xlarge": 0.061, "c5.2xlarge": 0.124}

ASKED: Final = "Client.UserInitiatedShutdown: User initiated shutdown"
TAKEN: Final = "Server.SpotInstanceTermination: Spot instance termination"


def seen(at: datetime, subject: str = RUN, /, **values: float) -> Bucket:
    """Numbers seen at one moment; `in_flight=3` is the number `in-flight`."""
    return Bucket(
        at=at,
        span=timedelta(0),
        subject=subject,
        values={name.replace("_", "-"): Spread(v, v, v) for name, v in values.items()},
    )


def event(at: datetime, kind: str, text: str, **data: Any) -> Event:
    """An event whose id is where it stands in time."""
    return Event(
        id=f"{at.isoformat()}-{kind}",
        run_id="Exp1-0123abcd",
        at=at,
        kind=kind,
        text=text,
        data=data,
    )


def moved(at: datetime, before: State, after: State, reason: str) -> Event:
    """A move from state to state."""
    text = f"{before} → {after}: {reason}."
    return event(at, "state", text, **{"from": before.value, "to": after.value})


def machine(number: int, began: datetime, **changes: Any) -> Machine:
    """A machine of the run."""
    facts: dict[str, Any] = {
        "instance_id": f"i-{number:017x}",
        "fleet_id": FLEET_ID,
        "first_seen": began + MINUTE,
        "launched_at": began,
        "type": TYPES[0],
        "zone": ZONES[0],
        "name": "Exp1Worker",
    }
    return Machine(**{**facts, **changes})


def prices(since: datetime, until: datetime) -> list[Bucket]:
    """Spot prices that wander a little, one every six hours."""
    found = []
    for type_ in TYPES:
        for place, zone in enumerate(ZONES):
            moments = range((until - since) // (6 * HOUR) + 1)
            found += [
                seen(
                    since + n * 6 * HOUR,
                    series.price_of(type_, zone),
                    dollars=PRICES[type_] * (1 + 0.05 * place + 0.02 * math.sin(n)),
                )
                for n in moments
            ]
    return found


def small() -> Picture:
    """A run of four hours with twelve machines, that ended well."""
    end = START + 4 * HOUR
    lives = [
        machine(
            n,
            START + n * MINUTE,
            zone=ZONES[n % 2],
            ended_at=START + (60 + n) * MINUTE if n in (2, 5) else end - 8 * MINUTE,
            reason=TAKEN if n == 2 else ASKED,
        )
        for n in range(12)
    ]
    idle = [seen(START + n * MINUTE, lives[5].instance_id, cpu=0.2) for n in range(40, 65, 5)]
    return picture(
        ended_run(end),
        machines=lives,
        events=[
            moved(START + MINUTE, State.PENDING, State.RUNNING, "jobs were seen in the queue"),
            event(START + 70 * MINUTE, "alarms", "Deleting 2 alarms of machines that are gone."),
            event(
                START + 90 * MINUTE,
                "problem",
                "AWS could not be asked about the fleet.",
                problem="fleet-unreadable",
            ),
            event(
                START + 100 * MINUTE,
                "problem-over",
                "No longer so, after 10 minutes: AWS could not be asked about the fleet.",
                problem="fleet-unreadable",
            ),
            moved(end - 15 * MINUTE, State.RUNNING, State.DRAINING, "no job waits any more"),
            moved(end - 10 * MINUTE, State.DRAINING, State.TEARDOWN, "the queue stayed empty"),
            moved(end, State.TEARDOWN, State.EXPORTED, "every step has ended"),
        ],
        numbers=[*small_numbers(), *idle, *prices(START - HOUR, end)],
        now=end + HOUR,
    )


def small_numbers() -> list[Bucket]:
    """A count each minute and a look every ten; nobody counted in the second hour's first half."""
    found = []
    for n in range(230):
        if 60 <= n < 90:
            continue
        left = max(0, 460 - 2 * n)
        counts: dict[str, float] = {
            "visible": max(0, left - 12),
            "in_flight": min(12, left),
            "delayed": 0,
        }
        found.append(seen(START + n * MINUTE, **counts))
        if n % 10 == 0:
            found.append(
                seen(START + n * MINUTE, target=12, fulfilled=11, machines=11, cluster_cpu=81.5)
            )
        if n % 5 == 0:
            found.append(seen(START + n * MINUTE, deleted=2.0, received=2.2))
    return found


def ended_run(end: datetime, **changes: Any) -> Run:
    """A run that was taken down, but for what `changes` say."""
    steps = [
        ("fleets", Ended.DONE, f"fleet {FLEET_ID} cancelled, every machine has ended"),
        ("logs", Ended.DONE, "Exp1 is at exp-bucket/exportedlogs/Exp1/0a1b; there is no log group"),
        ("dashboard", Ended.KEPT, "CLEAN_DASHBOARD is not True"),
        ("cluster", Ended.WAIVED, "a person waived it"),
        ("last-look", Ended.DONE, "nothing recorded as the run's is alive"),
    ]
    facts: dict[str, Any] = {
        "state": State.EXPORTED,
        "state_since": end,
        "outcome": Outcome.COMPLETED_WITH_DEAD_LETTERS,
        "dead_letters": 3,
        "first_cancel_at": end - 10 * MINUTE,
        "machines_ended_at": end - 8 * MINUTE,
        "reading": Reading(visible=0, in_flight=0, delayed=0, at=end - 10 * MINUTE),
        "fleets": (fleet(target=12, bid=0.1),),
        "steps": tuple(
            Step(
                name=name,
                ended=ended,
                reason=reason,
                attempts=n + 1,
                first_at=end - 10 * MINUTE,
                ended_at=end - (8 - n) * MINUTE,
            )
            for n, (name, ended, reason) in enumerate(steps)
        ),
        "summary": {"Lab book": "entry 17 was written"},
    }
    return run(**{**facts, **changes})


def week(machines: int = 1000) -> Picture:
    """A run of a week with so many machines, up to a fifth of them at once, that still works."""
    rng = random.Random(7)
    now = START + timedelta(days=7)
    lives = list(_lives(rng, machines, now))
    numbers = [
        *series.thinned(list(_counts(rng, machines, lives, now)), now),
        *prices(START - HOUR, now),
        *(bucket for life in lives for bucket in _cpu(rng, life, now)),
    ]
    held = run(
        State.RUNNING,
        state_since=START + 4 * MINUTE,
        fleets=(
            fleet(
                target=machines // 5,
                fulfilled=float(machines // 5),
                active=machines // 5,
                bid=0.15,
            ),
        ),
        reading=Reading(visible=6210, in_flight=machines // 5, delayed=0, at=now),
        identities=Identities(
            queue_created_at=START,
            queue_visibility=10 * MINUTE,
            dead_letter_queue_arn="arn:aws:sqs:us-east-1:123456789012:Exp1Dead",
        ),
        observations=(Observation(name=DEAD_LETTERS, value=37.0, unit="jobs", at=now),),
    )
    problem = _coming_back(held, lives, now)
    return picture(
        replace(held, problems=(problem,)),
        machines=lives,
        events=sorted(_happenings(rng, problem, now), key=lambda event: event.at),
        numbers=numbers,
        now=now,
    )


def _coming_back(held: Run, lives: Sequence[Machine], now: datetime) -> Problem:
    """Every second job of the last hours came back, in the words of the duty that finds it."""
    later = now - 2 * HOUR - START
    lately = work(0, 121, rate=3.3, received=6.6, in_flight=200)
    words = coming_back(
        Scene(
            run=held,
            now=now,
            settings=Settings(),
            numbers=[replace(bucket, at=bucket.at + later) for bucket in lately],
            machines=lives,
        )
    )
    assert isinstance(words, str)
    (row,) = [row for row in TABLE if row.found is coming_back]
    return Problem(name=row.name, since=now - 3 * HOUR, text=words)


def _lives(rng: random.Random, machines: int, now: datetime) -> Iterable[Machine]:
    slots = [START + rng.randrange(1, 15) * MINUTE for _ in range(machines // 5)]
    for number in range(machines):
        place = min(range(len(slots)), key=slots.__getitem__)
        began = slots[place]
        ended = began + rng.expovariate(1 / 42) * HOUR + 20 * MINUTE
        slots[place] = ended + rng.randrange(2, 20) * MINUTE
        up = ended >= now
        yield machine(
            number,
            min(began, now - MINUTE),
            type=rng.choices(TYPES, (6, 3, 1))[0],
            zone=rng.choice(ZONES),
            ended_at=None if up else ended,
            reason=None if up else rng.choices((TAKEN, ASKED, None), (7, 2, 1))[0],
        )


def _counts(
    rng: random.Random, machines: int, lives: Sequence[Machine], now: datetime
) -> Iterable[Bucket]:
    for n in range(round((now - START) / MINUTE)):
        at = START + n * MINUTE
        if 3000 <= n < 3500:
            # A laptop slept.
            continue
        left = 40_000 * (1 - n / 12_000)
        noise = rng.randrange(-40, 40)
        flying = machines // 5 + noise // 8
        yield seen(at, visible=round(left) + noise, in_flight=flying, delayed=0)
        if n % 10 == 0:
            up = sum(
                life.began <= at and (life.ended_at is None or life.ended_at > at) for life in lives
            )
            yield seen(at, target=machines // 5, fulfilled=up, machines=up)
        if n % 5 == 0:
            wave = math.sin(n / 700)
            yield seen(
                at,
                cluster_cpu=78 + 12 * wave + rng.random() * 8,
                cluster_memory=55 + 5 * wave + rng.random() * 4,
                deleted=3.3 + wave / 2 + rng.random(),
                received=(6.6 if now - at < 4 * HOUR else 3.6) + wave / 2 + rng.random(),
            )


def _cpu(rng: random.Random, life: Machine, now: datetime) -> Iterable[Bucket]:
    end = life.ended_at or now
    for n in range(math.ceil((end - life.began) / (6 * HOUR))):
        idle = n * 6 * HOUR + life.began > end - 6 * HOUR and rng.random() < 0.2
        yield Bucket(
            at=life.began + n * 6 * HOUR,
            span=6 * HOUR,
            subject=life.instance_id,
            values={series.CPU: Spread(70 + rng.random() * 20, 0.3 if idle else 35.0, 99.0, 72)},
        )


def _happenings(rng: random.Random, problem: Problem, now: datetime) -> Iterable[Event]:
    yield moved(START + 4 * MINUTE, State.PENDING, State.RUNNING, "jobs were seen in the queue")
    for n in range(1, 7 * 24):
        gone = rng.randrange(1, 20)
        yield event(
            START + n * HOUR, "alarms", f"Deleting {gone} alarms of machines that are gone.", n=gone
        )
        if n % 9 == 0:
            told = f"The spot fleet could not be looked at: ec2:DescribeSpotFleetRequests: try {n}."
            at = START + n * HOUR + 7 * MINUTE
            yield event(at, "problem", told, problem="fleet-unreadable")
            over = f"No longer so, after 12 minutes: {told}"
            yield event(at + 12 * MINUTE, "problem-over", over, problem="fleet-unreadable")
    yield event(problem.since, "problem", problem.text, problem=problem.name)


NASTY: Final = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)",
    "</style><b>",
    "{{ 7 * 7 }}{% raw %}",
    "a\x00b\x1b[31mc\u202egnp.exe",
    "\ud800 alone",
    "اسم التجربة",
    "javascript:alert(1)",
    "]]><!--",
)
"""Texts that want to be more than text."""


def hostile() -> Picture:
    """Nasty texts wherever a text of AWS's, a plugin's or a person's can stand."""
    nasty = "".join(NASTY)
    end = START + HOUR
    base = ended_run(
        end,
        summary={nasty: nasty},
        steps=tuple(Step(name=f"{text}", reason=text, last_error=text) for text in NASTY),
        problems=tuple(
            Problem(name=f"open {n}", since=START, text=text) for n, text in enumerate(NASTY)
        ),
    )
    names = dict.fromkeys(("app_name", "cluster", "queue", "bucket", "log_group"), nasty)
    return picture(
        replace(
            base,
            id=nasty,
            account=nasty,
            region=nasty,
            names=replace(base.names, **names),
            fleets=(fleet(id=nasty, state=nasty),),
        ),
        machines=[
            machine(n, START, instance_id=text, type=text, zone=text, name=text, reason=text)
            for n, text in enumerate(NASTY)
        ],
        events=[
            *(event(START + MINUTE, text, text, problem=text, to=text) for text in NASTY),
            *(event(START + MINUTE, "problem", text, problem=text) for text in NASTY),
            *(event(START + MINUTE, "state", text, to=text) for text in NASTY),
            event(START + MINUTE, "state", "no data"),
            event(START + MINUTE, "problem", "odd data", problem=["a list"]),
        ],
        numbers=[*small_numbers(), *(seen(START, text, cpu=1.0) for text in NASTY)],
        now=end,
    )


def empty() -> Picture:
    """A run that was registered a moment ago, of which nothing is known."""
    return picture(
        run(fleets=(), identities=Identities()),
        machines=[],
        events=[],
        numbers=[],
        now=START,
    )
