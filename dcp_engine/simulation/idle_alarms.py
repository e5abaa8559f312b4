"""CloudWatch's alarms on idle machines: whoever placed one, it is evaluated, and it acts.

Source: CloudWatch API reference, PutMetricAlarm (a new alarm is evaluated over the data that there
are already); CloudWatch user guide, "Create alarms to stop, terminate, reboot, or recover an EC2
instance" (the actions' ARNs).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException

from dcp_engine.simulation.machines import Cause, Machine, Machines
from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.timeline import Timeline

IDLE_CPU = 0.7
"""Per cent: an idle machine uses no more than that."""
_WORKERS_SPAN = 15 * 60.0
"""Seconds over which the alarm that DCP's worker places looks."""
_TERMINATE = re.compile(
    r"arn:[\w-]+:(?:automate:[\w-]+:ec2:terminate"
    r"|swf:[\w-]+:\d{12}:action/actions/AWS_EC2\.InstanceId\.Terminate/1\.0)",
    re.ASCII,
)


@dataclass
class IdleAlarms:
    """Knows since when each machine has been idle, and what its alarms make of it."""

    timeline: Timeline
    moto: Moto
    machines: Machines
    _idle_since: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines.on_end.append(lambda machine: self.busy(machine.instance_id))

    def idle(self, machine: Machine) -> None:
        """It does nothing from now on; again changes nothing."""
        if machine.instance_id not in self._idle_since:
            self._idle_since[machine.instance_id] = self.timeline.now()
            self._look_later(machine)

    def busy(self, instance_id: str) -> None:
        """It does something, or has ended."""
        self._idle_since.pop(instance_id, None)

    def placed(self, alarm: Any) -> None:
        """An alarm is there, or is another than it was, or acts again."""
        machine = self.machines.find(_instance_of(alarm))
        if machine is not None and machine.instance_id in self._idle_since:
            self._look_later(machine, alarm)

    def _look_later(self, machine: Machine, alarm: Any = None) -> None:
        since = self._idle_since[machine.instance_id]
        span = timedelta(seconds=self._span(alarm))
        evaluated = self.timeline.now() + timedelta(seconds=self.timeline.timings.alarm_evaluation)
        due = since + span if alarm is None else max(since + span, evaluated)

        def look() -> None:
            if self._idle_since.get(machine.instance_id) == since and machine.alive:
                self._look(machine)

        self.timeline.schedule_at(due, look)

    def _look(self, machine: Machine) -> None:
        idle_for = self.timeline.now() - self._idle_since[machine.instance_id]
        for alarm in list(self.moto.backend("cloudwatch", machine.region).alarms.values()):
            if _instance_of(alarm) != machine.instance_id or not self._acts(alarm):
                continue
            if idle_for < timedelta(seconds=self._span(alarm)):
                self._look_later(machine, alarm)
            else:
                try:
                    alarm.update_state("Threshold Crossed", "{}", "ALARM")
                except ServiceException as error:
                    raise AssertionError(f"moto refused the alarm's state: {error}") from error
                self.machines.end(machine, Cause.IDLE_ALARM)
                return

    def _acts(self, alarm: Any) -> bool:
        """Whether it ends a machine that is idle for long enough."""
        return bool(
            alarm.actions_enabled
            and alarm.comparison_operator == "LessThanThreshold"
            and float(alarm.threshold) > IDLE_CPU
            and any(_TERMINATE.fullmatch(action) for action in alarm.alarm_actions)
        )

    def _span(self, alarm: Any) -> float:
        """Seconds that it looks back. The world's clockwork may run faster than 15 minutes."""
        workers = self.timeline.timings.idle_alarm_after
        if alarm is None:
            return workers
        return workers * int(alarm.period) * int(alarm.evaluation_periods) / _WORKERS_SPAN


def _instance_of(alarm: Any) -> str:
    """The instance whose CPU an alarm watches; an empty text where it watches something else."""
    if (alarm.namespace, alarm.metric_name) != ("AWS/EC2", "CPUUtilization"):
        return ""
    return next((str(d.value) for d in alarm.dimensions if d.name == "InstanceId"), "")
