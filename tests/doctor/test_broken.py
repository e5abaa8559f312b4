"""One thing is broken at a time: exactly its line is not fine, and says what to do about it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from dcp_engine.doctor.finding import Verdict, exit_code
from dcp_engine.driver_tag import KEY, DriverTag
from dcp_engine.simulation.launch import Launch, register_task
from dcp_engine.simulation.server import SimulatedAws
from tests.doctor.conftest import Clinic, not_fine

Break = Callable[[SimulatedAws, Launch], object]


@dataclass(frozen=True)
class Case:
    """What is broken, and what is to be said of it and of nothing else."""

    name: str
    verdict: Verdict
    words: tuple[str, ...]
    act: Break
    launch: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.words[0]}"


def wrong(name: str, *words: str, act: Break = lambda *_: None, **launch: Any) -> Case:
    return Case(name, Verdict.WRONG, words, act, launch)


def advice(name: str, *words: str, act: Break = lambda *_: None, **launch: Any) -> Case:
    return Case(name, Verdict.ADVICE, words, act, launch)


def unknown(name: str, *words: str, act: Break = lambda *_: None, **launch: Any) -> Case:
    return Case(name, Verdict.UNKNOWN, words, act, launch)


def cancel(terminate: bool) -> Break:
    return lambda aws, launch: aws.client("ec2").cancel_spot_fleet_requests(
        SpotFleetRequestIds=[launch.fleet_id], TerminateInstances=terminate
    )


def of_fleet(**config: Any) -> Break:
    return lambda _, launch: launch.fleet.config.update(config)


def fleet_ends(**after: float) -> Break:
    def act(aws: SimulatedAws, launch: Launch) -> None:
        launch.fleet.config["ValidUntil"] = aws.clock.now() + timedelta(**after)

    return act


def fleet_is_over(aws: SimulatedAws, launch: Launch) -> None:
    launch.fleet.config["ValidUntil"] = aws.clock.now() - timedelta(hours=1)


def no_capacity(_: SimulatedAws, launch: Launch) -> None:
    launch.fleet.target = 0


def launch_error(aws: SimulatedAws, launch: Launch) -> None:
    launch.fleet.launch_error = ("launchSpecUnusable", "InvalidSubnetID.NotFound")
    aws.clock.sleep(120)


def delete_queue(url: Callable[[Launch], str]) -> Break:
    def act(aws: SimulatedAws, launch: Launch) -> None:
        aws.client("sqs").delete_queue(QueueUrl=url(launch))
        aws.clock.sleep(61)

    return act


def of_queue(**attributes: str) -> Break:
    return lambda aws, launch: aws.client("sqs").set_queue_attributes(
        QueueUrl=launch.queue_url, Attributes=attributes
    )


def no_tasks(aws: SimulatedAws, launch: Launch) -> None:
    aws.client("ecs").update_service(cluster=launch.cluster, service=launch.service, desiredCount=0)


def no_service(aws: SimulatedAws, launch: Launch) -> None:
    no_tasks(aws, launch)
    aws.client("ecs").delete_service(cluster=launch.cluster, service=launch.service)


def no_task_definition(aws: SimulatedAws, launch: Launch) -> None:
    for revision in range(1, 4):
        task = f"{launch.task_family}:{revision}"
        aws.client("ecs").deregister_task_definition(taskDefinition=task)


def another_task(aws: SimulatedAws, launch: Launch) -> None:
    task = register_task(aws, f"{launch.task_family}_v2")
    aws.client("ecs").update_service(
        cluster=launch.cluster, service=launch.service, taskDefinition=task
    )


def no_bucket(aws: SimulatedAws, launch: Launch) -> None:
    aws.client("s3").delete_bucket(Bucket=launch.bucket)


def bucket_elsewhere(aws: SimulatedAws, launch: Launch) -> None:
    policy = aws.client("s3").get_bucket_policy(Bucket=launch.bucket)["Policy"]
    no_bucket(aws, launch)
    s3 = aws.client("s3", "eu-west-1")
    there = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket=launch.bucket, CreateBucketConfiguration=there)
    s3.put_bucket_policy(Bucket=launch.bucket, Policy=policy)


def no_policy(aws: SimulatedAws, launch: Launch) -> None:
    aws.client("s3").delete_bucket_policy(Bucket=launch.bucket)


def policy(*statements: dict[str, Any]) -> Break:
    def act(aws: SimulatedAws, launch: Launch) -> None:
        s3 = aws.client("s3")
        document = json.loads(s3.get_bucket_policy(Bucket=launch.bucket)["Policy"])
        document["Statement"] += statements
        s3.put_bucket_policy(Bucket=launch.bucket, Policy=json.dumps(document))

    return act


def encrypted(algorithm: str, key: str | None = None) -> Break:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    return lambda aws, launch: aws.client("s3").put_bucket_encryption(
        Bucket=launch.bucket, ServerSideEncryptionConfiguration=rules
    )


def no_log_group(*names: str) -> Break:
    def act(aws: SimulatedAws, launch: Launch) -> None:
        for name in names:
            group = name.replace("Exp1", launch.log_group)
            aws.client("logs").delete_log_group(logGroupName=group)

    return act


def driven_elsewhere(aws: SimulatedAws, launch: Launch) -> None:
    mark = DriverTag(store="another", until=aws.clock.now() + timedelta(hours=1))
    launch.fleet.tags = [{"Key": KEY, "Value": str(mark)}]


def rights(**statement: Any) -> Break:
    def act(aws: SimulatedAws, _: Launch) -> None:
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        aws.world.access.policy = {"Statement": [everything, {"Effect": "Deny", **statement}]}

    return act


EVERYBODY = {"Principal": "*", "Resource": "*"}
CASES = [
    wrong("fleet", "is over (cancelled", "Start the cluster again", act=cancel(terminate=True)),
    wrong("fleet", "asks for no machine", "EC2 console", act=no_capacity),
    wrong("fleet", "InvalidSubnetID.NotFound", "start the cluster again", act=launch_error),
    advice("fleet", "of type `request`", "`maintain`", act=of_fleet(Type="request")),
    wrong("fleet-end", "which is over", "Start the cluster again", act=fleet_is_over),
    advice("fleet-end", "ends on 2030-01-0", "before then", act=fleet_ends(hours=5)),
    wrong(
        "queue",
        "no queue Exp1Queue in us-east-1",
        "--region",
        act=delete_queue(lambda at: at.queue_url),
    ),
    wrong("queue", "Exp1Queue is empty", "taken down", "submitJob", jobs=0),
    advice(
        "dead-letters", "no dead-letter queue", "redrive policy", act=of_queue(RedrivePolicy="")
    ),
    wrong(
        "dead-letters",
        "Exp1DeadMessages, which does not exist",
        "Create a queue named Exp1DeadMessages",
        act=delete_queue(lambda at: at.queue_url.replace(at.queue_name, at.dead_letter_queue)),
    ),
    advice("visibility-timeout", "for 1 minute", "SQS_MESSAGE_VISIBILITY", visibility_timeout=60),
    wrong("service", "Exp1Service wants 0 tasks", "--desired-count", act=no_tasks),
    wrong("service", "Exp1Service", "Set it up", act=no_service),
    wrong(
        "task-definition", "no active task definition Exp1Task", "Set it up", act=no_task_definition
    ),
    advice("task-definition", "starts Exp1Task_v2:1", "`setup`", act=another_task),
    wrong("bucket", "There is no bucket exp1-bucket", "create it", act=no_bucket),
    wrong(
        "bucket",
        "exp1-bucket is in eu-west-1, the run in us-east-1",
        "in us-east-1",
        act=bucket_elsewhere,
    ),
    wrong("bucket-policy", "exp1-bucket has no policy", "Give it this one", act=no_policy),
    wrong(
        "bucket-policy",
        "does not let CloudWatch Logs (logs.us-east-1.amazonaws.com)",
        "Add these statements",
        act=policy({"Effect": "Deny", "Action": "s3:Put*", **EVERYBODY}),
    ),
    unknown(
        "bucket-policy",
        "cannot be judged from here",
        "See whether",
        act=policy(
            {
                "Effect": "Deny",
                "Action": "s3:*",
                "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
                **EVERYBODY,
            }
        ),
    ),
    wrong("bucket-encryption", "key aws/s3", "SSE-S3", act=encrypted("aws:kms")),
    advice(
        "bucket-encryption",
        "arn:aws:kms:us-east-1:123456789012:key/k",
        "kms:GenerateDataKey",
        act=encrypted("aws:kms", "arn:aws:kms:us-east-1:123456789012:key/k"),
    ),
    wrong(
        "log-groups",
        "no log group Exp1 in us-east-1",
        "CloudWatch console",
        act=no_log_group("Exp1"),
    ),
    advice(
        "log-groups",
        "no log group Exp1_perInstance",
        "Create it",
        act=no_log_group("Exp1_perInstance"),
    ),
    wrong(
        "log-groups",
        "neither a log group Exp1 nor",
        "Create it",
        act=no_log_group("Exp1", "Exp1_perInstance"),
    ),
    advice("dashboard", "no dashboard Exp1", "Nothing", dashboard=False),
    advice(
        "auto-monitor",
        "ApproximateNumberOfMessagesVisibleisZero_Exp1",
        "--take-over",
        auto_monitor=True,
    ),
    wrong(
        "permissions",
        "ec2:CancelSpotFleetRequests on spot-fleet-request/",
        "dcp-engine iam-policy",
        "forbids some of it outright",
        act=rights(Action="ec2:CancelSpotFleetRequests", Resource="*"),
    ),
    advice("watched", "on another computer", "--take-over", act=driven_elsewhere),
]


@pytest.mark.matrix("case", CASES, sample=10)
def test_exactly_that_line_is_not_fine(ward: Clinic, case: Case) -> None:
    launch = ward.launch_next(**case.launch)
    case.act(ward.aws, launch)
    found = ward.of_file(launch)
    said = not_fine(found)
    if case.name != "watched":
        assert said.pop("watched").copy == f"dcp-engine monitor {launch.monitor_file}"
    assert said.keys() == {case.name}
    finding = said[case.name]
    assert finding.verdict is case.verdict
    for word in case.words:
        own = word.replace("Exp1", launch.app_name).replace("exp1", launch.app_name.lower())
        assert own in f"{finding.text} {finding.what_to_do} {finding.copy}"
    assert exit_code(found) == (4 if case.verdict is Verdict.WRONG else 0)


def test_names_that_hang_on_each_other_are_told_together(ward: Clinic) -> None:
    launch = ward.launch_next()
    no_service(ward.aws, launch)
    ward.aws.client("ecs").delete_cluster(cluster=launch.cluster)
    said = not_fine(ward.of_file(launch))
    assert said.keys() == {"cluster", "service", "watched"}
    assert f"no cluster {launch.cluster} in us-east-1" in said["cluster"].text


def test_the_policy_to_add_is_the_one_that_makes_it_fine(ward: Clinic) -> None:
    """What is printed is pasted as it is, and then the logs can be exported."""
    launch = ward.launch_next()
    no_policy(ward.aws, launch)
    finding = not_fine(ward.of_file(launch))["bucket-policy"]
    ward.aws.client("s3").put_bucket_policy(Bucket=launch.bucket, Policy=finding.copy)
    assert "bucket-policy" not in not_fine(ward.of_file(launch))
    ward.aws.client("logs").create_export_task(
        logGroupName=launch.log_group,
        fromTime=0,
        to=1,
        destination=launch.bucket,
        destinationPrefix=f"exportedlogs/{launch.log_group}",
    )


def test_the_statements_to_add_are_the_ones_that_make_it_fine(ward: Clinic) -> None:
    launch = ward.launch_next()
    no_policy(ward.aws, launch)
    theirs = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "s3:*"}
    document = {"Version": "2012-10-17", "Statement": [{**theirs, "Resource": "*"}]}
    s3 = ward.aws.client("s3")
    s3.put_bucket_policy(Bucket=launch.bucket, Policy=json.dumps(document))
    finding = not_fine(ward.of_file(launch))["bucket-policy"]
    assert finding.verdict is Verdict.WRONG
    assert finding.copy is not None
    document["Statement"] = [*document["Statement"], *json.loads(finding.copy)]
    s3.put_bucket_policy(Bucket=launch.bucket, Policy=json.dumps(document))
    assert "bucket-policy" not in not_fine(ward.of_file(launch))


def test_another_runs_fleet_is_told_before_it_is_watched(ward: Clinic) -> None:
    stranger = ward.launch_next()
    launch = ward.launch_next()
    text = launch.monitor_file.read_text().replace(launch.fleet_id, stranger.fleet_id)
    launch.monitor_file.write_text(text)
    ward.clock.advance(600)
    finding = not_fine(ward.of_file(launch))["fleet"]
    assert finding.verdict is Verdict.WRONG
    assert f"named for {stranger.app_name}" in finding.text
