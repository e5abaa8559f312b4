"""CloudWatch alarms and the run's dashboard."""

from collections.abc import Callable, Sequence

import msgspec

from dcp_engine.aws import alarm_shapes as shapes
from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.batches import batches
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import idle_alarm, instance_of_alarm
from dcp_engine.errors import Missing
from dcp_engine.model import Run
from dcp_engine.ports import AlarmFacts, QueueAlarm

# Amazon CloudWatch API Reference: MaxRecords of DescribeAlarms, names in DeleteAlarms.
_PAGE = 100


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
            lambda answer: [one for one, own in _of_machines(answer, app_name) if own],
            AlarmNamePrefix=f"{app_name}_",
            AlarmTypes=["MetricAlarm"],
            MaxRecords=_PAGE,
        )
        return tuple(alarm for page in pages for alarm in page)

    def of_these(self, instance_ids: Sequence[str]) -> tuple[AlarmFacts, ...]:
        """The idle alarms that these machines have.

        One of that name that watches another machine counts as altered: to place another in its
        stead would overwrite what somebody has put there.
        """
        run = self._run()
        names = [run.names.alarm(instance_id) for instance_id in dict.fromkeys(instance_ids)]
        return tuple(
            alarm
            for batch in batches(names, _PAGE)
            for page in self._edge.pages(
                op.DESCRIBE_ALARMS,
                lambda answer: [one for one, _ in _of_machines(answer, run.names.app_name)],
                AlarmNames=batch,
                AlarmTypes=["MetricAlarm"],
                MaxRecords=_PAGE,
            )
            for alarm in page
        )

    def place(self, instance_id: str) -> None:
        """Give one of the run's machines its idle alarm.

        One that is there is overwritten by it (Amazon CloudWatch API, PutMetricAlarm), so look
        first: a person may have altered it.
        """
        self._edge.call(op.PUT_ALARM, **idle_alarm(self._run(), instance_id))

    def delete(self, names: Sequence[str]) -> None:
        """Delete alarms of the run; those that are gone are fine.

        Whole batches, since CloudWatch allows only a few alarm writes a second and account.
        """
        for batch in batches(list(dict.fromkeys(names)), _PAGE):
            self._delete(batch)

    def queue_alarms(self) -> tuple[QueueAlarm, ...]:
        """Those of Auto-Monitor's two alarms that are there."""
        names = self._run().names.queue_alarms
        pages = self._edge.pages(
            op.DESCRIBE_ALARMS,
            lambda answer: answer.take(shapes.QueueAlarms),
            AlarmNames=list(names),
            AlarmTypes=["MetricAlarm"],
        )
        return tuple(
            QueueAlarm(name=alarm.name, armed=alarm.armed)
            for page in pages
            for alarm in page.alarms
            if alarm.name in names
        )

    def disarm(self, names: Sequence[str]) -> None:
        """Have those of Auto-Monitor's two alarms do nothing when they go off.

        They stay and still show their state (Amazon CloudWatch API, DisableAlarmActions).
        """
        self._edge.call(op.DISABLE_ALARM_ACTIONS, AlarmNames=list(dict.fromkeys(names)))

    def delete_dashboard(self) -> bool:
        """Delete the dashboard of exactly the run's name; False when there was none."""
        try:
            self._edge.call(op.DELETE_DASHBOARDS, DashboardNames=[self._run().names.dashboard])
        except Missing:
            return False
        return True

    def dashboard(self) -> bool:
        """Whether there is a dashboard of exactly the run's name."""
        try:
            self._edge.call(op.GET_DASHBOARD, DashboardName=self._run().names.dashboard)
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


def _of_machines(answer: Answer, app_name: str) -> list[tuple[AlarmFacts, bool]]:
    """The alarms of one page that are named like the run's, and whether each watches its machine.

    The shape of a neighbour's is no matter.
    """
    found = []
    for any_alarm, entry in zip(
        answer.take(shapes.AnyAlarms).alarms, answer.body["MetricAlarms"], strict=True
    ):
        instance_id = instance_of_alarm(any_alarm.name, app_name)
        if instance_id is None:
            continue
        try:
            alarm = msgspec.convert(entry, shapes.MachineAlarm)
        except msgspec.ValidationError as error:
            raise answer.unreadable(f"{error}") from None
        others = {d.value for d in alarm.dimensions if d.name == "InstanceId"} - {instance_id}
        altered = f"it watches {', '.join(sorted(others))}" if others else alarm.altered
        facts = AlarmFacts(name=alarm.name, instance_id=instance_id, altered=altered)
        found.append((facts, not others))
    return found
