"""Lines of logs: found by a pattern, the oldest first, no more than wanted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcp_engine.errors import AwsError, Denied, Invalid, Missing, Transient, Unreadable
from dcp_engine.ports import LogLine

ASK = "logs:FilterLogEvents"
NOON = datetime(2030, 5, 17, 12, tzinfo=UTC)
NOON_MS = 1905249600000


def event(minutes: int, text: str = "full", stream: str = "s") -> dict[str, Any]:
    return {"timestamp": NOON_MS + minutes * 60_000, "message": text, "logStreamName": stream}


def events(bench: Any, *found: dict[str, Any], **more: Any) -> Any:
    return bench.line.json({"events": list(found), **more})


def search(bench: Any, most: int = 10) -> Any:
    hour = timedelta(hours=1)
    return bench.aws.logs.search("Exp1_perInstance", '"High"', NOON, NOON + hour, most=most)


def test_what_is_asked_and_found(bench: Any) -> None:
    bench.line.on(ASK, events(bench, event(5, "b"), event(3, "a", "t")))
    assert search(bench) == (
        LogLine(at=NOON + timedelta(minutes=3), stream="t", text="a"),
        LogLine(at=NOON + timedelta(minutes=5), stream="s", text="b"),
    )
    assert bench.line.params(ASK) == [
        {
            "logGroupName": "Exp1_perInstance",
            "filterPattern": '"High"',
            "startTime": NOON_MS,
            "endTime": NOON_MS + 3_600_000,
            "limit": 10,
        }
    ]


def test_empty_pages_are_gone_through(bench: Any) -> None:
    bench.line.on(
        ASK,
        events(bench, nextToken="a"),
        events(bench, nextToken="b"),
        events(bench, event(1)),
    )
    assert len(search(bench)) == 1
    assert [asked.get("nextToken") for asked in bench.line.params(ASK)] == [None, "a", "b"]


def test_it_ends_when_there_are_enough(bench: Any) -> None:
    bench.line.on(ASK, events(bench, event(2), event(1), nextToken="a"), events(bench, event(3)))
    assert [line.at for line in search(bench, most=1)] == [NOON + timedelta(minutes=1)]
    assert bench.line.count(ASK) == 1


def test_a_group_that_has_much_and_matches_nothing_is_given_up(bench: Any) -> None:
    bench.line.on(ASK, *(events(bench, nextToken=f"t{n}") for n in range(60)))
    assert search(bench) == ()
    assert bench.line.count(ASK) == 50


def test_no_more_than_aws_takes_is_asked_for(bench: Any) -> None:
    bench.line.on(ASK, events(bench))
    search(bench, most=50_000)
    assert bench.line.params(ASK)[0]["limit"] == 10_000


def test_a_group_that_is_not_there_is_missing(bench: Any) -> None:
    bench.line.on(ASK, bench.line.error(ASK, "ResourceNotFoundException"))
    with pytest.raises(Missing):
        search(bench)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("ThrottlingException", 400, Transient),
        ("AccessDeniedException", 400, Denied),
        ("InvalidParameterException", 400, Invalid),
        ("ServiceUnavailableException", 503, Transient),
    ],
)
def test_a_refusal_is_not_nothing(
    bench: Any, code: str, status: int, expected: type[AwsError]
) -> None:
    bench.line.on(ASK, bench.line.error(ASK, code, status=status))
    with pytest.raises(expected):
        search(bench)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": None},
        {"events": [{}]},
        {"events": [{"timestamp": "noon", "message": "x"}]},
        {"events": [{"timestamp": 10**30, "message": "x"}]},
    ],
)
def test_what_makes_no_sense_is_not_nothing(bench: Any, body: dict[str, Any]) -> None:
    bench.line.on(ASK, bench.line.json(body))
    with pytest.raises(Unreadable):
        search(bench)


def test_a_token_that_comes_back_ends_it(bench: Any) -> None:
    bench.line.on(ASK, events(bench, nextToken="a"), events(bench, nextToken="a"))
    with pytest.raises(Unreadable):
        search(bench)
