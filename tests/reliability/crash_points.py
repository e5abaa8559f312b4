"""Every moment of `crash_story` at which a process is killed, as data.

The moments are known without telling the story, so that they can be chosen from; a test tells it
and finds out whether they are still right.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dcp_engine.aws.operations import OPERATIONS

STORE_WRITES: Final = (
    "insert_run",
    "acquire",
    "renew",
    "release",
    "release_all",
    "commit",
    "thin",
    "add_request",
    "delivered",
    "delivery_failed",
)
EFFECTS: Final = frozenset(
    {f"aws {operation.label}" for operation in OPERATIONS}
    | {f"store {write}" for write in STORE_WRITES}
)
"""Everything that a process does to the world, and asks of it."""

UNREGISTERED: Final = "unregistered"

PASSED: Final[Mapping[str, Mapping[str, int]]] = {
    UNREGISTERED: {
        "aws cloudwatch:DescribeAlarms": 1,
        "aws ec2:DescribeInstances": 1,
        "aws ec2:DescribeSpotFleetRequests": 1,
        "aws sts:GetCallerIdentity": 1,
        "before store insert_run": 1,
    },
    "PENDING": {
        "aws cloudwatch:DescribeAlarms": 1,
        "aws cloudwatch:DisableAlarmActions": 1,
        "aws ec2:CreateTags": 1,
        "aws ec2:DescribeInstances": 1,
        "aws ec2:DescribeSpotFleetInstances": 1,
        "aws ec2:DescribeSpotFleetRequestHistory": 1,
        "aws ec2:DescribeSpotFleetRequests": 1,
        "aws ecs:DescribeServices": 1,
        "aws ecs:ListTaskDefinitions": 1,
        "aws sqs:GetQueueAttributes": 2,
        "aws sqs:GetQueueUrl": 2,
        "store acquire": 1,
        "store add_request": 1,
        "store commit": 10,
        "after store insert_run": 1,
        "store thin": 1,
    },
    "RUNNING": {
        "aws cloudwatch:DescribeAlarms": 1,
        "aws cloudwatch:GetMetricData": 1,
        "aws ec2:CreateTags": 1,
        "aws ec2:DescribeInstances": 4,
        "aws ec2:DescribeSpotFleetInstances": 1,
        "aws ec2:DescribeSpotFleetRequestHistory": 1,
        "aws ec2:DescribeSpotFleetRequests": 3,
        "aws ec2:DescribeSpotPriceHistory": 1,
        "aws ec2:DescribeVolumes": 1,
        "aws ec2:ModifySpotFleetRequest": 1,
        "aws ecs:DescribeContainerInstances": 1,
        "aws ecs:DescribeServices": 1,
        "aws ecs:ListContainerInstances": 1,
        "aws ecs:ListTaskDefinitions": 1,
        "aws logs:FilterLogEvents": 2,
        "aws sqs:GetQueueAttributes": 10,
        "store acquire": 9,
        "store commit": 22,
        "store delivered": 20,
        "store delivery_failed": 1,
        "store release": 9,
    },
    "DRAINING": {
        "aws cloudwatch:DeleteAlarms": 1,
        "aws cloudwatch:DescribeAlarms": 1,
        "aws cloudwatch:GetMetricData": 2,
        "aws cloudwatch:PutMetricAlarm": 5,
        "aws ec2:CreateTags": 1,
        "aws ec2:DescribeInstances": 5,
        "aws ec2:DescribeSpotFleetRequests": 4,
        "aws ec2:DescribeSpotPriceHistory": 2,
        "aws ec2:DescribeVolumes": 3,
        "aws ec2:ModifySpotFleetRequest": 1,
        "aws ecs:DescribeContainerInstances": 2,
        "aws ecs:DescribeServices": 1,
        "aws ecs:ListContainerInstances": 2,
        "aws ecs:ListTaskDefinitions": 1,
        "aws logs:FilterLogEvents": 2,
        "aws sqs:GetQueueAttributes": 16,
        "store acquire": 11,
        "store commit": 28,
        "store delivered": 10,
        "store release": 11,
    },
    "TEARDOWN": {
        "aws cloudwatch:DeleteAlarms": 1,
        "aws cloudwatch:DeleteDashboards": 1,
        "aws cloudwatch:DescribeAlarms": 1,
        "aws ec2:CancelSpotFleetRequests": 1,
        "aws ec2:DescribeInstances": 5,
        "aws ec2:DescribeSpotFleetRequests": 2,
        "aws ec2:TerminateInstances": 1,
        "aws ecs:DeleteCluster": 1,
        "aws ecs:DeleteService": 1,
        "aws ecs:DeregisterContainerInstance": 9,
        "aws ecs:DeregisterTaskDefinition": 3,
        "aws ecs:DescribeClusters": 1,
        "aws ecs:DescribeContainerInstances": 1,
        "aws ecs:DescribeServices": 14,
        "aws ecs:ListContainerInstances": 1,
        "aws ecs:ListTaskDefinitions": 1,
        "aws ecs:UpdateService": 1,
        "aws logs:CreateExportTask": 2,
        "aws logs:DescribeExportTasks": 15,
        "aws logs:DescribeLogGroups": 1,
        "aws s3:DeleteObject": 1,
        "aws s3:HeadObject": 1,
        "aws s3:PutObject": 3,
        "aws sqs:DeleteQueue": 1,
        "aws sqs:GetQueueAttributes": 8,
        "store acquire": 30,
        "store commit": 97,
        "store delivered": 42,
        "store release": 30,
    },
    "EXPORTED": {
        "store commit": 1,
        "store delivered": 6,
        "store release": 1,
    },
}
"""State of the run, then effect, then how often each of its two points is passed, at least.

Only one of the two where the name says `before` or `after`: what is between them is the state.
"""

ELSEWHERE: Final[Mapping[str, str]] = {
    "aws ec2:DeleteTags": "only a run that is released has its mark taken away",
    "store release_all": "only `watch` drives many runs, and gives all of them back when it ends",
    "store renew": "no driver renews: each tick acquires the lease anew",
}
"""Effects that the story does not have, and why."""


@dataclass(frozen=True)
class Moment:
    """The time-th passing of a point while the run is in a state."""

    state: str
    point: str
    time: int

    def __str__(self) -> str:
        return f"{self.state} {self.point}#{self.time}"


@dataclass(frozen=True)
class Kill:
    """A moment, and whether the next process knows that the killed one is dead."""

    moment: Moment
    known_dead: bool

    def __str__(self) -> str:
        return f"{self.moment}, {'dead' if self.known_dead else 'silent'}"


def points(effect: str) -> tuple[str, ...]:
    """The crash points of an effect; an effect may already be one of them."""
    if effect.startswith(("before ", "after ")):
        return (effect,)
    return (f"before {effect}", f"after {effect}")


def moments(state: str) -> Iterator[Moment]:
    """The first and the last passing of every point in a state."""
    for effect, times in PASSED[state].items():
        for point in points(effect):
            for time in sorted({1, times}):
                yield Moment(state, point, time)


def _kills() -> Iterator[Kill]:
    for state in PASSED:
        for moment in moments(state):
            yield Kill(moment, known_dead=True)
            yield Kill(moment, known_dead=False)
    # What a teardown has done is known by its commits alone: none of them is like another.
    for time in range(2, PASSED["TEARDOWN"]["store commit"]):
        yield Kill(Moment("TEARDOWN", "after store commit", time), known_dead=time % 2 == 0)


KILLS: Final = tuple(_kills())
