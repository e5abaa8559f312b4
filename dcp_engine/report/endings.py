"""Why a machine ended, as far as EC2's words and the machine's own last hour tell."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from dcp_engine.model import Machine, Run
from dcp_engine.series import CPU, Bucket


class Ending(StrEnum):
    """How a machine's life ended, in words for people."""

    UP = "up when last seen"
    TEARDOWN = "teardown"
    SPOT = "spot interruption"
    IDLE = "idle alarm"
    ASKED = "ended on request"
    ITSELF = "shut itself down"
    AWS = "ended by AWS"
    UNKNOWN = "reason unknown"


MEANT: Final = {
    Ending.UP: "It had not ended when it was last looked at.",
    Ending.TEARDOWN: "The run was over, and its fleet was cancelled with all machines.",
    Ending.SPOT: "AWS took its spot capacity back.",
    Ending.IDLE: "EC2 was asked to end it while its CPU did next to nothing: in all likelihood by "
    "the alarm that the worker places for that.",
    Ending.ASKED: "EC2 was asked to end it before the teardown: by an alarm, a person or "
    "dcp-engine.",
    Ending.ITSELF: "It was shut down from within.",
    Ending.AWS: "AWS ended it for a reason of its own, such as a failed machine.",
    Ending.UNKNOWN: "AWS did not say, or had forgotten it when it was looked at.",
}

# The worker's alarm acts on a CPU of less than 1 % for 15 minutes.
_IDLE_PERCENT: Final = 1.0
_LAST_SEEN_WITHIN: Final = timedelta(hours=1)


def ending_of(machine: Machine, run: Run, cpu: Sequence[Bucket]) -> Ending:
    """How a machine ended; `cpu` are its own numbers over time.

    For the beginnings of EC2's words see "StateReason" in the Amazon EC2 API Reference.
    """
    ended_at, reason = machine.ended_at, (machine.reason or "").casefold()
    if ended_at is None:
        return Ending.UP if run.machines_ended_at is None else Ending.TEARDOWN
    if "spotinstance" in reason or "spot instance" in reason:
        return Ending.SPOT
    if run.first_cancel_at is not None and ended_at >= run.first_cancel_at:
        return Ending.TEARDOWN
    if "userinitiated" in reason or "user initiated" in reason:
        return Ending.IDLE if _was_idle(machine, cpu) else Ending.ASKED
    if "instanceinitiated" in reason:
        return Ending.ITSELF
    return Ending.AWS if reason.startswith(("server.", "client.")) else Ending.UNKNOWN


def _was_idle(machine: Machine, cpu: Sequence[Bucket]) -> bool:
    known = [
        bucket
        for bucket in cpu
        if CPU in bucket.values and machine.ended_at is not None and bucket.at <= machine.ended_at
    ]
    if not known or machine.ended_at is None:
        return False
    last = max(known, key=lambda bucket: bucket.at)
    recent = last.at + last.span >= machine.ended_at - _LAST_SEEN_WITHIN
    return recent and last.values[CPU].low < _IDLE_PERCENT
