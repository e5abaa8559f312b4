"""How fast this computer is at this moment: what one call of botocore costs in a loop."""

import os
import time
from typing import Final
from unittest import mock

import boto3

from benchmarks.stub import ACCOUNT, queue_of
from benchmarks.stubbed import StubProcess

_CALLS: Final = 500


def of_a_call() -> float:
    """Seconds of CPU for one count of a queue, the mean of many, with nothing around it."""
    with StubProcess(latency=0.0) as stub:
        with mock.patch.dict(os.environ, stub.environment, clear=True):
            sqs = boto3.client("sqs")
        url = f"http://127.0.0.1/{ACCOUNT}/{queue_of('Exp0')}"
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        began = time.process_time()
        for _ in range(_CALLS):
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return (time.process_time() - began) / _CALLS
