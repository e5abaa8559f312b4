"""What CloudWatch's answers about alarms look like, and what somebody altered in one."""

import re
from typing import Any

import msgspec

# Amazon CloudWatch User Guide, "Create alarms to stop, terminate, reboot, or recover an EC2
# instance": the action's ARN, by CloudWatch itself or by way of Simple Workflow.
_ENDS_THE_MACHINE = re.compile(
    r"arn:[\w-]+:(?:automate:[\w-]+:ec2:terminate"
    r"|swf:[\w-]+:\d{12}:action/actions/AWS_EC2\.InstanceId\.Terminate/1\.0)",
    re.ASCII,
)


class _Dimension(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")
    value: str = msgspec.field(name="Value")


class QueueAlarm(msgspec.Struct, frozen=True):
    """MetricAlarm, as far as it is of interest for one of Auto-Monitor's."""

    name: str = msgspec.field(name="AlarmName")
    armed: bool = msgspec.field(name="ActionsEnabled")


class QueueAlarms(msgspec.Struct, frozen=True):
    """DescribeAlarms, asked for Auto-Monitor's two."""

    alarms: tuple[QueueAlarm, ...] = msgspec.field(name="MetricAlarms")


class MachineAlarm(msgspec.Struct, frozen=True):
    """MetricAlarm of a machine.

    What it watches stands in `metrics` alone where that is an expression, and `Statistic` gives
    way to `ExtendedStatistic` where it is a percentile.
    """

    name: str = msgspec.field(name="AlarmName")
    armed: bool = msgspec.field(name="ActionsEnabled")
    actions: tuple[str, ...] = msgspec.field(name="AlarmActions")
    comparison: str = msgspec.field(name="ComparisonOperator")
    periods: int = msgspec.field(name="EvaluationPeriods")
    dimensions: tuple[_Dimension, ...] = msgspec.field(name="Dimensions", default=())
    namespace: str | None = msgspec.field(name="Namespace", default=None)
    metric: str | None = msgspec.field(name="MetricName", default=None)
    statistic: str | None = msgspec.field(name="Statistic", default=None)
    percentile: str | None = msgspec.field(name="ExtendedStatistic", default=None)
    period: int | None = msgspec.field(name="Period", default=None)
    threshold: float | None = msgspec.field(name="Threshold", default=None)
    metrics: tuple[dict[str, Any], ...] = msgspec.field(name="Metrics", default=())

    def __post_init__(self) -> None:
        """Raise ValueError where the answer leaves out what it has to tell."""
        if self.metrics:
            return
        told = {
            "Namespace": self.namespace,
            "MetricName": self.metric,
            "Statistic": self.statistic or self.percentile,
            "Period": self.period,
            "Threshold": self.threshold,
        }
        missing = [key for key, value in told.items() if value is None]
        if missing:
            raise ValueError(f"the alarm lacks {', '.join(missing)}")

    @property
    def altered(self) -> str | None:
        """What differs from the idle alarm that DCP's worker places; None when nothing does.

        That one ends its machine when the largest CPUUtilization was below 1 for 15 periods of a
        minute. Actions beside that one, such as a message to somebody, are no difference.
        """
        if self.metrics:
            return "it watches an expression of its own"
        found = (
            (f"{self.namespace} {self.metric}", "AWS/EC2 CPUUtilization"),
            (f"statistic {self.statistic or self.percentile}", "statistic Maximum"),
            (f"{self.comparison} {self.threshold:g}", "LessThanThreshold 1"),
            (f"periods of {self.period} s", "periods of 60 s"),
            (f"{self.periods} of them", "15 of them"),
        )
        differences = [f"{now} instead of {placed}" for now, placed in found if now != placed]
        if not any(_ENDS_THE_MACHINE.fullmatch(action) for action in self.actions):
            differences.append("it does not end the machine")
        if not self.armed:
            differences.append("its actions are switched off")
        return ", ".join(differences) or None


class _Any(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="AlarmName")


class AnyAlarms(msgspec.Struct, frozen=True):
    """DescribeAlarms, asked for a prefix: alarms of every kind, anybody's among them."""

    alarms: tuple[_Any, ...] = msgspec.field(name="MetricAlarms")
