"""CloudWatch alarms and the run's dashboard."""

from collections.abc import Callable, Sequence

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import instance_of_alarm
from dcp_engine.errors import Missing
from dcp_engine.model import Run
from dcp_engine.ports import AlarmFacts

# Amazon CloudWatch API Reference: MaxRecords of DescribeAlarms, names in DeleteAlarms.
_PAGE = 100


class _Dimension(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")
    value: str = msgspec.field(name="Value")


class _Alarm(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="AlarmName")
    dimensions: tuple[_Dimension, ...] = msgspec.field(name="Dimensions", default=())


class _Alarms(msgspec.Struct, frozen=True):
    alarms: tuple[_Alarm, ...] = msgspec.field(name="MetricAlarms")


class CloudWatchAlarms:
    """`Alarms` by Amazon CloudWatch."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._run = run

    def of_machines(self) -> tuple[AlarmFacts, ...]:
        """Alarms named exactly `APP_NAME_<instance-id>`.

        One that watches another machine than its name says is left out: the worker did not
        place it.
        """
        app_name = self._run().names.app_name
        pages = self._edge.pages(
            op.DESCRIBE_ALARMS,
            lambda answer: answer.take(_Alarms),
            AlarmNamePrefix=f"{app_name}_",
            AlarmTypes=["MetricAlarm"],
            MaxRecords=_PAGE,
        )
        found = []
        for alarm in (alarm for page in pages for alarm in page.alarms):
            instance_id = instance_of_alarm(alarm.name, app_name)
            watched = {d.value for d in alarm.dimensions if d.name == "InstanceId"}
            if instance_id is not None and watched <= {instance_id}:
                found.append(AlarmFacts(name=alarm.name, instance_id=instance_id))
        return tuple(found)

    def delete(self, names: Sequence[str]) -> None:
        """Delete alarms of the run; those that are gone are fine.

        Whole batches, since CloudWatch allows only a few alarm writes a second and account.
        """
        for batch in batches(list(dict.fromkeys(names)), _PAGE):
            self._delete(batch)

    def delete_dashboard(self) -> bool:
        """Delete the dashboard of exactly the run's name; False when there was none."""
        try:
            self._edge.call(op.DELETE_DASHBOARDS, DashboardNames=[self._run().names.dashboard])
        except Missing:
            return False
        return True

    def _delete(self, names: list[str]) -> None:
        try:
            self._edge.call(op.DELETE_ALARMS, AlarmNames=names)
        except Missing:
            # CloudWatch ignores unknown names as a rule, yet documents ResourceNotFound too: then
            # halving finds the ones that are still there in few writes.
            if len(names) > 1:
                middle = len(names) // 2
                self._delete(names[:middle])
                self._delete(names[middle:])
