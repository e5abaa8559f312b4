"""What several of these tests say the same way."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dcp_engine.simulation.virtual_clock import VirtualClock


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    """The error code and HTTP status that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def until(
    clock: VirtualClock, reached: Callable[[], bool], *, step: float = 10, limit: float = 7200
) -> None:
    """Move the clock on until something is so, or fail."""
    passed = 0.0
    while not reached():
        assert passed < limit, f"not so after {limit} virtual seconds"
        clock.advance(step)
        passed += step
