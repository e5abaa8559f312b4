"""What AWS is asked while a run lives, and what is written down of the answers.

An answer that could not be had is a problem in words and changes nothing else: unknown is not
empty, and not gone.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

from msgspec.structs import replace

from dcp_engine import fleet_problems, series
from dcp_engine.census import Census
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive
from dcp_engine.driver_tag import tag_of
from dcp_engine.emptiness import LONGEST_GAP, add_reading
from dcp_engine.errors import AwsError, Credentials, Missing, OutOfTime
from dcp_engine.model import (
    UNKNOWN,
    Fleet,
    Identities,
    Reading,
    Run,
    State,
    for_a_person,
    with_fleet,
)
from dcp_engine.ports import Aws, FleetFacts, FleetTrouble, QueueFacts, ServiceFacts
from dcp_engine.series import Sample

# How far back the fleet's own words are looked for: what hindered it yesterday is over.
_RECENT = timedelta(hours=1)


class QueueSeen(Enum):
    """What became of asking for the queue's counts."""

    COUNTED = "counted"
    MISSING = "missing"
    UNKNOWN = "unknown"


class Watch:
    """One look at one run's resources."""

    def __init__(
        self,
        drive: Drive,
        aws: Aws,
        clock: Clock,
        settings: Settings,
        *,
        every_machine: bool,
        content: Callable[[Mapping[str, FleetFacts | None]], bool],
    ) -> None:
        """With `every_machine` each is asked for at every look, since somebody goes by that.

        `content` is whether nothing would be changed in AWS because of how the fleets are.
        """
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self._settings = settings
        self._content = content
        self._census = Census(drive, aws, clock, every_look=every_machine)
        self.looked_at: datetime | None = None
        """When AWS answered the last look at the fleets, by its own clock."""

    def count_jobs(self) -> QueueSeen:
        """Count the queue. Raises Credentials, OutOfTime."""
        run = self._drive.run
        try:
            facts = self._aws.queue.look(run.identities.queue_url)
        except Missing:
            self._drive.answered = True
            return self._queue_missing()
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            self._drive.failed(
                "queue-unreadable",
                f"The jobs in queue {run.names.queue} could not be counted: {error}. "
                "Nothing is concluded from that: the machines keep running and the count is "
                "tried again.",
                error,
            )
            return QueueSeen.UNKNOWN
        self._drive.answered = True
        recorded = run.identities.queue_created_at
        if recorded is not None and facts.created_at != recorded:
            # Another queue of the same name is a neighbour's, whatever it holds.
            return self._queue_missing(newer=facts.created_at)
        before = run.readings
        run = self._drive.observe(
            lambda run: _counted(run, facts, self._settings), [_of_queue(facts.reading)]
        )
        self._drive.problems(
            {
                "queue-unreadable": None,
                "queue-missing": None,
                "too-seldom": for_a_person(
                    "too-seldom", _too_seldom(run, before), self._clock.now()
                ),
            }
        )
        return QueueSeen.COUNTED

    def count_dead_letters(self) -> int | None:
        """How many messages the dead-letter queue holds; None where that is not known."""
        arn = self._drive.run.identities.dead_letter_queue_arn
        if arn is None:
            return None
        try:
            return self._aws.queue.dead_letters(arn)
        except (Credentials, OutOfTime):
            raise
        except AwsError:
            return None

    def look_at_fleets(self, *, why_late: bool = False, shared: bool = False) -> bool:
        """Describe every fleet and its machines; with `why_late` read its errors too.

        With `shared` what another run's look has just brought is taken, where there is that and
        nothing would be changed because of it. Returns whether that could be done. Raises
        Credentials, OutOfTime.
        """
        try:
            return self._look(self._described(shared), why_late)
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            self._drive.failed(
                "fleet-unreadable",
                f"The spot fleet could not be looked at: {error}. It is left as it is, and asked "
                "again.",
                error,
            )
            return False

    def look_along(self) -> bool:
        """Look with what another run's look has just brought, where there is that.

        Where each machine is asked for at every look there is nothing to be had by it: all runs
        would ask for theirs in the same minute. Returns whether there was a look. Raises
        Credentials, OutOfTime.
        """
        if self._census.every_look:
            return False
        facts = self._aws.capacity.told(self._drive.run.fleet_ids)
        if facts is None or not self._content(facts):
            return False
        try:
            return self._look(facts, why_late=False)
        except (Credentials, OutOfTime):
            raise
        except AwsError:
            # It would not have been time for it yet.
            return False

    def _described(self, shared: bool) -> Mapping[str, FleetFacts | None]:
        ids = self._drive.run.fleet_ids
        if shared:
            facts = self._aws.capacity.lately(ids)
            if self._content(facts) or all(fact is None or not fact.age for fact in facts.values()):
                return facts
        return self._aws.capacity.describe(ids)

    def _look(self, facts: Mapping[str, FleetFacts | None], why_late: bool) -> bool:
        """Look at the machines of the fleets, which were described. Raises AwsError."""
        run = self._drive.run
        asked_at = self._clock.now()
        machines = self._census.take(facts)
        idle = [fleet for fleet in run.fleets if facts.get(fleet.id) and not machines[fleet.id]]
        troubles, untold = self._troubles(idle) if why_late else ((), None)
        now = self._clock.now()
        known = [fact for fact in facts.values() if fact is not None]
        self.looked_at = max((fact.observed_at for fact in known), default=now)
        events = []
        for fleet in run.fleets:
            fact = facts.get(fleet.id)
            if fact and fleet.target is not None and fact.target > fleet.target:
                events.append(
                    (
                        "target-raised",
                        f"Somebody raised the requested capacity of fleet {fleet.id} from "
                        f"{fleet.target} to {fact.target}; that is respected.",
                        {"fleet": fleet.id, "from": fleet.target, "to": fact.target},
                    )
                )

        def looked(run: Run) -> Run:
            for fleet in run.fleets:
                fact = facts.get(fleet.id)
                up = machines.get(fleet.id, 0)
                run = with_fleet(run, _looked(fleet, fact, up, _moment(fact, asked_at)))
            since = run.no_machine_since
            return replace(
                run,
                machines_seen=run.machines_seen or any(machines.values()),
                no_machine_since=(since or now) if run.active_machines == 0 else None,
            )

        samples = _of_fleets(known, sum(machines.values()), asked_at)
        run = self._drive.observe(looked, samples)
        if events:
            self._drive.commit(events=events)
        self._drive.problems(
            {
                "fleet-unreadable": None,
                **fleet_problems.seen(run, now, self._settings),
                **fleet_problems.why_no_machine(run, troubles, untold, now),
            }
        )
        return True

    def _troubles(self, fleets: Sequence[Fleet]) -> tuple[Sequence[FleetTrouble], AwsError | None]:
        """AWS's own reasons why these bring no machine, or why it does not tell them."""
        try:
            return [
                trouble
                for fleet in fleets
                for trouble in self._aws.capacity.troubles(
                    fleet.id, max(fleet.start_time, self._clock.now() - _RECENT)
                )
            ], None
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            return (), error

    def record_identities(self) -> bool:
        """Write down what tells the service and the task definitions from later namesakes.

        Returns whether that could be done. Raises Credentials, OutOfTime.
        """
        try:
            service = self._aws.service.describe()
            revisions = self._aws.service.task_definitions()
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            self._drive.failed(
                "service-unreadable",
                f"The service {self._drive.run.names.service} could not be looked at: {error}. "
                "The run goes on; what is not recorded while it lives is kept at the end.",
                error,
            )
            return False
        now = self._clock.now()
        self._drive.problems({"service-unreadable": None})
        if self._maybe_anothers(service):
            return True

        def recorded(run: Run) -> Run:
            old = run.identities
            created = old.service_created_at or (service.created_at if service else None)
            known = dict.fromkeys([*old.task_definitions, *revisions])
            return replace(
                run,
                identities=replace(
                    old, service_created_at=created, task_definitions=tuple(known), seen_at=now
                ),
            )

        self._drive.commit(recorded)
        return True

    def _maybe_anothers(self, service: ServiceFacts | None) -> bool:
        """Whether what there is by the run's names may be a later run's by now.

        Once the recorded queue or service has gone, what else is new is not the run's for certain.
        """
        old = self._drive.run.identities
        if old.seen_at is None:
            return False
        if self._drive.run.queue_missing:
            return True
        if old.service_created_at is None:
            return False
        return service is None or service.created_at != old.service_created_at

    def _queue_missing(self, newer: datetime | None = None) -> QueueSeen:
        run = self._drive.run
        now = self._clock.now()
        queue = run.names.queue
        if run.identities.queue_created_at is None:
            text = (
                f"There is no queue named {queue} in {run.region}, and there was none since the "
                "run was registered. Nothing is torn down because of that. If its name or the "
                f"region is wrong, `dcp-engine abort {run.names.app_name}` ends this run."
            )
            self._drive.problem("queue-missing", text, needs_person=True)
            return QueueSeen.MISSING
        text = (
            f"The queue {queue} was there and AWS now says that it does not exist"
            + (f" (another of that name was made at {newer:%Y-%m-%d %H:%M} UTC)" if newer else "")
            + ". When that stays so, the run is over."
        )
        self._drive.commit(
            lambda run: replace(run, queue_missing=(*run.queue_missing, now)[-200:], readings=())
        )
        self._drive.problem("queue-missing", text)
        return QueueSeen.MISSING


def _of_queue(reading: Reading) -> Sample:
    return Sample(
        at=reading.at,
        values={
            series.VISIBLE: reading.visible,
            series.IN_FLIGHT: reading.in_flight,
            series.DELAYED: reading.delayed,
        },
    )


def _moment(fact: FleetFacts | None, now: datetime) -> datetime:
    """When AWS said so, by this computer's clock."""
    return now if fact is None else now - fact.age


def _of_fleets(known: Sequence[FleetFacts], machines: int, now: datetime) -> list[Sample]:
    if not known:
        return []
    values: dict[str, float] = {
        series.TARGET: sum(fact.target for fact in known),
        series.FULFILLED: sum(fact.fulfilled for fact in known),
        series.MACHINES: machines,
    }
    return [Sample(at=min(_moment(fact, now) for fact in known), values=values)]


def _counted(run: Run, facts: QueueFacts, settings: Settings) -> Run:
    reading: Reading = facts.reading
    identities: Identities = replace(
        run.identities,
        queue_url=facts.url,
        queue_created_at=facts.created_at,
        queue_retention=facts.retention or run.identities.queue_retention,
        queue_visibility=facts.visibility_timeout or run.identities.queue_visibility,
        dead_letter_queue_arn=facts.dead_letter_queue_arn,
    )
    return replace(
        run,
        reading=reading,
        readings=add_reading(run.readings, reading, settings),
        queue_missing=(),
        jobs_seen=run.jobs_seen or reading.total > 0,
        identities=identities,
    )


def _looked(fleet: Fleet, fact: FleetFacts | None, machines: int, now: datetime) -> Fleet:
    if fact is None:
        # AWS forgets ended requests after 48 hours; one that was never seen stays unknown.
        if fleet.observed_at is None:
            return replace(fleet, state=UNKNOWN)
        return replace(
            fleet,
            state="gone",
            target=0,
            fulfilled=0.0,
            active=0,
            driver=None,
            driven_until=None,
            observed_at=now,
        )
    mark = tag_of(fact.tags, fact.observed_at)
    return replace(
        fleet,
        state=fact.state,
        type=fact.type,
        target=fact.target,
        fulfilled=fact.fulfilled,
        active=machines,
        largest_weight=fact.largest_weight,
        bid=fact.bid,
        valid_until=fact.valid_until,
        driver=mark.store if mark else None,
        driven_until=mark.until if mark else None,
        observed_at=now,
    )


def _too_seldom(run: Run, before: Sequence[Reading]) -> str | None:
    """One long gap is a laptop that slept; a second one right after it is a habit."""
    if len(before) != 1 or len(run.readings) != 1 or run.state is not State.DRAINING:
        return None
    gap = run.readings[0].at - before[0].at
    if not (before[0].empty and run.readings[0].empty and gap > LONGEST_GAP):
        return None
    return (
        f"The queue {run.names.queue} looks empty, but nobody looks often enough to be sure: the "
        f"last two counts were {round(gap.total_seconds() / 60)} minutes apart, and jobs could "
        "have come and gone in between. Until counts at most 30 minutes apart agree, the machines "
        "run on and are billed. Have cron tick the run every 5 minutes, or type: dcp-engine "
        f"resume {run.names.app_name}"
    )
