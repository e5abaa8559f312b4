"""The monitor file and the run's account in the bucket.

Amazon S3 API Reference: HeadObject, DeleteObject, PutObject.
"""

from hashlib import md5

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.errors import Missing, NotOurs
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.HEAD_OBJECT, op.DELETE_OBJECT)
def test_it_is_deleted_once_and_nothing_beside_it(scene: Scene) -> None:
    s3, where, key = scene.client("s3"), scene.names.bucket, scene.names.monitor_key
    s3.create_bucket(Bucket=where)
    kept = {f"{key}.bak", f"x{key}", f"monitors/{scene.names.app_name}0SpotFleetRequestId.json"}
    for each in (key, *kept):
        s3.put_object(Bucket=where, Key=each, Body=b"{}")
    assert scene.aws.bucket.delete_monitor_file() is True
    assert scene.aws.bucket.delete_monitor_file() is False
    assert {found["Key"] for found in s3.list_objects_v2(Bucket=where)["Contents"]} == kept


@calls(op.HEAD_OBJECT)
def test_there_is_none_without_a_bucket(scene: Scene) -> None:
    assert scene.aws.bucket.delete_monitor_file() is False


@calls(op.PUT_OBJECT)
def test_a_run_s_account_is_written_over_an_older_one(scene: Scene) -> None:
    s3, where = scene.client("s3"), scene.names.bucket
    with pytest.raises(Missing):
        scene.aws.bucket.put("report.html", b"old", "text/html")
    s3.create_bucket(Bucket=where)
    key = scene.aws.bucket.put("report.html", b"old", "text/html")
    assert scene.aws.bucket.put("report.html", "<p>\N{MICRO SIGN}".encode(), "text/html") == key
    with pytest.raises(NotOurs):
        scene.aws.bucket.put("../images/plate1.tif", b"", "image/tiff")
    (found,) = s3.list_objects_v2(Bucket=where)["Contents"]
    assert found["Key"] == key
    digest = md5("<p>\N{MICRO SIGN}".encode(), usedforsecurity=False).hexdigest()
    assert found["ETag"] == f'"{digest}"'
