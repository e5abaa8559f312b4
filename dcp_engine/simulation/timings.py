"""How long the simulated AWS takes over things."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Timings:
    """Durations in seconds. The defaults are of AWS's own order of magnitude.

    Pairs are the shortest and the longest; the world draws in between from its seed.
    """

    activation_delay: float = 2.0
    """From `submitted` to `active` for a new fleet request."""
    capacity_delay: tuple[float, float] = (20.0, 90.0)
    """From wanting a machine to having it."""
    capacity_retry: float = 60.0
    """Between two attempts where no capacity, or a bad launch specification, was in the way."""
    start_delay: float = 15.0
    """How long a machine is `pending`."""
    boot_delay: tuple[float, float] = (60.0, 150.0)
    """From `running` to the ECS agent's registration."""
    replace_delay: float = 30.0
    """From a machine's death to a `maintain` fleet's reaction."""
    modify_delay: float = 5.0
    """How long a fleet is in `modifying`."""
    cancel_delay: float = 3.0
    """From cancelling a fleet to its machines' being told to end."""
    terminate_delay: float = 40.0
    """How long a machine is `shutting-down`."""
    instance_memory: float = 3600.0
    """How long a terminated machine can still be described (EC2 documents about one hour)."""
    fleet_memory: float = 48 * 3600.0
    """How long an ended fleet request can still be described (48 hours)."""
    history_lag: float = 30.0
    """Spot fleet history is up to 30 seconds late."""
    job_duration: tuple[float, float] = (120.0, 600.0)
    """How long a worker spends on one job."""
    poll_interval: float = 30.0
    """Between two looks of a worker that found no message."""
    idle_alarm_after: float = 900.0
    """15 one-minute periods of CPU below 1 per cent."""
    metric_lag: float = 90.0
    """From the end of a minute, or of five, to what CloudWatch knows of it."""
    alarm_evaluation: float = 60.0
    """From placing an alarm to its first look at what there is."""
    warning_interval: float = 600.0
    """Between two times that a machine writes down that something is nearly full."""
    queue_delete_settle: float = 60.0
    """SQS: deleting takes up to 60 seconds, in which the queue still answers."""
    queue_name_hold: float = 60.0
    """SQS: at least 60 seconds before the name may be used again."""
    service_drain: float = 30.0
    """How long a deleted ECS service is `DRAINING`."""
    export_delay: float = 60.0
    """From creating an export task to its end; it is `PENDING` for the first quarter."""

    @classmethod
    def fast(cls) -> Self:
        """For watching: 40 jobs on 4 machines take some 15 to 20 seconds, teardown included."""
        return cls(
            activation_delay=0.1,
            capacity_delay=(0.2, 0.8),
            capacity_retry=1.0,
            start_delay=0.2,
            boot_delay=(0.3, 0.8),
            replace_delay=0.3,
            modify_delay=0.1,
            cancel_delay=0.1,
            terminate_delay=0.6,
            history_lag=0.3,
            job_duration=(0.5, 1.5),
            poll_interval=0.2,
            idle_alarm_after=4.0,
            metric_lag=0.2,
            alarm_evaluation=0.2,
            warning_interval=1.0,
            queue_delete_settle=0.5,
            queue_name_hold=0.5,
            service_drain=0.4,
            export_delay=0.8,
        )

    @classmethod
    def instant(cls, *, job_duration: tuple[float, float] = (1.0, 1.0)) -> Self:
        """For tests: whatever AWS does has settled by the next request; only jobs take time."""
        return cls(
            activation_delay=0.0,
            capacity_delay=(0.0, 0.0),
            capacity_retry=1.0,
            start_delay=0.0,
            boot_delay=(0.0, 0.0),
            replace_delay=0.0,
            modify_delay=0.0,
            cancel_delay=0.0,
            terminate_delay=0.0,
            history_lag=0.0,
            job_duration=job_duration,
            poll_interval=1.0,
            metric_lag=0.0,
            alarm_evaluation=0.0,
            queue_delete_settle=0.0,
            queue_name_hold=0.0,
            service_drain=0.0,
            export_delay=0.0,
        )
