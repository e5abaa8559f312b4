"""The simulated account as a whole: one at a time, recorded, on whatever clock."""

import json
import socket
import threading
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from dcp_engine.aws.session import plain_client
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws, SimulationError
from dcp_engine.simulation.virtual_clock import VirtualClock

from .conftest import Client


def test_only_one_runs_in_a_process(aws: SimulatedAws) -> None:
    with pytest.raises(SimulationError, match="Another SimulatedAws"):
        SimulatedAws().start()
    assert plain_client("sqs", endpoint_url=aws.endpoint_url, region=aws.region).list_queues()


def test_before_it_runs_it_says_so() -> None:
    with pytest.raises(SimulationError, match="not running"):
        _ = SimulatedAws().endpoint_url


def test_replies_carry_the_worlds_date(client: Client, clock: VirtualClock) -> None:
    for service, call in (("sqs", "list_queues"), ("s3", "list_buckets")):
        clock.advance(3600)
        answer = getattr(client(service), call)()
        told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        assert told == clock.now().replace(microsecond=0)


def test_the_clock_may_be_set_back(client: Client, clock: VirtualClock) -> None:
    before = clock.now()
    clock.set_back(7200)
    answer = client("sqs").list_queues()
    told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert told == (before - timedelta(hours=2)).replace(microsecond=0)
    clock.advance(7200)


def test_requests_are_recorded_in_order(aws: SimulatedAws, client: Client) -> None:
    aws.requests.clear()
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="noted")["QueueUrl"]
    client("s3").list_buckets()
    aws.client("sqs").delete_queue(QueueUrl=url)
    assert aws.requests.names() == ["sqs:CreateQueue", "s3:ListBuckets"]
    assert aws.requests[0].params == {"QueueName": "noted"}
    assert [record.status for record in aws.requests] == [200, 200]
    assert aws.requests.count("sqs:*") == 1


def test_credentials_may_be_of_another_account(aws: SimulatedAws, client: Client) -> None:
    sts = client("sts")
    assert sts.get_caller_identity()["Account"] == aws.account
    aws.world.accounts["testing"] = "999999999999"
    assert sts.get_caller_identity()["Account"] == "999999999999"
    aws.world.accounts.clear()


def test_many_threads_may_ask_at_once(aws: SimulatedAws, client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="busy")["QueueUrl"]
    threads = [
        threading.Thread(
            target=lambda: [sqs.send_message(QueueUrl=url, MessageBody="{}") for _ in range(10)]
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert told["ApproximateNumberOfMessages"] == "80"


@pytest.mark.parametrize("arrived", [0, 10])
def test_half_a_request_of_a_killed_process_is_not_carried_out(
    aws: SimulatedAws, client: Client, arrived: int
) -> None:
    url = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    aws.requests.clear()
    body = json.dumps({"QueueUrl": url}).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: AmazonSQS.DeleteQueue\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        "Authorization: AWS4-HMAC-SHA256 "
        f"Credential=testing/20260101/{aws.region}/sqs/aws4_request\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()

    assert b" 200 " in _answer_to(aws, head + body)
    aws.clock.sleep(120)
    url = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    before = aws.requests.names()
    assert _answer_to(aws, head + body[:arrived]) == b""
    aws.clock.sleep(120)
    assert aws.requests.names() == before
    assert url in client("sqs").list_queues()["QueueUrls"]
    assert aws.crashes == []


def _answer_to(aws: SimulatedAws, sent: bytes) -> bytes:
    """What comes back to somebody who sends no more than this."""
    address = aws.endpoint_url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(65536)
        except ConnectionResetError:
            return b""


def test_launching_is_not_recorded(aws: SimulatedAws, tmp_path: Path) -> None:
    aws.requests.clear()
    launch = launch_run(aws, "Quiet", jobs=3, machines=1, directory=tmp_path, auto_monitor=True)
    assert len(aws.requests) == 0
    written = json.loads(launch.monitor_file.read_text())
    assert written["MONITOR_FLEET_ID"] == launch.fleet_id
    assert written["MONITOR_QUEUE_NAME"] == "QuietQueue"
    assert written["CLEAN_DASHBOARD"] == "True"
    assert all(isinstance(value, str) for value in written.values())
    stored = aws.client("s3").get_object(Bucket=launch.bucket, Key=launch.monitor_key)
    assert json.loads(stored["Body"].read()) == written


def test_the_size_of_an_object_is_told_without_its_content(
    aws: SimulatedAws, client: Client
) -> None:
    aws.client("s3").create_bucket(Bucket="sized")
    client("s3").put_object(Bucket="sized", Key="five", Body=b"12345")
    assert client("s3").head_object(Bucket="sized", Key="five")["ContentLength"] == 5
