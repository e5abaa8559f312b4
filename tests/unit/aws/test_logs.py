"""Log groups, and exports that are begun once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import exceptions as boto

from dcp_engine.errors import (
    AwsError,
    Busy,
    Denied,
    Invalid,
    Missing,
    NotOurs,
    Transient,
    Unreadable,
)

GROUPS = "logs:DescribeLogGroups"
CREATE, TASKS = "logs:CreateExportTask", "logs:DescribeExportTasks"
FROM = datetime(2030, 5, 17, 12, 0, 0, 1000, tzinfo=UTC)
TO = datetime(2030, 5, 19, 12, 0, 0, 999_999, tzinfo=UTC)
FROM_MS, TO_MS = 1905249600001, 1905422400999
PREFIX = "exportedlogs/Exp1"
LOST = boto.ReadTimeoutError(endpoint_url="u")


def task(task_id: str = "t1", status: str = "RUNNING", **changed: Any) -> dict[str, Any]:
    return {
        "taskId": task_id,
        "logGroupName": "Exp1",
        "from": FROM_MS,
        "to": TO_MS,
        "destination": "lab-bucket",
        "destinationPrefix": PREFIX,
        "status": {"code": status},
        "executionInfo": {"creationTime": 5},
        **changed,
    }


def tasks(bench: Any, *found: dict[str, Any], **more: Any) -> Any:
    return bench.line.json({"exportTasks": list(found), **more})


def start(bench: Any) -> str:
    task_id: str = bench.aws.logs.start_export("Exp1", FROM, TO, PREFIX)
    return task_id


def find(bench: Any) -> Any:
    return bench.aws.logs.find_export("Exp1", FROM, TO, PREFIX)


def test_a_group_of_exactly_the_name(bench: Any) -> None:
    def page(*names: str, **more: Any) -> Any:
        return bench.line.json({"logGroups": [{"logGroupName": n} for n in names], **more})

    bench.line.on(GROUPS, page("Exp10", nextToken="a"), page("Exp1_perInstance"))
    assert bench.aws.logs.group_seen_at("Exp1") is None
    bench.line.on(GROUPS, page("Exp10", nextToken="a"), page("Exp1"))
    assert bench.aws.logs.group_seen_at("Exp1") is not None
    assert bench.line.params(GROUPS)[0] == {"logGroupNamePrefix": "Exp1", "limit": 50}


def test_several_groups_are_asked_for_together(bench: Any) -> None:
    def page(*names: str, **more: Any) -> Any:
        return bench.line.json({"logGroups": [{"logGroupName": n} for n in names], **more})

    both = ("Exp1", "Exp1_perInstance")
    bench.line.on(
        GROUPS,
        page("Exp1", "Exp10", nextToken="a"),
        page("Exp10_perInstance", "Exp1_perInstance", nextToken="b"),
        page("Exp1_x"),
    )
    assert bench.aws.logs.groups_seen_at(both).keys() == {*both}
    asked = bench.line.params(GROUPS)
    assert asked[0] == {"logGroupNamePrefix": "Exp1", "limit": 50}
    # The last page is not needed any more.
    assert len(asked) == 2
    bench.line.on(GROUPS, page("Exp1_perInstances", nextToken="a"), page("Exp1"))
    assert bench.aws.logs.groups_seen_at(both).keys() == {"Exp1"}


def test_an_export_is_begun_with_exact_times(bench: Any) -> None:
    bench.line.on(CREATE, bench.line.json({"taskId": "t1"}))
    assert start(bench) == "t1"
    assert bench.line.params(CREATE) == [
        {
            "taskName": "Exp1",
            "logGroupName": "Exp1",
            "from": FROM_MS,
            "to": TO_MS,
            "destination": "lab-bucket",
            "destinationPrefix": PREFIX,
        }
    ]


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        ("LimitExceededException", "", Busy),
        ("ResourceNotFoundException", "The specified log group does not exist.", Missing),
        ("ResourceNotFoundException", "The given bucket does not exist.", Invalid),
        ("InvalidParameterException", "GetBucketAcl failed", Invalid),
        ("AccessDeniedException", "", Denied),
    ],
)
def test_why_an_export_cannot_begin(
    bench: Any, code: str, words: str, expected: type[AwsError]
) -> None:
    bench.line.on(CREATE, bench.line.error(CREATE, code, words))
    with pytest.raises(expected):
        start(bench)
    assert bench.line.count(CREATE) == 1
    assert bench.line.count(TASKS) == 0


@pytest.mark.parametrize("unheard", [LOST, "html"])
def test_after_a_lost_answer_the_export_is_found_not_begun_twice(
    bench: Any, unheard: Exception | str
) -> None:
    reply = bench.line.raw(b"<html/>") if isinstance(unheard, str) else unheard
    bench.line.on(CREATE, reply)
    bench.line.on(TASKS, tasks(bench, task("t7")))
    assert start(bench) == "t7"
    assert bench.line.count(CREATE) == 1


def test_an_export_that_did_not_begin_is_begun_again(bench: Any) -> None:
    throttled = bench.line.error(TASKS, "ThrottlingException")
    bench.line.on(CREATE, LOST, bench.line.json({"taskId": "t2"}))
    bench.line.on(TASKS, throttled, tasks(bench, task("t1", "FAILED")))
    assert start(bench) == "t2"
    assert [label for label, _ in bench.line.calls] == [CREATE, TASKS, TASKS, CREATE]


def test_an_export_of_something_else_is_refused(bench: Any) -> None:
    with pytest.raises(NotOurs):
        bench.aws.logs.start_export("Exp10", FROM, TO, PREFIX)
    assert bench.line.calls == []


def test_an_export_is_found_by_every_parameter(bench: Any) -> None:
    others = [
        task("a", logGroupName="Exp10"),
        {**task("b"), "from": FROM_MS + 1},
        task("c", to=TO_MS + 1),
        task("d", destination="lab-bucket2"),
        task("e", destinationPrefix=PREFIX + "_perInstance"),
        task("f", "FAILED"),
        task("g", "CANCELLED"),
        task("h", "PENDING_CANCEL"),
    ]
    bench.line.on(TASKS, tasks(bench, *others))
    assert find(bench) is None
    older = task("i", "COMPLETED", executionInfo={"creationTime": 7})
    newer = task("j", executionInfo={"creationTime": 9})
    last = task("k", executionInfo={})
    bench.line.on(TASKS, tasks(bench, *others, newer, nextToken="x"), tasks(bench, older, last))
    assert find(bench).id == "j"


def test_one_export(bench: Any) -> None:
    failed = task("t1", status="FAILED")
    failed["status"]["message"] = "no bucket policy"
    bench.line.on(TASKS, tasks(bench, failed))
    facts = bench.aws.logs.export("t1")
    assert (facts.status, facts.message) == ("FAILED", "no bucket policy")
    assert facts.start == FROM
    assert facts.end == TO - timedelta(microseconds=999)
    assert (facts.group, facts.bucket, facts.prefix) == ("Exp1", "lab-bucket", PREFIX)
    assert bench.line.params(TASKS) == [{"taskId": "t1"}]


def test_an_export_that_is_not_known(bench: Any) -> None:
    bench.line.on(TASKS, tasks(bench))
    assert bench.aws.logs.export("t1") is None
    bench.line.on(TASKS, bench.line.error(TASKS, "ResourceNotFoundException"))
    assert bench.aws.logs.export("t1") is None


def test_exports_that_cannot_be_read_are_not_none(bench: Any) -> None:
    bench.line.on(TASKS, tasks(bench, {"taskId": "t1"}))
    with pytest.raises(Transient):
        bench.aws.logs.export("t1")
    with pytest.raises(Transient):
        find(bench)


@pytest.mark.parametrize("key", ["from", "to"])
def test_a_moment_out_of_all_time_is_not_read(bench: Any, key: str) -> None:
    moment: dict[str, Any] = {key: 10**20}
    bench.line.on(TASKS, tasks(bench, task(**moment)))
    with pytest.raises(Unreadable):
        bench.aws.logs.export("t1")
