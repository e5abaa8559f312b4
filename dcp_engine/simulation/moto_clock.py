"""Lets moto tell the world's time instead of the computer's.

All of moto's time stamps and deadlines (queue creation, visibility timeouts, ECS and log dates)
come from `moto.core.utils.utcnow`, which looks up `datetime` in its module at each call. Replacing
that one name therefore moves all of moto, wherever `utcnow` was imported to.

SQS asks for the time several times per message and count, and moto's way of telling it takes some
10 microseconds, so SQS is given a quicker one.
"""

import datetime
import types
from collections.abc import Callable
from typing import Any

import moto.core.utils
import moto.sqs.models


class MotoClock:
    """Puts the world's `now` under moto, and takes it out again."""

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self._now = now
        self._shim = _datetime_module(now)
        self._told: tuple[datetime.datetime, float] | None = None

    @staticmethod
    def installed() -> bool:
        """Whether any world's time is under moto now."""
        return vars(moto.core.utils)["datetime"] is not datetime

    def install(self) -> None:
        """From now on moto tells the world's time."""
        vars(moto.core.utils)["datetime"] = self._shim
        vars(moto.sqs.models)["unix_time_millis"] = self._milliseconds

    def remove(self) -> None:
        """From now on moto tells the computer's time again."""
        vars(moto.core.utils)["datetime"] = datetime
        vars(moto.sqs.models)["unix_time_millis"] = moto.core.utils.unix_time_millis

    def _milliseconds(self) -> float:
        now, told = self._now(), self._told
        if told is not None and told[0] is now:
            return told[1]
        milliseconds = now.timestamp() * 1000.0
        self._told = now, milliseconds
        return milliseconds


def _datetime_module(now: Callable[[], datetime.datetime]) -> types.ModuleType:
    class WorldDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            moment = now()
            if tz is datetime.UTC:
                return moment
            return moment.astimezone(tz) if tz is not None else moment.replace(tzinfo=None)

        @classmethod
        def utcnow(cls) -> Any:
            return now().replace(tzinfo=None)

    shim = types.ModuleType("datetime")
    shim.__dict__.update(vars(datetime))
    shim.__dict__["datetime"] = WorldDatetime
    return shim
