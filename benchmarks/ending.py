"""AWS as far as a teardown asks it anything: the stub, with one run that comes to its end.

What it is asked to do it has done by the next answer.

    python -m benchmarks.ending --machines 300 --dead 100 --latency 0

serves the run `Exp0` as `benchmarks.stub` serves steady ones.
"""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Any, Final

from benchmarks.stub import ACCOUNT, Answers, Stub, fleet_of, machine_of, serve
from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.wire import AwsRequest

APP_NAME: Final = "Exp0"
_ECS: Final = f"arn:aws:ecs:us-east-1:{ACCOUNT}"
TASK_DEFINITIONS: Final = tuple(
    f"{_ECS}:task-definition/{APP_NAME}Task:{revision}" for revision in (1, 2, 3)
)
_PAGE: Final = 100
# What is answered to these is not read; some must carry a key.
_DONE: Final[Mapping[str, dict[str, Any]]] = {
    "DeleteQueue": {},
    "DeleteAlarms": {},
    "DeleteDashboards": {},
    "DeregisterTaskDefinition": {"taskDefinition": {}},
    "DeregisterContainerInstance": {"containerInstance": {}},
    "UpdateService": {"service": {}},
    "DeleteService": {"service": {}},
    "DeleteCluster": {"cluster": {}},
}
LOOKS: Final = ("Describe", "Get", "List", "Head")
"""How the names of those operations begin that change nothing."""


class Ending(Answers):
    """What each operation answers about a run with so many live machines and dead ones' alarms."""

    def __init__(self, machines: int, dead: int) -> None:
        super().__init__(machines, jobs=0)
        self._ids = [machine_of(fleet_of(APP_NAME), n) for n in range(machines + dead)]
        self._done: set[str] = set()
        self._tasks: dict[str, dict[str, Any]] = {}

    def to(self, request: AwsRequest) -> dict[str, Any]:
        """The answer. Raises AwsError for what is gone, and for what no teardown asks."""
        self._done.add(request.operation)
        done = _DONE.get(request.operation)
        return super().to(request) if done is None else done

    def _GetQueueAttributes(self, request: AwsRequest) -> dict[str, Any]:
        if "DeleteQueue" in self._done:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", "It is gone.")
        counts = "ApproximateNumberOfMessages"
        found = super()._GetQueueAttributes(request)
        return {"Attributes": {**found["Attributes"], f"{counts}NotVisible": "0"}}

    def _CancelSpotFleetRequests(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "SuccessfulFleetRequests": [
                {
                    "SpotFleetRequestId": fleet_id,
                    "CurrentSpotFleetRequestState": "cancelled_terminating",
                    "PreviousSpotFleetRequestState": "active",
                }
                for fleet_id in request.params["SpotFleetRequestIds"]
            ],
            "UnsuccessfulFleetRequests": [],
        }

    def _DescribeInstances(self, request: AwsRequest) -> dict[str, Any]:
        found = super()._DescribeInstances(request)
        if "CancelSpotFleetRequests" in self._done:
            for reservation in found["Reservations"]:
                for instance in reservation["Instances"]:
                    instance["State"] = {"Code": 32, "Name": "shutting-down"}
        return found

    def _DescribeServices(self, request: AwsRequest) -> dict[str, Any]:
        found = super()._DescribeServices(request)
        status = "INACTIVE" if "DeleteService" in self._done else "ACTIVE"
        for service in found["services"]:
            service |= {"status": status, "taskDefinition": TASK_DEFINITIONS[-1]}
        return found

    def _ListTaskDefinitions(self, request: AwsRequest) -> dict[str, Any]:
        return {"taskDefinitionArns": list(TASK_DEFINITIONS)}

    def _ListContainerInstances(self, request: AwsRequest) -> dict[str, Any]:
        begin = int(request.params.get("nextToken") or 0)
        end = begin + _PAGE
        arns = [f"{_ECS}:container-instance/{APP_NAME}/{i}" for i in self._ids[begin:end]]
        more = {"nextToken": str(end)} if end < len(self._ids) else {}
        return {"containerInstanceArns": arns, **more}

    def _DescribeContainerInstances(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "containerInstances": [
                {"containerInstanceArn": arn, "ec2InstanceId": arn.rpartition("/")[2]}
                for arn in request.params["containerInstances"]
            ],
            "failures": [],
        }

    def _DescribeClusters(self, request: AwsRequest) -> dict[str, Any]:
        none = ("activeServices", "runningTasks", "pendingTasks", "registeredContainerInstances")
        facts = {"clusterName": APP_NAME, "status": "ACTIVE"}
        return {"clusters": [facts | {f"{what}Count": 0 for what in none}], "failures": []}

    def _DescribeAlarms(self, request: AwsRequest) -> dict[str, Any]:
        begin = int(request.params.get("NextToken") or 0)
        end = begin + _PAGE
        more = {"NextToken": str(end)} if end < len(self._ids) else {}
        return {"MetricAlarms": [_idle_alarm(i) for i in self._ids[begin:end]], **more}

    def _DescribeLogGroups(self, request: AwsRequest) -> dict[str, Any]:
        return {
            "logGroups": [{"logGroupName": name} for name in (APP_NAME, f"{APP_NAME}_perInstance")]
        }

    def _CreateExportTask(self, request: AwsRequest) -> dict[str, Any]:
        task_id = f"task-{len(self._tasks)}"
        self._tasks[task_id] = {**request.params, "taskId": task_id}
        return {"taskId": task_id}

    def _DescribeExportTasks(self, request: AwsRequest) -> dict[str, Any]:
        task = {**self._tasks[request.params["taskId"]], "status": {"code": "COMPLETED"}}
        return {"exportTasks": [task]}

    def _PutObject(self, request: AwsRequest) -> dict[str, Any]:
        return {"ETag": '"0"'}

    def _HeadObject(self, request: AwsRequest) -> dict[str, Any]:
        raise AwsError("404", "There is none.", 404)


def _idle_alarm(instance_id: str) -> dict[str, Any]:
    return {
        "AlarmName": f"{APP_NAME}_{instance_id}",
        "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:automate:us-east-1:ec2:terminate"],
        "ComparisonOperator": "LessThanThreshold",
        "EvaluationPeriods": 15,
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Maximum",
        "Period": 60,
        "Threshold": 1.0,
    }


class EndingStub(Stub):
    """A stub whose answers are not the same any more once something was changed."""

    def reply(self, headers: dict[str, str], body: bytes) -> bytes:
        """The whole HTTP answer."""
        before = self.asked.copy()
        answer = super().reply(headers, body)
        (operation,) = self.asked - before
        if not operation.partition(":")[2].startswith(LOOKS):
            self._known.clear()
        return answer


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds for every answer")
    parser.add_argument("--machines", type=int, default=3, help="that are up")
    parser.add_argument("--dead", type=int, default=2, help="others that have left an alarm")
    given = parser.parse_args()
    stub = EndingStub(Ending(given.machines, given.dead))
    asyncio.run(serve(stub, given.port, given.latency))


if __name__ == "__main__":
    main()
