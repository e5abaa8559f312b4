"""The watching half of a tick: look, decide, move; in PENDING, RUNNING and DRAINING."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from dcp_engine import words
from dcp_engine.census import steady
from dcp_engine.clock import Clock
from dcp_engine.decide import Decision, decide, orphans_possible
from dcp_engine.defaults import Settings
from dcp_engine.drive import Drive
from dcp_engine.machine import Move
from dcp_engine.model import DutyRecord, Outcome, Reading, Run, with_duty
from dcp_engine.moves import Mover
from dcp_engine.watch import QueueSeen, Watch

_LOOK = "look-at-fleets"
_IDENTIFY = "record-identities"
_THIN = "thin-numbers"
_THIN_EVERY = timedelta(hours=1)
_IDENTITIES_LAST = timedelta(hours=6)


class Watching:
    """One pass over a run whose work is not over.

    `after_look` is called whenever the fleets were seen, with the moment by AWS's clock.
    """

    def __init__(
        self,
        drive: Drive,
        watch: Watch,
        mover: Mover,
        clock: Clock,
        settings: Settings,
        *,
        after_look: Callable[[datetime], None],
    ) -> None:
        self._drive = drive
        self._watch = watch
        self._mover = mover
        self._clock = clock
        self._settings = settings
        self._after_look = after_look

    def one_pass(self) -> None:
        """Count, look where it is due, and make every move that follows. Raises Credentials."""
        before_count = self._drive.run.reading
        idle = self._drive.run.active_machines == 0
        counted = self._watch.count_jobs()
        if counted is QueueSeen.COUNTED and self._drive.run.dead_letters_before is None:
            before = self._watch.count_dead_letters()
            self._drive.commit(lambda run: replace(run, dead_letters_before=before))
        fell = _fell(before_count, self._drive.run.reading)
        self._note_long_absence(before_count, fell)
        self._look(now=idle and fell > 0)
        if counted is QueueSeen.COUNTED:
            self._note_unworked()
        while decision := decide(
            self._drive.run,
            counted=counted is QueueSeen.COUNTED,
            now=self._clock.now(),
            settings=self._settings,
        ):
            if decision.move is Move.WORK_OVER:
                self._end(decision)
                return
            self._follow(decision)

    def _note_long_absence(self, before: Reading | None, fell: int) -> None:
        """Jobs that were left when nobody looked for longer than the queue keeps a job.

        They were worked on or they expired; which, nobody can say any more.
        """
        run = self._drive.run
        now, keeps = run.reading, run.identities.queue_retention
        if before is None or now is None or keeps is None or not fell:
            return
        absent = now.at - before.at
        if absent < keeps:
            return
        text = (
            f"Nobody looked at {run.names.app_name} for {words.counted(absent.days, 'day')}, and "
            f"its queue keeps a job for {words.counted(keeps.days, 'day')}. Of the jobs that were "
            f"left then {fell} are gone; they may have expired before anybody worked on them."
        )
        self._drive.commit(
            lambda run: replace(run, unworked_fall=run.unworked_fall + fell),
            events=[("long-absence", text, {"jobs": fell, "days": absent.days})],
        )

    def _note_unworked(self) -> None:
        """Note how many jobs went away while no machine was up: nobody worked on those.

        The counts are approximate, so a fall is one only when `empty_readings` of them agree.
        """
        run = self._drive.run
        left: int | None = None
        gone = 0
        if run.active_machines is None or run.reading is None:
            return
        # Machines that could not be looked at are not known to be none, whatever was seen before.
        # Nor are they where the request counts capacity that the list of its machines, which may be
        # behind, does not show.
        fulfilled = any(fleet.live and fleet.fulfilled for fleet in run.fleets)
        if run.active_machines == 0 and not fulfilled and not run.problem("fleet-unreadable"):
            enough = max(1, self._settings.empty_readings)
            latest = [reading.total for reading in run.readings[-enough:]]
            left = max(run.idle_jobs or 0, run.reading.total)
            if len(latest) == enough and max(latest) < left:
                gone, left = left - max(latest), max(latest)
        if gone or left != run.idle_jobs:
            self._drive.commit(
                lambda run: replace(run, idle_jobs=left, unworked_fall=run.unworked_fall + gone)
            )

    def _look(self, *, now: bool) -> None:
        run = self._drive.run
        # Until a machine is up there is something to tell: AWS's own reasons why none is.
        coming = not run.active_machines and any(
            fleet.live or fleet.observed_at is None for fleet in run.fleets
        )
        every = self._settings.downscale_interval
        if now or coming:
            seen = self._watch.look_at_fleets(why_late=coming)
        elif self._due(_LOOK, every):
            seen = self._watch.look_at_fleets(shared=True)
        else:
            # So the runs of one process come to look together, with one question for all.
            seen = self._due(_LOOK, every / 2) and self._watch.look_along()
        self._looked(_LOOK, seen)
        if seen and self._watch.looked_at is not None:
            self._after_look(self._watch.looked_at)
        if self._due(_IDENTIFY, self._identify_every):
            self._looked(_IDENTIFY, self._watch.record_identities())
        if self._due(_THIN, _THIN_EVERY):
            self._drive.thin()
            self._looked(_THIN, succeeded=True)

    @property
    def _identify_every(self) -> timedelta:
        """A fleet that came means that the cluster was started again, with what it made for that.

        Else nothing of the run's comes while it works; and when its end is near it is looked again.
        """
        run = self._drive.run
        record = run.duty(_IDENTIFY)
        since = record.last_at if record else None
        if since is None or any(fleet.added_at > since for fleet in run.fleets):
            return timedelta(0)
        return _IDENTITIES_LAST if steady(run) else self._settings.alarm_sweep_interval

    def _due(self, name: str, every: timedelta) -> bool:
        record = self._drive.run.duty(name)
        return (
            record is None or record.last_at is None or self._clock.now() - record.last_at >= every
        )

    def _looked(self, name: str, succeeded: bool) -> None:
        if not succeeded:
            return
        now = self._clock.now()
        self._drive.observe(lambda run: with_duty(run, DutyRecord(name=name, last_at=now)))

    def _follow(self, decision: Decision) -> None:
        if decision.move is Move.NONE_WAITING:
            letters = self._new_dead_letters()

            def draining(run: Run) -> Run:
                # The last jobs may come back and drain again, each time a little deader; what
                # counts is how many were dead when the draining first began.
                first = run.dead_letters_draining
                return replace(
                    run,
                    dead_letters=letters,
                    dead_letters_draining=letters if first is None else first,
                    orphans_until=None,
                )

            self._mover.move(decision.move, decision.reason, draining)
        else:
            self._mover.move(decision.move, decision.reason)

    def _end(self, decision: Decision) -> None:
        # What went to the dead letters during the drain is only known now, and it decides.
        letters = self._new_dead_letters()
        self._drive.commit(lambda run: replace(run, dead_letters=letters))
        if self._orphans_have_time():
            return
        outcome = decision.outcome
        if outcome is Outcome.COMPLETED and letters:
            outcome = Outcome.COMPLETED_WITH_DEAD_LETTERS
        self._mover.move(decision.move, decision.reason, lambda run: replace(run, outcome=outcome))

    def _new_dead_letters(self) -> int | None:
        run = self._drive.run
        now = self._watch.count_dead_letters()
        if now is None:
            return run.dead_letters
        return max(0, now - (run.dead_letters_before or 0))

    def _orphans_have_time(self) -> bool:
        """Whether machines that may still be at work are to be waited for; once per drain."""
        run = self._drive.run
        why = orphans_possible(run)
        if why is None:
            return False
        if run.orphans_until is not None:
            return self._clock.now() < run.orphans_until
        until = self._clock.now() + self._settings.orphan_grace

        def graced(run: Run) -> Run:
            return replace(run, orphans_until=until)

        text = f"The queue shows no work, but {why}. They get until {until:%H:%M:%S} UTC to finish."
        self._drive.commit(graced, events=[("orphan-grace", text, {"until": until.isoformat()})])
        return True


def _fell(before: Reading | None, now: Reading | None) -> int:
    return max(0, before.total - now.total) if before and now else 0
