"""The run's bucket, on Amazon S3."""

from collections.abc import Callable

import msgspec

from dcp_engine.access import BucketPlace, Encryption
from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import account_key
from dcp_engine.errors import Denied, Invalid, Missing
from dcp_engine.model import Run

_REGION = "x-amz-bucket-region"


class _Place(msgspec.Struct, frozen=True):
    region: str | None = msgspec.field(name="BucketRegion", default=None)


class _Policy(msgspec.Struct, frozen=True):
    text: str = msgspec.field(name="Policy")


class _Default(msgspec.Struct, frozen=True):
    algorithm: str = msgspec.field(name="SSEAlgorithm")
    key: str | None = msgspec.field(name="KMSMasterKeyID", default=None)


class _Rule(msgspec.Struct, frozen=True):
    default: _Default | None = msgspec.field(
        name="ApplyServerSideEncryptionByDefault", default=None
    )


class _Rules(msgspec.Struct, frozen=True):
    rules: tuple[_Rule, ...] = msgspec.field(name="Rules")


class _Encryption(msgspec.Struct, frozen=True):
    rules: _Rules = msgspec.field(name="ServerSideEncryptionConfiguration")


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

    def place(self) -> BucketPlace:
        """Where it is, which S3 tells also to those whom it does not let in.

        botocore goes on to the bucket's own region by itself. Raises Missing (Amazon S3 API
        Reference, HeadBucket).
        """
        try:
            place = self._edge.read(
                op.HEAD_BUCKET, lambda answer: answer.take(_Place), Bucket=self._name
            )
        except (Denied, Invalid) as error:
            if _REGION not in error.told:
                raise
            return BucketPlace(region=error.told[_REGION], open=False)
        return BucketPlace(region=place.region)

    def policy(self) -> str | None:
        """Its policy, None where it has none. Raises Missing where there is no such bucket."""

        def document(answer: Answer) -> str:
            text = answer.take(_Policy).text
            if not text.strip():
                raise answer.unreadable("its policy is empty")
            return text

        try:
            return self._edge.read(op.GET_BUCKET_POLICY, document, Bucket=self._name)
        except Missing as error:
            if error.code != "NoSuchBucketPolicy":
                raise
            return None

    def encryption(self) -> Encryption | None:
        """How it encrypts by itself, None where it does not. Raises Missing."""

        def default(answer: Answer) -> Encryption | None:
            rules = answer.take(_Encryption).rules.rules
            found = next((rule.default for rule in rules if rule.default), None)
            return None if found is None else Encryption(algorithm=found.algorithm, key=found.key)

        try:
            return self._edge.read(op.GET_BUCKET_ENCRYPTION, default, Bucket=self._name)
        except Missing as error:
            if error.code != "ServerSideEncryptionConfigurationNotFoundError":
                raise
            return None

    @property
    def _name(self) -> str:
        return self._run().names.bucket
