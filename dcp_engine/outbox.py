"""Telling events, after they were committed: at least once, in order, for up to 72 hours."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.plugin_facts import PluginFailure
from dcp_engine.plugin_records import (
    NOTIFY,
    bounded,
    find,
    put_off,
    resting,
    without_record,
)
from dcp_engine.plugins import Plugins
from dcp_engine.store.protocol import Delivery, Store

GIVE_UP_AFTER = timedelta(hours=72)
# Shared by all notifiers: the next look at the run must not wait for somebody's slow messages.
_AT_MOST = timedelta(seconds=30)
# An hour has passed by then.
_HOPELESS = 8
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


def deliver(drive: Drive, store: Store, plugins: Plugins, clock: Clock) -> None:
    """Tell every event that is due, through its notifier.

    A slow or failing one holds only itself up: each has its share of the time, and tells one event
    at least. One that asked for patience, of whichever run, is left alone for so long.
    """
    if not drive.untold:
        return
    due = store.due(drive.run.id, clock.now())
    drive.untold = bool(due) or store.waiting(drive.run.id)
    waiting: dict[str, list[Delivery]] = {}
    for delivery in due:
        waiting.setdefault(delivery.notifier, []).append(delivery)
    others = any(map(plugins.is_third_party, waiting))
    left_alone = _left_alone(drive, store, clock.now()) if others else {}
    for notifier, deliveries in waiting.items():
        if notifier in left_alone:
            continue
        end = clock.monotonic() + _AT_MOST.total_seconds() / len(waiting)
        for delivery in deliveries:
            failure = plugins.notify(notifier, drive.run, delivery.event)
            if failure is None:
                store.delivered(delivery, clock.now())
                _told(drive, notifier)
            else:
                _put_off(drive, store, delivery, failure, clock.now())
            if failure is not None or clock.monotonic() >= end:
                # Order is kept: what comes after waits for this one.
                break


def _left_alone(drive: Drive, store: Store, now: datetime) -> Mapping[str, object]:
    """The notifiers that are not to be asked before a time that they named."""
    others = [run for run in store.runs(live=True) if run.id != drive.run.id]
    # Of its own run each knows by what waits there, and a clock that was set back is no reason.
    return {name: record for run in others for name, record in resting(run, NOTIFY, now).items()}


def _told(drive: Drive, notifier: str) -> None:
    over = {f"notify-{notifier}": None}
    if find(drive.run, notifier, NOTIFY) is None:
        drive.problems(over)
    else:
        drive.problems(over, change=lambda run: without_record(run, notifier, NOTIFY))


def _put_off(
    drive: Drive, store: Store, delivery: Delivery, failure: PluginFailure, now: datetime
) -> None:
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(delivery.attempts, 10))
    if failure.later is not None:
        asked = pause = bounded(failure.later)
        name, error = delivery.notifier, failure.error
        drive.commit(lambda run: put_off(run, name, NOTIFY, error, now=now, pause=asked))
    old = now - delivery.event.at > GIVE_UP_AFTER
    store.delivery_failed(delivery, failure.error, None if old else now + pause)
    name = f"notify-{delivery.notifier}"
    problem = drive.run.problem(name)
    if problem or delivery.attempts:
        # What goes through at the second try is no trouble for anybody to hear of. And what needs a
        # person needs one until it is over: with each that is told anew there is more to tell.
        drive.problem(
            name,
            _failed(delivery.notifier, failure.error, given_up=old),
            needs_person=delivery.attempts + 1 >= _HOPELESS
            or (problem is not None and problem.needs_person),
        )


def _failed(notifier: str, error: str, *, given_up: bool) -> str:
    after = (
        "It was given up after 72 hours; the history has what it would have told."
        if given_up
        else "It is tried again, for 72 hours, and what came after it waits."
    )
    return (
        f"The plugin {notifier} could not tell what happened: {error.rstrip('.')}. {after} The run "
        "goes on all the same."
    )
