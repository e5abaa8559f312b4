"""FilterLogEvents.

Source: CloudWatch Logs API reference, FilterLogEvents (10,000 events or 1 MB a page; a page may
be short, even empty, while more follow); CloudWatch Logs user guide, "Filter pattern syntax for
metric filters, subscription filters, filter log events, and Live Tail", the part on unstructured
log events. moto takes a pattern that it does not understand for one that everything matches.
"""

import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from dcp_engine.simulation.call import Call, Handler, page_of
from dcp_engine.simulation.service_error import AwsError

_TERM = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]+%|[\w.\-:/]+)\s*')
_BYTES = 1024 * 1024


def filter_log_events(call: Call) -> dict[str, Any]:
    """The events of a group's streams in the order of their moments."""
    params = call.params
    group = call.backend().groups.get(params.get("logGroupName", ""))
    if group is None:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    if "logStreamNames" in params and "logStreamNamePrefix" in params:
        raise AwsError("InvalidParameterException", "Give stream names or a prefix, not both.")
    limit = int(params.get("limit", 10_000))
    if not 1 <= limit <= 10_000:
        raise AwsError("InvalidParameterException", "limit must be between 1 and 10000.")
    matches = matcher(str(params.get("filterPattern", "")))
    start, end = int(params.get("startTime", 0)), int(params.get("endTime", 2**62))
    names, prefix = params.get("logStreamNames"), str(params.get("logStreamNamePrefix", ""))
    events = [
        {
            "logStreamName": name,
            "timestamp": event.timestamp,
            "message": event.message,
            "ingestionTime": event.ingestion_time,
            "eventId": str(event.event_id),
        }
        for name, stream in group.streams.items()
        if name.startswith(prefix) and (not names or name in names)
        for event in stream.events
        if start <= event.timestamp <= end and matches(event.message)
    ]
    events.sort(key=lambda event: int(event["timestamp"]))
    page, token = page_of(
        events,
        params.get("nextToken"),
        limit,
        bad_token=AwsError("InvalidParameterException", "The specified nextToken is invalid."),
    )
    fitting = _within(page)
    if len(fitting) < len(page):
        first = int(str(params.get("nextToken") or "page-0").removeprefix("page-"))
        token = f"page-{first + len(fitting)}"
    answer: dict[str, Any] = {"events": fitting, "searchedLogStreams": []}
    if token is not None:
        answer["nextToken"] = token
    return answer


def _within(page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many of the events as one answer carries."""
    size = 0
    for number, event in zip(count(), page, strict=False):
        size += len(event["message"])
        if size > _BYTES and number:
            return page[:number]
    return page


def matcher(pattern: str) -> Callable[[str], bool]:
    """What tells whether a message matches; raises InvalidParameterException.

    All terms must be in it, none of those with a minus, and one of those with a question mark.
    """
    if pattern.lstrip()[:1] in {"{", "["}:
        raise AwsError("InvalidParameterException", "Only patterns of terms are simulated.")
    needed: list[Callable[[str], bool]] = []
    unwanted: list[Callable[[str], bool]] = []
    some: list[Callable[[str], bool]] = []
    place = 0
    while place < len(pattern.rstrip()):
        term = _TERM.match(pattern, place)
        if term is None:
            raise AwsError("InvalidParameterException", "Invalid filter pattern")
        kinds = {"": needed, "-": unwanted, "?": some}
        kinds[term[1]].append(_finder(term[2]))
        place = term.end()

    def matches(message: str) -> bool:
        # Terms with question marks count for nothing beside others (ibid.).
        chosen = not some or bool(needed) or any(found(message) for found in some)
        return (
            chosen
            and all(found(message) for found in needed)
            and not any(found(message) for found in unwanted)
        )

    return matches


def _finder(term: str) -> Callable[[str], bool]:
    if term.startswith("%"):
        expression = re.compile(term[1:-1])
        return lambda message: expression.search(message) is not None
    text = re.sub(r"\\(.)", r"\1", term[1:-1]) if term.startswith('"') else term
    return lambda message: text in message


OPERATIONS: Mapping[str, Handler] = {"logs:FilterLogEvents": filter_log_events}
