"""What an examination asks of AWS, service by service."""

from collections.abc import Callable, Sequence

import msgspec

from dcp_engine.access import BucketPlace, Caller, Encryption, Refusal, Wanted
from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.cloudwatch import CloudWatchAlarms
from dcp_engine.aws.dry_run import DryRuns
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.iam import IamRights
from dcp_engine.aws.s3 import S3Bucket
from dcp_engine.model import Run


class _Caller(msgspec.Struct, frozen=True):
    account: str = msgspec.field(name="Account")
    arn: str = msgspec.field(name="Arn", default="")


class AwsAccess:
    """`Access` for one run."""

    def __init__(self, edge: Edge, run: Callable[[], Run]) -> None:
        self._edge = edge
        self._bucket = S3Bucket(edge, run)
        self._alarms = CloudWatchAlarms(edge, run)
        self._rights = IamRights(edge)
        self._dry = DryRuns(edge)

    def caller(self) -> Caller:
        """Whose the present credentials are (AWS STS API Reference, GetCallerIdentity)."""

        def caller(answer: Answer) -> Caller:
            found = answer.take(_Caller)
            return Caller(account=found.account, arn=found.arn, said_at=answer.dated())

        return self._edge.read(op.GET_CALLER_IDENTITY, caller)

    def bucket_place(self) -> BucketPlace:
        """Where the run's bucket is."""
        return self._bucket.place()

    def bucket_policy(self) -> str | None:
        """The bucket's policy."""
        return self._bucket.policy()

    def bucket_encryption(self) -> Encryption | None:
        """How the bucket encrypts by itself."""
        return self._bucket.encryption()

    def dashboard(self) -> bool:
        """Whether the run's dashboard is there."""
        return self._alarms.dashboard()

    def role_arn(self, name: str) -> str:
        """The ARN of a role, with its path."""
        return self._rights.role_arn(name)

    def refused(self, principal: str, wanted: Wanted) -> tuple[Refusal, ...]:
        """What the policies of a user or role do not allow."""
        return self._rights.refused(principal, wanted)

    def may_cancel(self, fleet_ids: Sequence[str]) -> bool | None:
        """Whether these fleets may be cancelled, by a dry run."""
        return self._dry.may_cancel(fleet_ids)

    def may_terminate(self, fleet_id: str, instance_ids: Sequence[str]) -> bool | None:
        """Whether these machines may be ended, by a dry run."""
        return self._dry.may_terminate(fleet_id, instance_ids)
