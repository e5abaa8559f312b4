"""The monitor file in the bucket (Amazon S3 API Reference: HeadObject, DeleteObject)."""

from dcp_engine.aws import operations as op
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
