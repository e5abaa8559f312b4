"""The run's bucket, on Amazon S3."""

from collections.abc import Callable

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import account_key
from dcp_engine.errors import Missing
from dcp_engine.model import Run


class S3Bucket:
    """`Bucket` by Amazon S3."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._run = run

    def put(self, name: str, body: bytes, content_type: str) -> str:
        """Write one file of the run's account beside its logs, over an older one; its key."""
        run = self._run()
        key = account_key(run, name)
        self._edge.call(
            op.PUT_OBJECT, Bucket=run.names.bucket, Key=key, Body=body, ContentType=content_type
        )
        return key

    def delete_monitor_file(self) -> bool:
        """Delete the monitor file that Auto-Monitor reads; False when there was none.

        It is looked for first, since DeleteObject says the same whether there was one or not
        (Amazon S3 API Reference). Without s3:ListBucket a missing one shows as Denied.
        """
        names = self._run().names
        bucket, key = names.bucket, names.monitor_key
        try:
            self._edge.call(op.HEAD_OBJECT, Bucket=bucket, Key=key)
            self._edge.call(op.DELETE_OBJECT, Bucket=bucket, Key=key)
        except Missing:
            return False
        return True
