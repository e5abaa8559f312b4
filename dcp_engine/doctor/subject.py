"""What is examined: the run of a monitor file, a registered run, or nothing but the computer."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from dcp_engine.model import Fleet, MonitorFile, Names, Run, State
from dcp_engine.status import Status

_NOBODY = Names(app_name="", cluster="", queue="", bucket="", log_group="")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A run to be examined, registered or not.

    `file` is the monitor file that was given, `status` how the run stands where it is registered,
    `ends` between which moments its work may be over. `others` are live runs that share a name with
    it and are not it.
    """

    run: Run
    file: Path | None = None
    status: Status | None = None
    ends: tuple[datetime, datetime] | None = None
    others: Sequence[Run] = ()

    @property
    def name(self) -> str:
        """Its APP_NAME."""
        return self.run.names.app_name

    @property
    def registered(self) -> bool:
        """Whether it is in the database."""
        return self.status is not None

    @property
    def given(self) -> str:
        """What to give to a command that shall be about it, as a shell takes it."""
        return shlex.quote(str(self.file)) if self.file else self.name

    def watch(self, option: str = "") -> str:
        """The command that has it watched from here."""
        command = f"resume {self.name}" if self.registered else f"monitor {self.given}"
        return f"dcp-engine {command} {option}".rstrip()


def draft(monitor: MonitorFile, region: str, now: datetime) -> Run:
    """The run that the file would be registered as; its account is not known yet."""
    return _run(
        names=monitor.names,
        region=region,
        start=monitor.start_time,
        now=now,
        fleets=(Fleet(id=monitor.fleet_id, added_at=now, start_time=monitor.start_time),),
    )


def nobody(region: str, now: datetime) -> Run:
    """No run: what is asked about the caller alone is asked for it."""
    return _run(names=_NOBODY, region=region, start=now, now=now, fleets=())


def _run(
    *, names: Names, region: str, start: datetime, now: datetime, fleets: tuple[Fleet, ...]
) -> Run:
    return Run(
        id="examined",
        names=names,
        account="",
        region=region,
        registered_at=now,
        earliest_start=start,
        state=State.PENDING,
        state_since=now,
        fleets=fleets,
    )
