"""The composition root: what the command line may ask for, wired together once."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dcp_engine.clock import Clock, SystemClock
from dcp_engine.crash import CrashPoint, no_crash
from dcp_engine.defaults import Settings
from dcp_engine.errors import (
    AwsError,
    Credentials,
    EngineError,
    NoSuchRun,
    Refused,
    StoreError,
    StoreUnwritable,
)
from dcp_engine.loaded import Selection
from dcp_engine.model import Event, Holder, Lease, PluginRecord, Request, RequestKind, Run
from dcp_engine.status import Status, exit_code, status_of, waivable

if TYPE_CHECKING:
    from dcp_engine.at_stake import AtStake
    from dcp_engine.doctor.finding import Finding
    from dcp_engine.engine import Engine
    from dcp_engine.engine import TickReport as TickReport  # noqa: PLC0414 - for who calls `tick_all`
    from dcp_engine.patrol import Stop
    from dcp_engine.picture import Picture
    from dcp_engine.plugin_desk import PluginDesk
    from dcp_engine.plugins import Plugins
    from dcp_engine.ports import Cloud
    from dcp_engine.register import Registered
    from dcp_engine.share import Share
    from dcp_engine.store.protocol import Store
    from dcp_engine.supervisor import Start, Team


WATCH: Final = "dcp-engine watch"
"""The label of a process that looks after all runs."""

# Where there is a `watch` it has nearly all runs: to look through thousands finds nothing else.
_NEWEST: Final = 20
# What another process of `watch` has beyond the longest of its looks, to end or to show itself.
_OVERTIME: Final = timedelta(minutes=1)


class App:
    """One process's engine. Nothing is opened, imported or asked before it is needed."""

    def __init__(
        self,
        *,
        database: Path,
        settings: Settings,
        region: str | None = None,
        profile: str | None = None,
        clock: Clock | None = None,
        label: str = "dcp-engine",
        plugins: Selection | None = None,
        insist: bool = False,
        crash: CrashPoint = no_crash,
    ) -> None:
        """With `insist` plugins are loaded that are left alone for a time, too."""
        self.database = database
        self.settings = settings
        self._region = region
        self._profile = profile
        self._clock = clock or SystemClock()
        self._label = label
        self._selection = plugins or Selection()
        self._insist = insist
        self._crash = crash
        self._called: Plugins | None = None

    # What needs the store alone.

    def runs(self, *, live: bool = True) -> list[Status]:
        """Every live run, or every run, the newest first."""
        return [self._status(run) for run in self._reader.runs(live=live)]

    def find(self, name: str) -> Run:
        """The run of that APP_NAME or run id.

        An APP_NAME means the live run of that name, or else the newest that has ended. Raises
        NoSuchRun, and Ambiguous when live runs in several accounts or regions have the name.
        """
        return self._find(self._reader, name)

    def status(self, name: str) -> Status:
        """Everything the store knows of a run. Raises NoSuchRun, Ambiguous."""
        return self._status(self.find(name))

    def history(self, name: str, after: str | None = None) -> list[Event]:
        """A run's events in order, or those after one. Raises NoSuchRun, Ambiguous."""
        return self._reader.events(self.find(name).id, after)

    def picture(self, name: str) -> "Picture":
        """Everything that there is to see of a run. Raises NoSuchRun, Ambiguous."""
        from dcp_engine.picture import picture  # noqa: PLC0415 - only where it is shown

        run, store = self.find(name), self._reader
        return picture(
            run,
            machines=store.machines(run.id),
            events=store.events(run.id),
            numbers=store.samples(run.id, subject=None),
            now=self._clock.now(),
        )

    def runs_to_tick(self) -> list[Run]:
        """Every run that a tick may have something to do for, the oldest first.

        Those are the live ones, and ended ones that still have something to tell.
        """
        now = self._clock.now()
        runs = self._reader.runs()
        return [run for run in reversed(runs) if run.live or self._reader.due(run.id, now)]

    def watch_at_work(self) -> Holder | None:
        """A living process of `watch` that drives one of the newest runs; None where none does."""
        for run in self._reader.runs()[:_NEWEST]:
            lease = self._lease_in_force(run)
            if lease is not None and lease.holder.label == WATCH:
                return lease.holder
        return None

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self._clock.now()

    # What needs AWS.

    def register(
        self,
        path: Path,
        *,
        cheapest: bool | None = None,
        allow_missing: bool = False,
        take_over: bool = False,
    ) -> "Registered":
        """Register the run of a monitor file, or find it; engage or disengage cheapest mode.

        With `take_over` it is driven from here, whoever else does, and Auto-Monitor is disarmed.

        Raises BadInput, Refused, AwsError, StoreError.
        """
        from dcp_engine import monitor_file  # noqa: PLC0415 - only when asked for
        from dcp_engine.register import Registrar  # noqa: PLC0415

        monitor = monitor_file.read(path)
        try:
            self._cloud.region  # noqa: B018 - reading it fails where there is no such profile
        except Credentials as error:
            login = self._cloud.login_command()
            raise Refused(f"Nothing was registered: {error.message}. Type: {login}") from error
        registrar = Registrar(
            self._store, self._cloud, self._clock, self.settings, self._plugins.notifiers()
        )
        registered = registrar.register(
            monitor, path, allow_missing=allow_missing, take_over=take_over
        )
        if cheapest is not None and registered.run.live:
            self.set_cheapest(registered.run, cheapest)
        return registered

    def set_cheapest(self, run: Run, engaged: bool) -> None:
        """Ask for cheapest mode, or for it to be left before it has acted."""
        self._ask(run, RequestKind.CHEAPEST_ON if engaged else RequestKind.CHEAPEST_OFF)

    def tick(self, name: str, *, keep_lease: bool = False) -> "TickReport":
        """One tick of a run. Raises NoSuchRun, Ambiguous, StoreError.

        Where the database cannot be written, a run whose TEARDOWN is in it has its fleets stopped
        all the same, before StoreUnwritable is raised.
        """
        try:
            store = self._store
        except StoreUnwritable as error:
            raise self._unwritable(name, error) from error
        return self._engine.tick(self._find(store, name).id, keep_lease=keep_lease)

    def tick_all(
        self, names: Sequence[str], *, threads: int = 32
    ) -> "dict[str, TickReport | Exception]":
        """One tick of each of these runs, as `watch` makes them; what each came to or raised.

        `threads` is how many are made at once. Raises StoreBroken.
        """
        if len(names) < 2:
            return {name: self._ticked(name) for name in names}
        from dcp_engine.one_round import one_round  # noqa: PLC0415 - for several alone

        with suppress(StoreUnwritable):
            # Made here, and not by several threads at the same time.
            _ = self._engine
        came: dict[str, TickReport | Exception] = {}
        runs: dict[str, Run] = {}
        called: dict[str, list[str]] = {}
        for name in names:
            try:
                run = self._find(self._reader, name)
            except EngineError as error:
                came[name] = error
            else:
                runs[run.id] = run
                called.setdefault(run.id, []).append(name)
        self._cloud.expect(runs.values())

        def look(run_id: str) -> None:
            came.update(dict.fromkeys(called[run_id], self._ticked(run_id)))

        one_round(runs, look, threads=threads, clock=self._clock)
        return {name: came[name] for name in names}

    def _ticked(self, name: str) -> "TickReport | Exception":
        # What fails for one must not keep the others from their tick: they have machines too.
        try:
            return self.tick(name)
        except Exception as error:  # noqa: BLE001 - it is said in words, or shown as a defect
            return error

    def watch(
        self,
        *,
        stop: "Stop",
        threads: int,
        tell: Callable[[Run, Sequence[Event]], None],
        warn: Callable[[str], None],
        ready: Callable[[int, int], None],
        share: "Share | None" = None,
        sign_of_life: Callable[[], None] = lambda: None,
        start: "Start | None" = None,
        processes: Callable[[int], int] = lambda runs: 1,
    ) -> None:
        """Look after every run, each on its own clock, until `stop` says so.

        At most `threads` runs are looked at at once. `tell` and `warn` are called from other
        threads, one at a time; `ready` is told how many runs there are and how many processes
        look after them, whenever that changes.

        `processes` says how many processes so many runs take. This one looks after an equal share
        of them, and `start` starts the one for another share. With `share` this is such a one: it
        looks after those alone, starts nobody, and gives a `sign_of_life` about once a second.

        Raises StoreError where the database cannot be opened.
        """
        from dcp_engine.heap import share_one_heap  # noqa: PLC0415
        from dcp_engine.lookout import Lookout  # noqa: PLC0415
        from dcp_engine.supervisor import Alone, Supervisor  # noqa: PLC0415
        from dcp_engine.whole import load_all  # noqa: PLC0415

        load_all()
        share_one_heap()
        team: Team = Alone(share, sign_of_life)
        if share is None and start is not None:
            team = Supervisor(
                start,
                clock=self._clock,
                processes=processes,
                patience=_patience(self.settings),
            )
        lookout = Lookout(
            self._engine,
            self._store,
            self._clock,
            self.settings,
            tell=tell,
            warn=warn,
            ready=ready,
            team=team,
        )
        self._expect(team)
        lookout.go(stop, threads=threads)

    def _expect(self, team: "Team") -> None:
        due = self._store.agenda()
        team.count(len(due))
        # One after the other: ten thousand of them take a hundred megabytes.
        own = (one.run_id for one in due if team.share.mine(one.run_id))
        self._cloud.expect(map(self._store.run, own))

    def drive(
        self,
        run_id: str,
        *,
        stop: "Stop",
        tell: Callable[[Event], None],
        warn: Callable[[str], None],
        look: Callable[[Run], None] | None = None,
        failed: Callable[[StoreUnwritable | AwsError | None], None] = lambda _: None,
        after: str | None = None,
    ) -> Run:
        """Tick a run until it has ended or `stop` says so; `tell` gets every event in order.

        Where another driver has the run its events are told all the same, and this one takes over
        when that one is gone. `warn` is told what stands in the way, once each time it changes;
        `look` gets the run after every tick, `failed` what kept a tick from being done, or None.
        Raises NoSuchRun, StoreBroken, and StoreUnwritable when the database cannot even be opened,
        after the fleets were stopped as by `tick`.
        """
        from dcp_engine.driving import Driving  # noqa: PLC0415 - only where it goes on for long
        from dcp_engine.whole import load_all  # noqa: PLC0415

        load_all()
        try:
            run = self._store.run(run_id)
        except StoreUnwritable as error:
            raise self._unwritable(run_id, error) from error
        driving = Driving(
            self._engine,
            self._store,
            self._clock,
            self.settings,
            stop=stop,
            warn=warn,
        )
        return driving.go(run, tell=tell, look=look, failed=failed, after=after)

    def at_stake(self, name: str) -> "AtStake":
        """What an abort would lose, asked of AWS where the store does not know it."""
        from dcp_engine import at_stake  # noqa: PLC0415 - only when asked for

        run = self.find(name)
        if known := at_stake.without_asking(run):
            return known
        deadline = self._clock.monotonic() + self.settings.request_timeout.total_seconds()
        aws = self._cloud.bind(lambda: run, tuple, deadline=deadline, guard=lambda: None)
        return at_stake.ask(aws, run)

    def abort(self, name: str, *, jobs: int | None, keep_queue: bool = False) -> Run:
        """Ask whoever drives the run to end it now; `jobs` is what the person was told.

        With `keep_queue` the queue stays, with the jobs that are in it.
        """
        run = self._find(self._store, name)
        return self._ask(run, RequestKind.ABORT, jobs=jobs, keep_queue=keep_queue)

    def release(self, name: str) -> Run:
        """Ask whoever drives the run to stop watching it and to touch nothing."""
        return self._ask(self._find(self._store, name), RequestKind.RELEASE)

    def take_over(self, name: str) -> Run:
        """Ask for the run to be driven from here, whoever else does, and Auto-Monitor disarmed."""
        return self._ask(self._find(self._store, name), RequestKind.TAKE_OVER)

    def waive(self, name: str, step: str) -> Run:
        """Ask whoever drives the run to go on without a teardown step.

        Raises BadInput, naming the steps that can be waived, when this one cannot.
        """
        run = self._find(self._store, name)
        waivable(run, step)
        return self._ask(run, RequestKind.WAIVE, step=step)

    @property
    def has_third_party(self) -> bool:
        """Whether any plugin of somebody else's was loaded, or was tried to be."""
        return self._called is not None and self._called.has_third_party

    def hide(self, text: str) -> str:
        """The text without what plugins keep secret."""
        return text if self._called is None else self._called.hide(text)

    def examine(self, subject: "Path | str | None" = None) -> "list[Finding]":
        """What `dcp-engine doctor` finds, of a monitor file, of a run by its name, or of neither.

        Nothing is changed in AWS and nothing written in the database. Raises BadInput, NoSuchRun,
        Ambiguous, and StoreError where the database with the run of that name cannot be read.
        """
        from dcp_engine.doctor.asking import side_by_side  # noqa: PLC0415 - seldom asked for
        from dcp_engine.doctor.examination import Examination  # noqa: PLC0415
        from dcp_engine.doctor.memory import Memory  # noqa: PLC0415

        memory = Memory(self.database)
        doctor = Examination(
            cloud=self._cloud,
            clock=self._clock,
            settings=self.settings,
            memory=memory,
            plugins=self.plugin_desk.lacking,
            asking=side_by_side,
            ignored_region=os.environ.get("AWS_REGION"),
        )
        if subject is None:
            return doctor.of_computer()
        if isinstance(subject, Path):
            return doctor.of_file(subject)
        return doctor.of_run(memory.asked(lambda store: self._find(store, subject)))

    @staticmethod
    def exit_code(run: Run) -> int:
        """0, 3 or 4, by the run's problems."""
        return exit_code(run)

    def hurry(self) -> None:
        """Somebody waits for the end: what fails is soon given up. Safe in a signal handler."""
        cloud: Cloud | None = self.__dict__.get("_cloud")
        if cloud is not None:
            cloud.hurry()

    def close(self) -> None:
        """Let go of the database."""
        for name in ("_store", "_reader"):
            store = self.__dict__.pop(name, None)
            if store is not None:
                store.close()

    def _unwritable(self, name: str, error: StoreUnwritable) -> StoreUnwritable:
        """The error for a database that cannot be opened for writing; see `Engine.unwritable`."""
        run = self._find(self._reader, name)
        return self._engine_on(self._reader).unwritable(run, error)

    def _ask(self, run: Run, kind: RequestKind, **data: object) -> Run:
        import uuid  # noqa: PLC0415 - who only looks needs none

        self._store.add_request(
            Request(id=uuid.uuid4().hex, run_id=run.id, kind=kind, at=self._clock.now(), data=data)
        )
        return run

    def _try_again(self, run: Run, plugin: str, duties: list[str], steps: list[str]) -> None:
        self._ask(run, RequestKind.TRY_AGAIN, plugin=plugin, duties=duties, steps=steps)

    def _find(self, store: "Store", name: str) -> Run:
        from dcp_engine.remembered import found  # noqa: PLC0415 - for commands about one run

        try:
            return found(store, name)
        except NoSuchRun:
            raise NoSuchRun(
                f"There is no run named {name} in {self.database}. `dcp-engine list --all` shows "
                "those there are; `dcp-engine register FILE` adds one from its monitor file."
            ) from None

    def _status(self, run: Run) -> Status:
        store = self._reader
        machines = store.machines(run.id)
        return status_of(
            run,
            lease=self._lease_in_force(run),
            requests=store.requests(run.id),
            machines_seen=len(machines),
            machines=machines,
            now=self._clock.now(),
        )

    def _lease_in_force(self, run: Run) -> Lease | None:
        """The lease, unless the process that held it surely died: then nobody watches."""
        lease = self._reader.lease(run.id, self._clock.now())
        if lease is None:
            return None
        from dcp_engine.process import is_dead  # noqa: PLC0415 - slow, and seldom needed

        return None if is_dead(lease.holder) else lease

    @cached_property
    def _reader(self) -> "Store":
        if "_store" in self.__dict__:
            return self._store
        from dcp_engine.store.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore.open(self.database, read_only=True)

    @cached_property
    def _store(self) -> "Store":
        from dcp_engine.store.sqlite import SqliteStore  # noqa: PLC0415

        store = SqliteStore.open(self.database)
        if self._crash is no_crash:
            return store
        from dcp_engine.store.crashing import CrashingStore  # noqa: PLC0415 - for tests only

        return CrashingStore(store, self._crash)

    @cached_property
    def _cloud(self) -> "Cloud":
        import random  # noqa: PLC0415

        from dcp_engine.aws.cloud import BotoCloud  # noqa: PLC0415

        return BotoCloud(
            profile=self._profile,
            region=self._region,
            settings=self.settings,
            clock=self._clock,
            rng=random.Random(),
            crash=self._crash,
        )

    @cached_property
    def _plugins(self) -> "Plugins":
        from dcp_engine import __version__  # noqa: PLC0415
        from dcp_engine.builtin import BUILT_IN  # noqa: PLC0415
        from dcp_engine.plugin_sources import from_package  # noqa: PLC0415
        from dcp_engine.plugins import Plugins  # noqa: PLC0415
        from dcp_engine.settings import of_plugins  # noqa: PLC0415

        plugins = self._called = Plugins(environ=of_plugins(os.environ))
        resting = dict if self._insist else self._resting_plugins
        plugins.load(from_package(BUILT_IN, __version__), self._selection, resting)
        return plugins

    def _resting_plugins(self) -> dict[str, PluginRecord]:
        """Those that are left out for a time, as any live run remembers it."""
        from dcp_engine.plugin_records import LOAD, resting  # noqa: PLC0415

        now, found = self._clock.now(), dict[str, PluginRecord]()
        with suppress(StoreError, NoSuchRun):
            for run in self._reader.runs(live=True):
                for name, record in resting(run, LOAD, now).items():
                    if name not in found or found[name].next_at < record.next_at:
                        found[name] = record
        return found

    @cached_property
    def plugin_desk(self) -> "PluginDesk":
        """What a person may ask about the plugins."""
        from dcp_engine.plugin_desk import PluginDesk  # noqa: PLC0415
        from dcp_engine.remembered import RememberedRuns  # noqa: PLC0415

        records = RememberedRuns(lambda live: self._reader.runs(live=live), self.find, self.history)
        return PluginDesk(self._plugins, self.settings, self._clock, records, self._try_again)

    @cached_property
    def _engine(self) -> "Engine":
        return self._engine_on(self._store)

    def _engine_on(self, store: "Store") -> "Engine":
        from dcp_engine.engine import Engine  # noqa: PLC0415
        from dcp_engine.process import is_dead, this_process  # noqa: PLC0415

        return Engine(
            store=store,
            cloud=self._cloud,
            clock=self._clock,
            settings=self.settings,
            plugins=self._plugins,
            holder=this_process(self._label),
            is_dead=is_dead,
        )


def _patience(settings: Settings) -> float:
    """So many seconds another process of `watch` may be at something without a word."""
    return (settings.tick_deadline + _OVERTIME).total_seconds()


def installed_plugins() -> list[str]:
    """The names of the plugins that are installed; none of them is imported."""
    from dcp_engine.plugin_sources import installed  # noqa: PLC0415 - seldom needed

    return [source.name for source in installed()]
