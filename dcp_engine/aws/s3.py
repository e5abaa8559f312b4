"""The run's bucket, on Amazon S3."""

from collections.abc import Callable

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import Edge
from dcp_engine.errors import Missing
from dcp_engine.model import Run


class S3Bucket:
    """`Bucket` by Amazon S3."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._run = run

    def delete_monitor_file(self) -> bool:
        """Delete the monitor file that Auto-Monitor reads; False when there was none.

        It is looked for first, since DeleteObject says the same whether there was one or not
        (Amazon S3 API Reference). Without s3:ListBucket a missing one shows as Denied.
        """
        names = self._run().names
        where = {"Bucket": names.bucket, "Key": names.monitor_key}
        try:
            self._edge.call(op.HEAD_OBJECT, **where)
            self._edge.call(op.DELETE_OBJECT, **where)
        except Missing:
            return False
        return True
