"""The monitor file in the bucket, and who we are."""

from typing import Any

import pytest

from dcp_engine.errors import AwsError, Credentials, Denied, Missing, NotOurs, Transient

HEAD, DELETE = "s3:HeadObject", "s3:DeleteObject"
WHO = "sts:GetCallerIdentity"
WHERE = {"Bucket": "lab-bucket", "Key": "monitors/Exp1SpotFleetRequestId.json"}


def there(bench: Any) -> Any:
    reply = bench.line.raw(b"")
    reply.headers["Last-Modified"] = "Fri, 17 May 2030 11:00:00 GMT"
    return reply


def test_the_monitor_file_is_deleted(bench: Any) -> None:
    bench.line.on(HEAD, there(bench))
    bench.line.on(DELETE, bench.line.raw(b"", status=204))
    assert bench.aws.bucket.delete_monitor_file() is True
    assert bench.line.calls[0] == (HEAD, WHERE)
    assert bench.line.params(DELETE) == [WHERE]


def test_no_monitor_file(bench: Any) -> None:
    bench.line.on(HEAD, bench.line.raw(b"", status=404))
    assert bench.aws.bucket.delete_monitor_file() is False
    assert bench.line.count(DELETE) == 0


def test_a_bucket_that_vanishes_in_between(bench: Any) -> None:
    bench.line.on(HEAD, there(bench))
    bench.line.on(DELETE, bench.line.error(DELETE, "NoSuchBucket", status=404))
    assert bench.aws.bucket.delete_monitor_file() is False


def test_a_file_that_may_not_be_seen_is_not_absent(bench: Any) -> None:
    bench.line.on(HEAD, bench.line.raw(b"", status=403))
    with pytest.raises(Denied):
        bench.aws.bucket.delete_monitor_file()
    assert bench.line.count(DELETE) == 0


def test_the_bucket_is_the_runs_at_the_moment_of_the_call(bench: Any) -> None:
    bench.line.on(HEAD, there(bench))
    bench.guard_raises = {1: NotOurs("stop")}
    with pytest.raises(NotOurs):
        bench.aws.bucket.delete_monitor_file()
    assert bench.line.count(DELETE) == 0


def who(bench: Any, account: str = "123456789012") -> Any:
    return bench.line.query("GetCallerIdentity", f"<Account>{account}</Account><Arn>a</Arn>")


def test_the_account_is_asked_once_per_key(bench: Any) -> None:
    bench.line.on(WHO, who(bench), who(bench, "999999999999"))
    assert bench.aws.identity.account() == "123456789012"
    assert bench.aws.identity.account() == "123456789012"
    assert bench.line.count(WHO) == 1
    bench.key = "key-2"
    assert bench.aws.identity.account() == "999999999999"
    assert bench.line.count(WHO) == 2


def test_expired_credentials_are_told_at_once(bench: Any) -> None:
    bench.line.on(WHO, bench.line.error(WHO, "ExpiredToken", status=403))
    with pytest.raises(Credentials):
        bench.aws.identity.account()
    assert bench.line.count(WHO) == 1
    assert bench.clock.pauses == []


def test_a_failed_question_is_not_remembered(bench: Any) -> None:
    bench.line.on(WHO, bench.line.error(WHO, "AccessDenied", status=403), who(bench))
    with pytest.raises(Denied):
        bench.aws.identity.account()
    assert bench.aws.identity.account() == "123456789012"


PUT = "s3:PutObject"


def written(bench: Any) -> Any:
    reply = bench.line.raw(b"")
    reply.headers["ETag"] = '"0123"'
    return reply


def test_a_runs_account_is_written_with_its_kind(bench: Any) -> None:
    bench.line.on(PUT, written(bench))
    key = bench.aws.bucket.put("report.html", b"<p>", "text/html; charset=utf-8")
    assert key == "exportedlogs/Exp1/run-1/report.html"
    (asked,) = bench.line.params(PUT)
    wanted = {"Bucket": "lab-bucket", "Key": key, "ContentType": "text/html; charset=utf-8"}
    assert asked.items() >= wanted.items()
    assert asked["Body"] == b"<p>"


@pytest.mark.parametrize("name", ["index.html", "", "../report.html", "report.html/"])
def test_only_the_files_of_the_account_are_written(bench: Any, name: str) -> None:
    with pytest.raises(NotOurs):
        bench.aws.bucket.put(name, b"", "text/html")
    assert bench.line.calls == []


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [("AccessDenied", 403, Denied), ("NoSuchBucket", 404, Missing), ("SlowDown", 503, Transient)],
)
def test_what_s3_refuses_is_not_written(
    bench: Any, code: str, status: int, expected: type[AwsError]
) -> None:
    bench.line.on(PUT, bench.line.error(PUT, code, status=status))
    with pytest.raises(expected):
        bench.aws.bucket.put("report.html", b"", "text/html")


def test_an_answer_that_does_not_say_it_was_written_is_asked_for_again(bench: Any) -> None:
    bench.line.on(PUT, bench.line.raw(b""), written(bench))
    bench.aws.bucket.put("report.html", b"", "text/html")
    assert bench.line.count(PUT) == 2
