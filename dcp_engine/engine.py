"""The tick: one bounded pass over one run. Observe, decide, commit, act, deliver.

`monitor` is ticks in a loop, cron is one tick, and a process that takes over from a dead one simply
does the next tick: everything that matters is in the store.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from dcp_engine.auto_monitor import see_to_it
from dcp_engine.claims import ELSEWHERE, Claims, another_driver
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.drive import UNREACHABLE, Drive
from dcp_engine.durations import format_duration
from dcp_engine.duties import Duties
from dcp_engine.errors import (
    AwsError,
    Credentials,
    LeaseHeld,
    LeaseLost,
    OutOfTime,
    StoreError,
    StoreUnwritable,
    Transient,
)
from dcp_engine.hookspecs import Tick
from dcp_engine.late import jobs_came_late, jobs_waiting
from dcp_engine.log_export import logs_step
from dcp_engine.machine import Move, RunMachine
from dcp_engine.model import Cancelled, Event, Holder, Lease, Outcome, Run, State
from dcp_engine.moves import Mover
from dcp_engine.outbox import deliver
from dcp_engine.plugin_reports import PluginReports
from dcp_engine.plugins import Plugins
from dcp_engine.ports import Aws, Cloud
from dcp_engine.refile import read_again
from dcp_engine.remembered import RememberedRuns
from dcp_engine.reminders import remind
from dcp_engine.store.protocol import Store
from dcp_engine.teardown import Teardown
from dcp_engine.watch import Watch
from dcp_engine.watching import Watching
from dcp_engine.wishes import obey

_SLOW = "slow"
_NOTHING_CAN_BE_DONE = (
    "credentials",
    "other-account",
    "account-unknown",
    UNREACHABLE,
    ELSEWHERE,
)


class TickReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick came to. `held_by` names the driver that has the run, when it is not us."""

    run: Run
    events: tuple[Event, ...] = ()
    held_by: str | None = None
    lease: Lease | None = None


class _Kept(NamedTuple):
    """A run as it was last written, under a lease by which nobody else can have written it since.

    Should somebody have taken it all the same, the next commit and the next changing call say so.
    """

    lease: Lease
    run: Run
    untold: bool


class Engine:
    """Ticks runs; holds nothing between ticks but its tools, and what it has a lease on."""

    def __init__(
        self,
        *,
        store: Store,
        cloud: Cloud,
        clock: Clock,
        settings: Settings,
        plugins: Plugins,
        holder: Holder,
        is_dead: Callable[[Holder], bool],
    ) -> None:
        self._store = store
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._plugins = plugins
        self._holder = holder
        self._is_dead = is_dead
        self._machine = RunMachine()
        self._duties = plugins.duties(settings)
        self._go_by_machines = frozenset[State]().union(
            *(owned.item.states for owned in self._duties if owned.item.needs_roll)
        )
        steps = plugins.teardown_steps(settings)
        strangers = [owned.item.name for owned in steps if owned.third_party]
        self._steps = (
            logs_step(plugins.log_exporters(settings), plugins, strangers),
            *steps,
        )
        self._notifiers = plugins.notifiers()
        self._reports = PluginReports(plugins, clock, settings)
        self._records = RememberedRuns.of(store)
        self._kept: dict[str, _Kept] = {}

    def tick(self, run_id: str, *, keep_lease: bool = False) -> TickReport:
        """One tick. With `keep_lease` the run stays this driver's until its lease lapses.

        AWS's failures are problems of the run, not exceptions. Raises NoSuchRun, and StoreError:
        where the database cannot be written, the fleets of a run whose TEARDOWN is in it are
        stopped all the same, before StoreUnwritable is raised and says so.
        """
        known, untold = None, True
        kept = self._kept.pop(run_id, None)
        if kept is not None and kept.lease.lasts(
            self._clock.now(), self._enough, most=self._settings.lease_ttl
        ):
            lease, known, untold = kept
        else:
            run = self._store.run(run_id)
            if not run.live and not self._store.due(run_id, self._clock.now()):
                return TickReport(run=run)
            try:
                lease = self._store.acquire(
                    run_id,
                    self._holder,
                    self._settings.lease_ttl,
                    self._clock.now(),
                    self._is_dead,
                    enough=self._enough,
                )
            except LeaseHeld as held:
                return TickReport(run=run, held_by=str(held))
            except StoreUnwritable as error:
                raise self.unwritable(run, error) from error
        drive = Drive(
            self._store,
            self._clock,
            self._settings,
            lease,
            self._notifiers,
            run=known,
            untold=untold,
        )
        try:
            self._drive(drive)
            if keep_lease and drive.run.live and drive.is_written:
                self._kept[run_id] = _Kept(lease, drive.run, drive.untold)
        except LeaseLost as lost:
            return TickReport(
                run=self._store.run(run_id), events=tuple(drive.events), held_by=str(lost)
            )
        except StoreUnwritable as error:
            raise self.unwritable(self._store.run(run_id), error) from error
        finally:
            if not keep_lease:
                self.let_go(lease)
        return TickReport(run=drive.run, events=tuple(drive.events), lease=lease)

    @property
    def _enough(self) -> timedelta:
        """What must be left of a lease at the beginning of a tick."""
        return self._settings.tick_deadline + self._settings.request_timeout

    def hurry(self) -> None:
        """Somebody waits for the ticks under way: what fails in them is soon given up."""
        self._cloud.hurry()

    def let_go(self, lease: Lease) -> None:
        """Free a lease that `tick` was asked to keep."""
        self._kept.pop(lease.run_id, None)
        try:
            self._store.release(lease)
        except StoreUnwritable:
            # It lapses by itself, and the death of this process frees it at once.
            return

    def let_go_of_all(self, leases: Sequence[Lease]) -> None:
        """Free leases that `tick` was asked to keep, all at once."""
        for lease in leases:
            self._kept.pop(lease.run_id, None)
        try:
            self._store.release_all(leases)
        except StoreError:
            # They lapse by themselves, and the death of this process frees them at once.
            return

    def _drive(self, drive: Drive) -> None:
        began = self._clock.monotonic()
        aws = self._aws(drive, drive.deadline)
        mover = Mover(drive, self._machine, self._clock)
        teardown = Teardown(
            drive, aws, self._clock, self._settings, steps=self._steps, plugins=self._plugins
        )
        claims = Claims(drive, aws, self._clock, self._store.identity())
        was_live = drive.run.live
        try:
            if drive.run.live:
                self._reports.begin(drive)
                obey(drive, mover)
            if drive.run.live:
                if self._is_ours(drive, aws):
                    read_again(drive, aws, self._clock)
                    self._pass(drive, aws, mover, teardown, claims)
                drive.problems({_SLOW: None})
                if drive.answered:
                    drive.problems({"credentials": None})
                    if not drive.cut_off:
                        drive.problems({UNREACHABLE: None})
            if was_live and drive.run.outcome is Outcome.RELEASED:
                self._unmark(drive, aws, claims)
        except Credentials as error:
            self._cloud.forget_credentials()
            self._say_login(drive, error)
        except OutOfTime:
            # The deadline keeps ticks short; the next one goes on from here.
            drive.problem(_SLOW, _slow(drive.run, self._settings))
        remind(drive, self._clock)
        deliver(drive, self._store, self._plugins, self._clock)
        self._let_look_on(drive, began, ended=was_live and not drive.run.live)
        self._schedule(drive, teardown)

    def _let_look_on(self, drive: Drive, began: float, *, ended: bool) -> None:
        usage = drive.meter.reading()
        tick = Tick(
            at=self._clock.now(),
            took=timedelta(seconds=self._clock.monotonic() - began),
            calls=usage.calls,
            retries=usage.retries,
        )
        self._reports.look_on(drive, tick, self._records, ended=ended)

    def _pass(
        self, drive: Drive, aws: Aws, mover: Mover, teardown: Teardown, claims: Claims
    ) -> None:
        watch = Watch(
            drive,
            aws,
            self._clock,
            self._settings,
            every_machine=drive.run.state in self._go_by_machines,
            content=claims.content,
        )

        def after_look(at: datetime) -> None:
            claims.keep(at)
            if not claims.step_back():
                see_to_it(drive, aws)

        if drive.run.state.watches:
            Watching(
                drive, watch, mover, self._clock, self._settings, after_look=after_look
            ).one_pass()
        if drive.run.state.watches:
            if not claims.step_back():
                Duties(drive, aws, self._clock, self._settings, self._plugins).do(self._duties)
            obey(drive, mover)
        if drive.run.state is not State.TEARDOWN:
            return
        if jobs_came_late(drive, self._soon(drive), mover):
            return
        if not drive.run.first_cancel_at and not claims.may_cancel(self._soon(drive)):
            return

        def know_what_is_left() -> None:
            # An abort may come before the first look: what is the run's is then recorded now.
            if drive.run.identities.queue_created_at is None and not drive.run.ended("queue"):
                watch.count_jobs()
            if drive.run.identities.seen_at is None:
                watch.record_identities()

        if teardown.one_pass(know_what_is_left):
            summary = self._plugins.summary(drive.run)
            # There is no other tick in which that could be told.
            self._reports.report(drive)
            mover.move(
                Move.ALL_ENDED,
                "every step has ended",
                lambda run: replace(run, summary=summary),
                data={"summary": summary} if summary else {},
            )

    def _is_ours(self, drive: Drive, aws: Aws) -> bool:
        """Whether the credentials open the account that the run was registered in."""
        run = drive.run
        fingerprint = aws.identity.key_fingerprint()
        if fingerprint == run.key_checked:
            # Others may have been given meanwhile; these are the right ones again.
            drive.problems({"other-account": None, "account-unknown": None})
            return True
        try:
            account = aws.identity.account()
        except (Credentials, OutOfTime):
            raise
        except AwsError as error:
            drive.failed(
                "account-unknown",
                f"The account could not be checked: {error}. Until it can be, nothing else is "
                "asked or changed, and the machines run on.",
                error,
            )
            return False
        if account != run.account:
            drive.problem(
                "other-account",
                f"{run.names.app_name} was registered in account {run.account}, and these "
                f"credentials open account {account}. Nothing was asked or changed there; use the "
                "profile that the run was registered with.",
                needs_person=True,
            )
            return False
        drive.commit(lambda run: replace(run, key_checked=fingerprint))
        drive.problems({"other-account": None, "account-unknown": None})
        return True

    def _unmark(self, drive: Drive, aws: Aws, claims: Claims) -> None:
        """Whoever takes up a released run need not wait for our mark on its fleets to lapse."""
        with suppress(AwsError):
            if aws.identity.key_fingerprint() == drive.run.key_checked:
                claims.let_go()

    def _say_login(self, drive: Drive, error: Credentials) -> None:
        drive.problem(
            "credentials",
            f"{drive.run.names.app_name} cannot be watched: "
            f"{(error.message or error.code).rstrip('.')}. Type: {self._cloud.login_command()}",
            needs_person=True,
        )

    def _schedule(self, drive: Drive, teardown: Teardown) -> None:
        now = self._clock.now()
        run = drive.run
        usual = now + self._settings.poll_interval
        if run.problem("no-capacity"):
            # Nobody works on the jobs, so their number is not worth asking for every minute.
            usual = now + max(self._settings.poll_interval, self._settings.downscale_interval)
        moment: datetime | None = usual if run.live else None
        if run.state is State.TEARDOWN and not any(map(run.problem, _NOTHING_CAN_BE_DONE)):
            moment = min(teardown.next_at() or usual, usual)
        drive.commit(lambda run: replace(run, next_tick_at=moment, last_tick_at=now))

    def unwritable(self, run: Run, error: StoreUnwritable) -> StoreUnwritable:
        """The error for a tick that could not be written down, after `stop_without_memory`.

        It says what became of the fleets, where the run is one whose money must stop.
        """
        try:
            stopped = self.stop_without_memory(run)
        except AwsError as failed:
            stopped = (
                f"{run.names.app_name} is being taken down, and its fleets could not be stopped "
                f"either: {failed}. Cancel them yourself in the EC2 console, under Spot Requests: "
                f"{', '.join(run.fleet_ids)}."
            )
        return StoreUnwritable(f"{error} {stopped}") if stopped else error

    def stop_without_memory(self, run: Run) -> str | None:
        """TEARDOWN is committed and the database cannot be written: stop the fleets all the same.

        Nothing but the recorded ids is used, and cancelling twice does no harm. What was done, in
        words; None when there was nothing to do. Raises AwsError.
        """
        if run.state is not State.TEARDOWN or run.machines_ended_at is not None:
            return None
        aws = self._unleased(run)
        if aws.identity.account() != run.account:
            return None
        if run.first_cancel_at is None and self._is_driven_elsewhere(aws, run):
            return None
        undecided = run.first_cancel_at is None and run.abort_requested_at is None
        if undecided and jobs_waiting(aws, run):
            return None
        answers = aws.capacity.cancel(run.fleet_ids)
        left = [fleet_id for fleet_id, answer in answers.items() if answer == Cancelled.FAILED]
        if left:
            raise Transient(
                "ec2:CancelSpotFleetRequests", "unexpectedError", f"not done for {', '.join(left)}"
            )
        return (
            f"{run.names.app_name} is being taken down already, so its machines were not left "
            f"running for that: AWS was told to stop {', '.join(run.fleet_ids)} with all machines."
        )

    def _is_driven_elsewhere(self, aws: Aws, run: Run) -> bool:
        try:
            facts = aws.capacity.describe(run.fleet_ids)
        except AwsError:
            return False
        other = another_driver(facts, self._store.identity())
        return other is not None and run.taking_over is None

    def _aws(self, drive: Drive, deadline: float) -> Aws:
        return self._cloud.bind(
            lambda: drive.run,
            drive.machine_ids,
            deadline=deadline,
            guard=drive.guard,
            meter=drive.meter,
        )

    def _soon(self, drive: Drive) -> Aws:
        """AWS with little patience, for a question whose answer must not hold the money up."""
        patience = self._settings.request_timeout.total_seconds()
        return self._aws(drive, min(drive.deadline, self._clock.monotonic() + patience))

    def _unleased(self, run: Run) -> Aws:
        deadline = self._clock.monotonic() + self._settings.tick_deadline.total_seconds()
        return self._cloud.bind(
            lambda: run,
            lambda: [machine.instance_id for machine in self._store.machines(run.id)],
            deadline=deadline,
            guard=lambda: None,
        )


def _slow(run: Run, settings: Settings) -> str:
    return (
        f"AWS answers so slowly that not all there was to do for {run.names.app_name} was done "
        f"within {format_duration(settings.tick_deadline)}. What was left is done in the next "
        "tick; the machines run on meanwhile."
    )
