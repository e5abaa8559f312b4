"""CloudWatch alarms and dashboards within AWS's limits.

Source: CloudWatch API reference. DescribeAlarms: 1 to 100 a page, 50 by default. DeleteAlarms: 100
names at most, unknown ones ignored. DisableAlarmActions and EnableAlarmActions: 100 names at most.
DeleteDashboards: as many as possible are deleted on an error.
"""

from collections.abc import Mapping
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.service_error import AwsError


def describe_alarms(call: Call) -> dict[str, Any]:
    """Metric alarms in the order of their names, a page at a time."""
    size = int(call.params.get("MaxRecords", 50))
    if not 1 <= size <= 100:
        raise AwsError("ValidationError", "MaxRecords must be between 1 and 100.")
    if len(call.params.get("AlarmNames", [])) > 100:
        raise AwsError("ValidationError", "No more than 100 alarm names can be given.")
    if call.params.get("AlarmNames") and call.params.get("AlarmNamePrefix"):
        raise AwsError("ValidationError", "Give AlarmNames or AlarmNamePrefix, not both.")
    found = call.moto(MaxRecords=None, NextToken=None)
    alarms = sorted(found.get("MetricAlarms", []), key=lambda alarm: str(alarm["AlarmName"]))
    page, token = page_of(
        alarms,
        call.params.get("NextToken"),
        size,
        bad_token=AwsError("InvalidNextToken", "The token is not one that was given out."),
    )
    answer: dict[str, Any] = {"MetricAlarms": page, "CompositeAlarms": []}
    if token is not None:
        answer["NextToken"] = token
    return answer


def put_metric_alarm(call: Call) -> dict[str, Any]:
    """A new alarm has no data yet; changing one keeps its state. So many a second, no more."""
    call.world.alarm_writes.pass_or_refuse(call.world.clock.now())
    alarms = call.backend().alarms
    name = call.params["AlarmName"]
    state = alarms[name].state_value if name in alarms else "INSUFFICIENT_DATA"
    answer = call.moto()
    alarms[name].state_value = state
    call.world.alarms.placed(alarms[name])
    return answer


def delete_alarms(call: Call) -> dict[str, Any]:
    """100 names at most."""
    if len(call.params.get("AlarmNames", [])) > 100:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'alarmNames' failed to satisfy constraint: "
            "Member must have length less than or equal to 100",
        )
    return call.moto()


def disable_alarm_actions(call: Call) -> dict[str, Any]:
    """The alarms stay and do nothing any more; unknown names change nothing."""
    return _arm(call, armed=False)


def enable_alarm_actions(call: Call) -> dict[str, Any]:
    """The alarms do again what they were made for; unknown names change nothing."""
    return _arm(call, armed=True)


def _arm(call: Call, *, armed: bool) -> dict[str, Any]:
    names = call.params.get("AlarmNames", [])
    if len(names) > 100:
        raise AwsError("ValidationError", "No more than 100 alarm names can be given.")
    alarms = call.backend().alarms
    for name in names:
        if name in alarms:
            alarms[name].actions_enabled = armed
            call.world.alarms.placed(alarms[name])
    return {}


def delete_dashboards(call: Call) -> dict[str, Any]:
    """Deletes those that exist; says so where one does not."""
    names = list(call.params.get("DashboardNames", []))
    dashboards = call.backend().dashboards
    missing = [name for name in names if name not in dashboards]
    for name in names:
        dashboards.pop(name, None)
    if missing:
        raise AwsError(
            "DashboardNotFoundError", f"Dashboard {', '.join(missing)} does not exist", 404
        )
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "cloudwatch:DescribeAlarms": describe_alarms,
    "cloudwatch:PutMetricAlarm": put_metric_alarm,
    "cloudwatch:DeleteAlarms": delete_alarms,
    "cloudwatch:DisableAlarmActions": disable_alarm_actions,
    "cloudwatch:EnableAlarmActions": enable_alarm_actions,
    "cloudwatch:DeleteDashboards": delete_dashboards,
}
