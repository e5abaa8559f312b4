"""From a monitor file to a run: a new one, or the live one that the file belongs to."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from dcp_engine import monitor_file
from dcp_engine.auto_monitor import ARMED, armed_alarms, warning
from dcp_engine.claims import another_driver, refusal
from dcp_engine.clock import Clock
from dcp_engine.defaults import Settings
from dcp_engine.errors import AwsError, BadInput, Credentials, Refused
from dcp_engine.model import (
    Event,
    Fleet,
    MonitorFile,
    Outcome,
    Problem,
    Request,
    RequestKind,
    Run,
    State,
)
from dcp_engine.ports import Aws, Cloud
from dcp_engine.store.protocol import Store
from dcp_engine.strangers import works_for

# A start time may be a little ahead of this computer's clock, not more.
_CLOCKS_DIFFER = timedelta(days=1)


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor file led to. `remarks` are for the person who gave it."""

    run: Run
    new: bool
    remarks: tuple[str, ...] = ()


class Registrar:
    """Registers runs; its only AWS calls are questions."""

    def __init__(
        self,
        store: Store,
        cloud: Cloud,
        clock: Clock,
        settings: Settings,
        notifiers: tuple[str, ...],
    ) -> None:
        self._store = store
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._notifiers = notifiers

    def register(
        self,
        monitor: MonitorFile,
        path: Path,
        *,
        allow_missing: bool = False,
        take_over: bool = False,
    ) -> Registered:
        """Find the run that the file belongs to, or make it.

        With `take_over` it is the driver's from its first tick on, whoever else drives it. Raises
        BadInput without a region, Refused where going on would not be safe, AwsError where AWS
        cannot be asked.
        """
        try:
            registered = self._registered(monitor, path, allow_missing, take_over)
        except Credentials:
            raise
        except AwsError as error:
            raise type(error)(
                error.operation,
                error.code,
                f"{(error.message or 'AWS gave no answer').rstrip('.')}. {monitor.names.app_name} "
                "was not registered, so nobody watches it from here; its machines, if it has any, "
                "go on. Try again",
            ) from error
        if take_over and registered.run.live:
            self._ask(registered.run, RequestKind.TAKE_OVER)
        return registered

    def _registered(
        self, monitor: MonitorFile, path: Path, allow_missing: bool, take_over: bool
    ) -> Registered:
        draft = self._draft(monitor, path)
        deadline = self._clock.monotonic() + self._settings.tick_deadline.total_seconds()
        aws = self._cloud.bind(lambda: draft, tuple, deadline=deadline, guard=_only_questions)
        try:
            draft = replace(draft, account=self._account(aws))
        except AwsError as error:
            known = self._already_watched(draft, monitor)
            if known is None:
                raise
            # Every tick checks the account for itself before it asks or changes anything.
            return Registered(run=known, new=False, remarks=(str(error),))
        known = self._known(draft, monitor)
        if known is not None and monitor.fleet_id in known.fleet_ids:
            return Registered(run=known, new=False, remarks=_other_names(known, draft))
        self._refuse_what_is_another_runs(draft, monitor)
        facts = aws.capacity.describe([monitor.fleet_id])[monitor.fleet_id]
        if facts is None and not allow_missing:
            raise Refused(
                f"AWS knows no spot fleet {monitor.fleet_id} in {draft.region} (account "
                f"{draft.account}), so {draft.names.app_name} was not registered. The monitor file "
                "does not say the region: give the right one with --region or AWS_DEFAULT_REGION. "
                "If the fleet is long over and the rest is to be cleaned up, add --allow-missing."
            )
        if facts is not None and not allow_missing:
            _refuse_anothers_fleet(aws, draft, monitor)
        other = another_driver({monitor.fleet_id: facts}, self._store.identity())
        if other is not None and not take_over:
            raise Refused(refusal(draft.names.app_name, other))
        if known is not None:
            return self._another_fleet(known, draft, monitor)
        events = [
            _event(
                draft,
                "registered",
                f"{draft.names.app_name} was registered: fleet {monitor.fleet_id}, queue "
                f"{draft.names.queue}, account {draft.account}, {draft.region}.",
                fleet=monitor.fleet_id,
            )
        ]
        remarks: tuple[str, ...] = ()
        if armed := _armed_alarms(aws):
            text = warning(draft.names.app_name, armed)
            problem = Problem(name=ARMED, since=draft.registered_at, text=text, advice=True)
            draft = replace(draft, problems=(problem,))
            events.append(_event(draft, "problem", text, problem=ARMED))
            # Who takes the run over at once has asked for what the remark would advise.
            remarks = () if take_over else (text,)
        self._store.insert_run(draft, events, self._notifiers)
        return Registered(run=draft, new=True, remarks=remarks)

    def _draft(self, monitor: MonitorFile, path: Path) -> Run:
        region = self._cloud.region
        if region is None:
            raise BadInput(
                "No AWS region is set, and the monitor file does not say it. Give --region, set "
                "AWS_DEFAULT_REGION, or choose a profile that has one."
            )
        now = self._clock.now()
        if monitor.start_time - now > _CLOCKS_DIFFER:
            raise BadInput(
                f"MONITOR_START_TIME says that the run starts on {monitor.start_time:%Y-%m-%d}, "
                "which is to come; its logs could never be exported. Is it milliseconds since "
                "1970, and is this computer's clock right?"
            )
        app_name = monitor.names.app_name
        return Run(
            id=f"{app_name}-{uuid.uuid4().hex[:8]}",
            names=monitor.names,
            account="",
            region=region,
            registered_at=now,
            earliest_start=monitor.start_time,
            state=State.PENDING,
            state_since=now,
            monitor_path=str(path.resolve()),
            monitor_digest=monitor_file.digest(path),
            extra=monitor.extra,
            fleets=(Fleet(id=monitor.fleet_id, added_at=now, start_time=monitor.start_time),),
            next_tick_at=now,
        )

    def _account(self, aws: Aws) -> str:
        """The account of the credentials; without any, the error says how to get some."""
        try:
            return aws.identity.account()
        except Credentials as error:
            raise Credentials(
                error.operation,
                error.code,
                f"{error.message} Nothing was registered. Type: {self._cloud.login_command()}",
            ) from error

    def _already_watched(self, draft: Run, monitor: MonitorFile) -> Run | None:
        """The one live run that this very file was registered for."""
        same = [
            run
            for run in self._store.runs(app_name=draft.names.app_name, live=True)
            if run.names == draft.names
            and run.region == draft.region
            and monitor.fleet_id in run.fleet_ids
        ]
        return same[0] if len(same) == 1 else None

    def _known(self, draft: Run, monitor: MonitorFile) -> Run | None:
        """The live run that the file belongs to, or the finished one whose fleet it names."""
        namesakes = [
            run
            for run in self._store.runs(app_name=draft.names.app_name)
            if (run.account, run.region) == (draft.account, draft.region)
        ]
        for run in namesakes:
            if not run.live:
                continue
            if run.key == draft.key:
                return run
            how = "already being watched" if run.state.watches else "still being torn down"
            raise Refused(
                f"A run named {run.names.app_name} is {how} with queue "
                f"{run.names.queue} and cluster {run.names.cluster} (run {run.id}, {run.state}); "
                f"this file says queue {draft.names.queue} and cluster {draft.names.cluster}. "
                "Nothing of the file was taken over. See the other one to its end first "
                f"(`dcp-engine resume {run.id}`) and register the file then, or start this one "
                "under another APP_NAME."
            )
        finished = (
            run
            for run in namesakes
            if monitor.fleet_id in run.fleet_ids and run.outcome is not Outcome.RELEASED
        )
        return next(finished, None)

    def _refuse_what_is_another_runs(self, draft: Run, monitor: MonitorFile) -> None:
        for run in self._store.runs(live=True):
            here = (run.account, run.region) == (draft.account, draft.region)
            if not here or run.names.app_name == draft.names.app_name:
                continue
            shared = [f"fleet {monitor.fleet_id}"] if monitor.fleet_id in run.fleet_ids else []
            shared += [f"queue {run.names.queue}"] if run.names.queue == draft.names.queue else []
            if shared:
                raise Refused(
                    f"The {' and the '.join(shared)} of this file "
                    f"{'belongs' if len(shared) == 1 else 'belong'} to the run "
                    f"{run.names.app_name} ({run.id}), which is being watched. Ending one of them "
                    f"would end the other's work, so {draft.names.app_name} was not registered. Is "
                    "the right file given? Each run needs a fleet and a queue of its own."
                )

    def _another_fleet(self, known: Run, draft: Run, monitor: MonitorFile) -> Registered:
        remarks = _other_names(known, draft)
        if remarks:
            return Registered(run=known, new=False, remarks=remarks)
        if not known.state.watches:
            raise Refused(
                f"{known.names.app_name} (run {known.id}) is still being torn down, and this file "
                f"names another fleet, {monitor.fleet_id}: probably a new run. It was not touched. "
                "NOBODY WATCHES IT meanwhile: its machines run and are billed. Let the old one end "
                f"(`dcp-engine resume {known.id}`), or give up the step that holds it up "
                f"(`dcp-engine status {known.id}` shows it, `dcp-engine waive {known.id} STEP`); "
                "then register it again."
            )
        self._ask(
            known,
            RequestKind.ADD_FLEET,
            fleet_id=monitor.fleet_id,
            start_time=monitor.start_time.isoformat(),
        )
        return Registered(
            run=known,
            new=False,
            remarks=(f"Fleet {monitor.fleet_id} is added to the run {known.id}.",),
        )

    def _ask(self, run: Run, kind: RequestKind, **data: Any) -> None:
        self._store.add_request(
            Request(id=uuid.uuid4().hex, run_id=run.id, kind=kind, at=self._clock.now(), data=data)
        )


def _refuse_anothers_fleet(aws: Aws, draft: Run, monitor: MonitorFile) -> None:
    try:
        owner = works_for(aws, draft.names, monitor.fleet_id)
    except Credentials:
        raise
    except AwsError:
        return
    if owner is not None:
        name = draft.names.app_name
        raise Refused(
            f"The machines of fleet {monitor.fleet_id} are named for {owner}, and none for {name}: "
            f"it works for another run, and ending {name} would end that work. {name} was not "
            "registered, so nobody watches it from here. Is the right file given? If the fleet is "
            "this run's all the same, wait until one of its machines is named "
            f"{draft.names.worker}, or add --allow-missing."
        )


def _armed_alarms(aws: Aws) -> tuple[str, ...]:
    """Auto-Monitor's alarms, if they can be looked at; a run is registered without that too."""
    try:
        return armed_alarms(aws)
    except AwsError:
        return ()


def _event(run: Run, kind: str, text: str, **data: Any) -> Event:
    return Event(
        id=uuid.uuid4().hex,
        run_id=run.id,
        at=run.registered_at,
        kind=kind,
        text=text,
        data=data,
    )


def _other_names(known: Run, draft: Run) -> tuple[str, ...]:
    if known.names == draft.names:
        return ()
    changed = [
        f"{field} was {getattr(known.names, field)!r}, the file says {value!r}"
        for field, value in msgspec.structs.asdict(draft.names).items()
        if getattr(known.names, field) != value
    ]
    return (
        f"The file does not agree with the run {known.id} as it was registered "
        f"({'; '.join(changed)}). Nothing of it was taken over.",
    )


def _only_questions() -> None:
    raise Refused("Registering a run changes nothing in AWS.")
