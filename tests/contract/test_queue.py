"""The queue (Amazon SQS API Reference: GetQueueUrl, GetQueueAttributes, DeleteQueue)."""

import json
from datetime import timedelta

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.errors import Missing, NotOurs
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.GET_QUEUE_URL)
def test_one_that_never_was_is_missing(scene: Scene) -> None:
    scene.make_queue(f"{scene.names.queue}2")
    with pytest.raises(Missing):
        scene.aws.queue.look(None)


@calls(op.GET_QUEUE_URL, op.GET_QUEUE_ATTRIBUTES)
def test_an_empty_one_has_no_jobs_and_is_not_missing(scene: Scene) -> None:
    url = scene.make_queue()
    facts = scene.aws.queue.look(None)
    assert facts.url == url
    assert facts.reading.total == 0
    assert facts.dead_letter_queue_arn is None


@calls(op.GET_QUEUE_URL, op.GET_QUEUE_ATTRIBUTES)
def test_jobs_are_counted_by_what_becomes_of_them(scene: Scene) -> None:
    url = scene.make_queue(VisibilityTimeout="600", MessageRetentionPeriod="1209600")
    sqs = scene.client("sqs")
    for job in ("a", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=job)
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    facts = scene.aws.queue.look(None)
    reading = facts.reading
    assert (reading.visible, reading.in_flight, reading.delayed) == (2, 1, 1)
    assert facts.retention == timedelta(days=14)
    assert scene.aws.queue.look(url).reading.total == 4


@calls(op.GET_QUEUE_ATTRIBUTES)
def test_a_reading_has_the_time_of_aws_and_the_queue_the_time_it_was_made(scene: Scene) -> None:
    before = scene.backend.now().replace(microsecond=0)
    scene.make_queue()
    facts = scene.aws.queue.look(None)
    # Both are told in whole seconds; the engine's clock is years away from ministack's.
    after = scene.backend.now()
    assert before <= facts.created_at <= after
    assert before <= facts.reading.at <= after


@calls(op.GET_QUEUE_URL, op.GET_QUEUE_ATTRIBUTES)
def test_dead_letters_are_counted_with_those_somebody_looks_at(scene: Scene) -> None:
    dead = scene.make_queue(f"{scene.names.app_name}DeadMessages")
    arn = f"arn:aws:sqs:{scene.run.region}:{scene.run.account}:{scene.names.app_name}DeadMessages"
    redrive = {"deadLetterTargetArn": arn, "maxReceiveCount": "3"}
    scene.make_queue(RedrivePolicy=json.dumps(redrive))
    found = scene.aws.queue.look(None).dead_letter_queue_arn
    assert found == arn
    assert scene.aws.queue.dead_letters(found) == 0
    sqs = scene.client("sqs")
    for job in ("a", "b"):
        sqs.send_message(QueueUrl=dead, MessageBody=job)
    sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=1)
    assert scene.aws.queue.dead_letters(found) == 2


@calls(op.GET_QUEUE_URL)
def test_a_dead_letter_queue_that_is_gone_is_missing(scene: Scene) -> None:
    gone = f"arn:aws:sqs:{scene.run.region}:{scene.run.account}:{scene.names.app_name}DeadMessages"
    with pytest.raises(Missing):
        scene.aws.queue.dead_letters(gone)


@calls(op.DELETE_QUEUE, op.GET_QUEUE_ATTRIBUTES, op.GET_QUEUE_URL)
def test_a_deleted_one_is_missing_and_can_be_deleted_again(scene: Scene) -> None:
    url = scene.make_queue()
    neighbour = scene.make_queue(f"{scene.names.queue}2")
    with pytest.raises(NotOurs):
        scene.aws.queue.delete(url)
    scene.record(queue_url=url)
    scene.aws.queue.delete(url)
    scene.backend.wait(120)
    for known in (url, None):
        with pytest.raises(Missing):
            scene.aws.queue.look(known)
    scene.aws.queue.delete(url)
    assert scene.aws.queue.look(neighbour).url == neighbour
