"""Which machines are up in a run's fleets, and what is known of each of them.

EC2 is asked for every machine where something may have changed, where somebody goes by what is
known of each, and once an hour. In between the fleets' own fulfilled capacity tells how many there
are: where it is as many as were found up, there is nothing new to see but a machine that was
replaced by another within minutes, and that one is found within the hour.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.errors import AwsError, Credentials, OutOfTime
from dcp_engine.model import DutyRecord, Fleet, Run, State, with_duty
from dcp_engine.ports import Aws, FleetFacts, MachineFacts
from dcp_engine.roll import called

CALL: Final = "call-the-roll"
# EC2 shows a terminated instance for about an hour (Amazon EC2 User Guide, "Terminate instances"),
# and the looks at the fleets are ten minutes apart: so none comes and goes unseen.
_AT_LEAST_EVERY: Final = timedelta(minutes=50)
_UP = frozenset({"pending", "running"})


def steady(run: Run) -> bool:
    """Whether jobs wait, machines are up that work on them, and nothing is wrong with the run."""
    wrong = any(not problem.advice for problem in run.problems)
    return run.state is State.RUNNING and bool(run.active_machines) and not wrong


class Census:
    """The machines of one run, at one look at its fleets."""

    def __init__(self, drive: Drive, aws: Aws, clock: Clock, *, every_look: bool) -> None:
        """With `every_look` each machine is asked for, since somebody goes by that."""
        self._drive = drive
        self._aws = aws
        self._clock = clock
        self.every_look = every_look

    def take(self, fleets: Mapping[str, FleetFacts | None]) -> Mapping[str, int]:
        """How many machines are up in each fleet that AWS knows; what is known of each is noted.

        Raises AwsError.
        """
        as_before = self._as_before(fleets)
        if as_before is not None:
            return as_before
        shown = self._shown()
        active = {
            fleet_id: self._active(fleet_id, shown)
            for fleet_id, facts in fleets.items()
            if facts is not None
        }
        if shown is not None:
            self._call_the_roll(shown, {i: fleet for fleet, ids in active.items() for i in ids})
        return {fleet_id: len(ids) for fleet_id, ids in active.items()}

    def _as_before(self, fleets: Mapping[str, FleetFacts | None]) -> Mapping[str, int] | None:
        """The machines of each fleet where they need not be asked for; else None."""
        run = self._drive.run
        record = run.duty(CALL)
        last = record.last_at if record else None
        if self.every_look or last is None or not steady(run):
            return None
        if not timedelta(0) <= self._clock.now() - last < _AT_LEAST_EVERY:
            return None
        if not all(_is_as_before(fleet, fleets.get(fleet.id)) for fleet in run.fleets):
            return None
        return {fleet.id: fleet.active or 0 for fleet in run.fleets if fleets.get(fleet.id)}

    def _shown(self) -> Sequence[MachineFacts] | None:
        """The fleets' machines as EC2 shows them, None where it does not."""
        try:
            shown = self._aws.machines.facts(self._drive.run.fleet_ids)
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            self._drive.failed(
                "machines-unreadable",
                f"EC2 does not tell what it knows of the run's machines: {error}. They work on, "
                "and the fleet's own list says which are up. Until EC2 answers nothing is known "
                "of a new one but its id, and one that ends keeps its alarm, which costs no "
                "machine's time. It is asked again.",
                error,
            )
            return None
        self._drive.problems({"machines-unreadable": None})
        return shown

    def _active(self, fleet_id: str, shown: Sequence[MachineFacts] | None) -> Sequence[str]:
        """The machines of a fleet that are up.

        The fleet's own list is asked for where EC2 does not show what is known to be up, or shows
        none that is: that there is none must not be believed of one answer.
        """
        found = {one.id: one for one in shown or () if one.fleet_id == fleet_id}
        alive = [one.id for one in found.values() if one.state in _UP]
        known = (m for m in self._drive.machines if m.fleet_id == fleet_id and m.ended_at is None)
        if alive and all(machine.instance_id in found for machine in known):
            return alive
        return self._aws.capacity.machines(fleet_id)

    def _call_the_roll(self, shown: Sequence[MachineFacts], active: Mapping[str, str]) -> None:
        """Bring what is known of the machines up to date; `active` is instance id → fleet id.

        What is recorded as the run's may be ended by its id, so a machine is only when EC2's own
        tag gives it to one of the fleets: a fleet's list alone is not believed. One that cannot be
        confirmed now is when it is seen again, and the teardown looks for them all by that tag.
        """
        now = self._clock.now()
        known = {machine.instance_id: machine for machine in self._drive.machines}
        self._drive.note_machines(called(known, shown, active, now))
        self._drive.observe(lambda run: with_duty(run, DutyRecord(name=CALL, last_at=now)))


def _is_as_before(fleet: Fleet, facts: FleetFacts | None) -> bool:
    """Whether the capacity that AWS counts is just the machines that were found in it.

    Only where each machine counts for one: else others may have taken the place of some.
    """
    if facts is None:
        return fleet.state == "gone"
    return (
        facts.state == fleet.state
        and facts.largest_weight == 1.0
        and fleet.active is not None
        and facts.fulfilled == fleet.active
    )
