"""Telling events, after they were committed: at least once, in order, for up to 72 hours."""

from datetime import timedelta

from dcp_engine.clock import Clock
from dcp_engine.drive import Drive
from dcp_engine.plugins import Plugins
from dcp_engine.store.protocol import Store

GIVE_UP_AFTER = timedelta(hours=72)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)


def deliver(drive: Drive, store: Store, plugins: Plugins, clock: Clock) -> None:
    """Tell every event that is due, through its notifier; a failing one holds only itself up."""
    silent: set[str] = set()
    for delivery in store.due(drive.run.id, clock.now()):
        if delivery.notifier in silent:
            continue
        error = plugins.notify(delivery.notifier, drive.run, delivery.event)
        now = clock.now()
        if error is None:
            store.delivered(delivery, now)
            continue
        # Order is kept per notifier: what comes after waits for this one.
        silent.add(delivery.notifier)
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(delivery.attempts, 10))
        old = now - delivery.event.at > GIVE_UP_AFTER
        store.delivery_failed(delivery, error, None if old else now + pause)
