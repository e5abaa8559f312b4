"""Who may do what, and what lets the logs into the bucket: what an examination asks of AWS.

No run needs any of it; `dcp-engine doctor` does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose the credentials are. `said_at` is the Date of AWS's answer, None where it has none."""

    account: str
    arn: str
    said_at: datetime | None = None


class BucketPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bucket is; `open` is whether we are let in, `region` None where it is not told."""

    region: str | None
    open: bool = True


class Encryption(msgspec.Struct, frozen=True, kw_only=True):
    """How a bucket encrypts what is put there and does not say: `AES256`, `aws:kms`, …

    `key` is the key that is named for it, None where none is: then it is one of AWS's own.
    """

    algorithm: str
    key: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a run needs to be allowed: every action on every resource, in this context."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Mapping[str, tuple[str, ...]] = {}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An action that a policy does not allow on a resource.

    `explicit` where a statement forbids it outright, `above` where it is the organisation (a
    service control policy) or a permissions boundary that does not allow it.
    """

    action: str
    resource: str
    explicit: bool = False
    above: bool = False


class Access(Protocol):
    """What an examination asks beside what a run needs; nothing here changes anything."""

    def caller(self) -> Caller:
        """Whose the present credentials are; asked anew each time."""

    def bucket_place(self) -> BucketPlace:
        """Where the run's bucket is. Raises Missing."""

    def bucket_policy(self) -> str | None:
        """The bucket's policy, a document of JSON; None where it has none. Raises Missing."""

    def bucket_encryption(self) -> Encryption | None:
        """How the bucket encrypts by itself; None where it does not. Raises Missing."""

    def dashboard(self) -> bool:
        """Whether there is a dashboard of exactly the run's name."""

    def role_arn(self, name: str) -> str:
        """The ARN of a role of this account, with its path. Raises Missing, Denied."""

    def refused(self, principal: str, wanted: Wanted) -> tuple[Refusal, ...]:
        """What the policies of a user or role do not allow, as IAM's own simulator judges it."""

    def may_cancel(self, fleet_ids: Sequence[str]) -> bool | None:
        """Whether these fleets may be cancelled with their machines, by a dry run.

        None where what answers takes no notice of dry runs: then nothing is tried.
        """

    def may_terminate(self, fleet_id: str, instance_ids: Sequence[str]) -> bool | None:
        """Whether these machines of a fleet may be ended; as `may_cancel`."""
