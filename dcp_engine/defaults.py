"""What can be set, and what it is where nobody says so."""

from datetime import timedelta

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set; `dcp_engine.settings` reads it from flags, environment and file."""

    poll_interval: timedelta = timedelta(seconds=60)
    alarm_sweep_interval: timedelta = timedelta(hours=1)
    downscale_interval: timedelta = timedelta(minutes=10)
    cheapest_after: timedelta = timedelta(minutes=15)
    empty_readings: int = 3
    empty_window: timedelta = timedelta(minutes=3)
    first_job_grace: timedelta = timedelta(minutes=15)
    orphan_grace: timedelta = timedelta(minutes=15)
    watch_interval: timedelta = timedelta(minutes=10)
    ensure_alarms: bool = True
    join_grace: timedelta = timedelta(minutes=20)
    end_unjoined: bool = False
    stalled_after: timedelta = timedelta(minutes=30)
    nothing_after: timedelta = timedelta(minutes=30)
    coming_back_percent: int = 25
    dead_letters_quiet: timedelta = timedelta(hours=1)
    overfull_percent: int = 150
    lost_capacity_after: timedelta = timedelta(hours=1)
    few_machines_wait: timedelta = timedelta(days=1)
    fleet_end_notice: timedelta = timedelta(days=1)
    machine_full_percent: int = 95
    machine_log_interval: timedelta = timedelta(hours=1)
    log_settle: timedelta = timedelta(minutes=5)
    request_timeout: timedelta = timedelta(seconds=20)
    tick_deadline: timedelta = timedelta(minutes=3)
    lease_ttl: timedelta = timedelta(minutes=5)
