"""What plugins did not do, as problems of a run; and the hook that is called in every look."""

from datetime import datetime, timedelta

from dcp_engine import plugin_records as records
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.drive import Change, Drive, unchanged
from dcp_engine.hookspecs import Records, Tick
from dcp_engine.model import PluginRecord, Problem, Run
from dcp_engine.pauses import first_pause
from dcp_engine.plugins import Plugins

# What kept a plugin from being loaded does not pass by itself.
_NEED_A_PERSON = frozenset({records.LOAD, "options", "disable"})


class PluginReports:
    """Of the plugins of one process, for every run that it looks after."""

    def __init__(self, plugins: Plugins, clock: Clock, settings: Settings) -> None:
        self._plugins = plugins
        self._clock = clock
        self._settings = settings
        # Those that kept this process waiting while it started.
        self._hung = {f.plugin: f.error for f in plugins.failures if f.hung and not f.still}
        self._noted: set[str] = set()

    def begin(self, drive: Drive) -> None:
        """At the beginning of a look: what failed when the plugins were loaded, and since."""
        change = unchanged
        if drive.run.id not in self._noted:
            self._noted.add(drive.run.id)
            change = self._loaded
        self.report(drive, change)

    def look_on(self, drive: Drive, tick: Tick, remembered: Records, *, ended: bool) -> None:
        """Let them look on, but for those that are left alone for now.

        At the look in which a run has ended nobody is left alone: there may be no other one.
        """
        now = self._clock.now()
        resting = {} if ended else records.resting(drive.run, records.TICKED, now)
        asked = self._plugins.ticked(drive.run, tick, remembered, but_for=resting)

        def noted(run: Run) -> Run:
            for plugin, failure in asked.items():
                if failure is None:
                    run = records.without_record(run, plugin, records.TICKED)
                elif failure.later is not None:
                    run = records.put_off(
                        run, plugin, records.TICKED, failure.error, now=now, pause=failure.later
                    )
                elif failure.still:
                    before = records.find(run, plugin, records.TICKED)
                    words = before.error if before else failure.error
                    pause = self._first_pause(hung=True)
                    run = records.put_off(run, plugin, records.TICKED, words, now=now, pause=pause)
                else:
                    run = records.failed(
                        run,
                        plugin,
                        records.TICKED,
                        failure.error,
                        now=now,
                        first=self._first_pause(hung=failure.hung),
                    )
            return run

        change = noted if noted(drive.run) != drive.run else unchanged
        if drive.run.live:
            # A process of cron's has no other occasion to say it.
            self.report(drive, change)
        else:
            drive.commit(change)

    def report(self, drive: Drive, change: Change = unchanged) -> None:
        """Begin and end the problems that are about a plugin itself; `change` goes with it."""
        now = self._clock.now()
        run = change(drive.run)
        told = {
            (failure.plugin, failure.hook): failure.error
            for failure in self._plugins.failures
            if failure.hook != records.NOTIFY
        }
        remembered = {
            (record.plugin, record.hook): record
            for record in run.plugins
            if record.hook != records.NOTIFY
        }
        # What is left alone was not asked, and so it has not failed in this process.
        errors = {key: record.error for key, record in remembered.items()} | told
        failed = {
            f"plugin-{plugin}": _problem(
                plugin,
                hook,
                error,
                remembered.get((plugin, hook)) or remembered.get((plugin, records.LOAD)),
                now,
            )
            for (plugin, hook), error in errors.items()
        }
        mended = {
            problem.name: None
            for problem in drive.run.problems
            if problem.name.startswith("plugin-") and problem.name not in failed
        }
        drive.problems({**mended, **failed}, change=change)

    def _loaded(self, run: Run) -> Run:
        """What is remembered of those that hung when they were loaded, now or before."""
        now, first = self._clock.now(), self._first_pause(hung=True)
        failed = {f.plugin for f in self._plugins.failures if f.hook == records.LOAD}
        failed |= self._hung.keys()
        there = {
            records.TICKED: self._plugins.lookers(),
            records.NOTIFY: self._plugins.notifiers(),
        }
        for record in run.plugins:
            # One that is not loaded now, because it failed in that, may be there again.
            if record.plugin not in failed and record.plugin not in there.get(record.hook, ()):
                run = records.without_record(run, record.plugin, record.hook)
        for plugin, error in self._hung.items():
            mark = self._plugins.mark(plugin)
            run = records.failed(run, plugin, records.LOAD, error, now=now, first=first, mark=mark)
        return run

    def _first_pause(self, *, hung: bool) -> timedelta:
        return first_pause(self._settings.poll_interval, hung=hung)


def _problem(
    plugin: str, hook: str, error: str, record: PluginRecord | None, now: datetime
) -> Problem:
    again = ""
    if record and records.is_suspended(record):
        again = (
            f" It has failed {record.failures} times on end and is suspended: it is tried once a "
            "day only. `dcp-engine plugins check` says what it lacks, and has it tried again at "
            "once where it lacks nothing."
        )
    elif record:
        again = f" It is tried again after {record.next_at:%H:%M} UTC."
    return Problem(
        name=f"plugin-{plugin}",
        since=now,
        text=(
            f"The plugin {plugin} failed in {hook}: {error.rstrip('.')}. The run goes on without "
            f"it.{again}"
        ),
        needs_person=hook in _NEED_A_PERSON
        or (record is not None and (record.hook == records.LOAD or records.is_suspended(record))),
    )
