"""One answer of AWS: what it must carry, and when it was given."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from dcp_engine.aws.operations import Operation
from dcp_engine.aws.taxonomy import unreadable
from dcp_engine.clock import Clock

T = TypeVar("T")


class Answer:
    """A parsed body that carries every required key."""

    def __init__(self, operation: Operation, body: Any, clock: Clock) -> None:
        """Raise Unreadable when a required key is missing."""
        if not isinstance(body, dict):
            raise unreadable(operation, "it has no content")
        missing = [key for key in operation.required if body.get(key) is None]
        if missing:
            raise unreadable(operation, f"it lacks {', '.join(missing)}")
        self.operation = operation
        self.body: dict[str, Any] = body
        self._clock = clock

    def take(self, shape: type[T]) -> T:
        """The part of it that `shape` describes. Raises Unreadable when it is not like that."""
        try:
            return msgspec.convert(self.body, shape)
        except (msgspec.ValidationError, ValueError, OverflowError) as error:
            raise unreadable(self.operation, f"{error}") from None

    def at(self) -> datetime:
        """When AWS gave it, by the `Date` header (RFC 9110, 6.6.1).

        The local clock stands in only where there is no such header at all, as with some
        emulators; one that is there and cannot be read raises Unreadable, since then nothing
        tells how old the answer is.
        """
        return self.dated() or self._clock.now()

    def dated(self) -> datetime | None:
        """The same, None where there is no such header."""
        headers = self.body.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if "date" not in headers:
            return None
        moment = http_date(headers["date"])
        if moment is None:
            raise unreadable(self.operation, "its Date header is not a date")
        return moment

    def unreadable(self, why: str) -> Exception:
        """The error to raise where a part of it makes no sense."""
        return unreadable(self.operation, why)


# Many answers are of the same second.
@lru_cache(maxsize=8)
def http_date(text: str) -> datetime | None:
    """A `Date` header's moment, None where it is none."""
    try:
        return utc(parsedate_to_datetime(text))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def utc(moment: datetime) -> datetime:
    """The moment in UTC; AWS means UTC where it names no zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
