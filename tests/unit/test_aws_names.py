"""Which names AWS accepts, at the edges of each rule."""

from collections.abc import Callable

import pytest

from dcp_engine import aws_names
from dcp_engine.model import Names

Rule = Callable[[str], str | None]

GOOD: list[tuple[Rule, str]] = [
    (aws_names.fleet_id_trouble, "sfr-73fbd2ce-aa30-494c-8788-1cee40123456"),
    (aws_names.app_name_trouble, "2024_05-Plate_7"),
    (aws_names.app_name_trouble, "x" * 211),
    (aws_names.cluster_trouble, "default"),
    (aws_names.cluster_trouble, "c" * 255),
    (aws_names.queue_trouble, "q" * 80),
    (aws_names.queue_trouble, "Exp1Queue.fifo"),
    (aws_names.queue_trouble, "q" * 75 + ".fifo"),
    (aws_names.bucket_trouble, "abc"),
    (aws_names.bucket_trouble, "b" * 63),
    (aws_names.bucket_trouble, "my.bucket-1"),
    (aws_names.bucket_trouble, "192.168.5"),
    (aws_names.log_group_trouble, "/aws/lab/Exp.1#2_a-b"),
    (aws_names.log_group_trouble, "l" * 500),
]

BAD: list[tuple[Rule, str, str]] = [
    (aws_names.fleet_id_trouble, "sfr-73fbd2ce", "RequestSpotFleet"),
    (aws_names.fleet_id_trouble, "73fbd2ce-aa30-494c-8788-1cee40123456", "sfr-"),
    (aws_names.fleet_id_trouble, "SFR-73fbd2ce-aa30-494c-8788-1cee40123456", "small letters"),
    (aws_names.fleet_id_trouble, "sfr-73fbd2ce-aa30-494c-8788-1cee40123456\n", "sfr-"),
    (aws_names.fleet_id_trouble, "fleet-73fbd2ce-aa30-494c-8788-1cee40123456", "sfr-"),
    (aws_names.app_name_trouble, "x" * 212, "211"),
    (aws_names.app_name_trouble, "Exp 1", "CreateService"),
    (aws_names.app_name_trouble, "Exp.1", "PutDashboard"),
    (aws_names.app_name_trouble, "Expé", "A-Z"),
    (aws_names.app_name_trouble, "Exp.*", "A-Z"),
    (aws_names.app_name_trouble, "Exp\uff11", "digits"),
    (aws_names.cluster_trouble, "c" * 256, "255"),
    (aws_names.cluster_trouble, "arn:aws:ecs:us-east-1:123456789012:cluster/lab", "'lab'"),
    (aws_names.queue_trouble, "q" * 81, "80"),
    (aws_names.queue_trouble, "q" * 76 + ".fifo", "80"),
    (aws_names.queue_trouble, ".fifo", "CreateQueue"),
    (aws_names.queue_trouble, "Exp.Queue", "CreateQueue"),
    (aws_names.queue_trouble, "https://sqs.us-east-1.amazonaws.com/1/ExpQueue", "'ExpQueue'"),
    (aws_names.bucket_trouble, "ab", "3 to 63"),
    (aws_names.bucket_trouble, "b" * 64, "3 to 63"),
    (aws_names.bucket_trouble, "My_Bucket", "small ones only"),
    (aws_names.bucket_trouble, "-bucket", "first and the last"),
    (aws_names.bucket_trouble, "bucket.", "first and the last"),
    (aws_names.bucket_trouble, "my..bucket", "side by side"),
    (aws_names.bucket_trouble, "192.168.5.4", "IP address"),
    (aws_names.bucket_trouble, "xn--bucket", "itself"),
    (aws_names.bucket_trouble, "bucket-s3alias", "itself"),
    (aws_names.bucket_trouble, "s3://lab-images/plates", "'lab-images'"),
    (aws_names.log_group_trouble, "l" * 501, "_perInstance"),
    (aws_names.log_group_trouble, "Exp 1", "CreateLogGroup"),
    (aws_names.log_group_trouble, "aws/Exp1", "`aws/`"),
]


@pytest.mark.parametrize(("rule", "name"), GOOD)
def test_accepts(rule: Rule, name: str) -> None:
    assert rule(name) is None


@pytest.mark.parametrize(("rule", "name", "word"), BAD)
def test_refuses_and_says_the_rule(rule: Rule, name: str, word: str) -> None:
    said = rule(name)
    assert said is not None
    assert word in said
    assert said.isprintable()


def test_the_longest_names_leave_room_for_what_is_made_of_them() -> None:
    names = Names(
        app_name="a" * aws_names.LONGEST_APP_NAME,
        cluster="default",
        queue="q",
        bucket="bkt",
        log_group="l" * aws_names.LONGEST_LOG_GROUP,
    )
    made = [
        names.service,
        names.task_family,
        names.dashboard,
        names.alarm("i-0123456789abcdef0"),
        *names.queue_alarms,
    ]
    assert max(len(name) for name in made) == 255
    assert max(len(group) for group in names.log_groups) == 512
