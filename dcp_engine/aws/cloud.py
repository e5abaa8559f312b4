"""The way to AWS of one process, and AWS as one run may use it."""

import random
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dcp_engine.aws.edge import FEWEST_TRIES, TRIES, Edge
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.restraint import Restraints
from dcp_engine.aws.session import Sessions
from dcp_engine.aws.sqs import SqsQueue
from dcp_engine.aws.sts import Accounts, StsIdentity
from dcp_engine.aws.together import Fleets, Together
from dcp_engine.clock import Clock
from dcp_engine.crash import CrashPoint, no_crash
from dcp_engine.defaults import Settings
from dcp_engine.meter import Meter
from dcp_engine.model import UNKNOWN, Run

if TYPE_CHECKING:
    from dcp_engine.aws.access import AwsAccess
    from dcp_engine.aws.cloudwatch import CloudWatchAlarms
    from dcp_engine.aws.ec2 import Ec2Machines
    from dcp_engine.aws.ecs import EcsService
    from dcp_engine.aws.logs import CloudWatchLogs
    from dcp_engine.aws.metrics import CloudWatchMetrics
    from dcp_engine.aws.s3 import S3Bucket
    from dcp_engine.aws.spot import SpotCapacity

# An answer that another run's look has brought is taken for one's own no longer than this.
_FRESH = timedelta(minutes=1)


class BotoCloud:
    """`Cloud` by boto3. Holds no connection and reads no configuration before the first use."""

    def __init__(
        self,
        *,
        profile: str | None,
        region: str | None,
        settings: Settings,
        clock: Clock,
        rng: random.Random,
        crash: CrashPoint = no_crash,
    ) -> None:
        """`profile` and `region` override AWS's own configuration; `rng` is for the jitter.

        `crash` is called before and after every call to AWS.
        """
        self._sessions = Sessions(profile, region, timeout=settings.request_timeout)
        self._accounts = Accounts()
        self._restraints = Restraints(clock)
        self._clock = clock
        self._rng = rng
        self._crash = crash
        self._end_unjoined = settings.end_unjoined
        self._hurried = False
        self._queue_urls: dict[tuple[str, str, str], str] = {}
        # A run looks at its fleets every `downscale_interval`, and takes another's answer from half
        # of that on: so what it takes is never older than what it has.
        looks = settings.downscale_interval
        self._together = Together(
            clock,
            fresh=min(_FRESH, settings.poll_interval, looks / 2),
            lasting=2 * (looks + settings.poll_interval),
            patience=settings.request_timeout,
        )

    @property
    def region(self) -> str | None:
        """The region that AWS's own configuration and our flags come to, if any."""
        return self._sessions.region()

    def bind(
        self,
        run: Callable[[], Run],
        machines: Callable[[], Iterable[str]],
        *,
        deadline: float,
        guard: Callable[[], None],
        meter: Meter | None = None,
    ) -> "BotoAws":
        """AWS as one run may use it until `deadline`; see `dcp_engine.ports.Cloud`."""

        def client(service: str) -> Any:
            return self._sessions.client(service, run().region)

        edge = Edge(
            client,
            gate=Gate(run, machines, end_unjoined=self._end_unjoined),
            guard=guard,
            clock=self._clock,
            rng=self._rng,
            deadline=deadline,
            crash=self._crash,
            meter=meter,
            tries=lambda: FEWEST_TRIES if self._hurried else TRIES,
            restraint=self._restraints.at(run().account, run().region),
        )
        identity = StsIdentity(edge, self._sessions.key_fingerprint, self._accounts)
        return BotoAws(edge, run, identity, self._queue_urls, lambda: self._shared(run()))

    def expect(self, runs: Iterable[Run]) -> None:
        """These runs will be looked at by this process: one question may be for all of them."""
        for run in runs:
            shared = self._shared(run)
            if shared is not None and run.state.watches:
                shared.expect(
                    fleet.id
                    for fleet in run.fleets
                    if fleet.observed_at is not None and fleet.state not in {"gone", UNKNOWN}
                )

    def hurry(self) -> None:
        """From now on a call that fails is tried again a few times only: somebody waits."""
        self._hurried = True

    def forget_credentials(self) -> None:
        """Build the session anew at the next call: somebody may have logged in meanwhile."""
        self._sessions.forget()
        self._together.forget()

    def _shared(self, run: Run) -> Fleets | None:
        """What this process knows of the fleets there; nothing before the account was checked."""
        if run.key_checked is None:
            return None
        return self._together.at(run.account, run.region, run.key_checked)

    def login_command(self) -> str:
        """The command that renews the credentials in use, for the person to type."""
        return self._sessions.login_command()


class BotoAws:
    """`Aws` by boto3, for one run.

    A service's client is built when it is first called, and no other code is loaded than of the
    services that are: most looks only count the queue's jobs.
    """

    def __init__(
        self,
        edge: Edge,
        run: Callable[[], Run],
        identity: StsIdentity,
        queue_urls: dict[tuple[str, str, str], str],
        shared: Callable[[], Fleets | None] = lambda: None,
    ) -> None:
        """`shared` gives what the runs of this process know of their fleets together."""
        self._edge = edge
        self._run = run
        self._identity = identity
        self._queue_urls = queue_urls
        self._shared = shared

    @property
    def identity(self) -> StsIdentity:
        """Who we are."""
        return self._identity

    @cached_property
    def queue(self) -> SqsQueue:
        """The run's queue."""
        return SqsQueue(self._edge, self._run, self._queue_urls)

    @cached_property
    def capacity(self) -> "SpotCapacity":
        """The run's fleets."""
        from dcp_engine.aws.spot import SpotCapacity  # noqa: PLC0415 - see the class

        return SpotCapacity(self._edge, self._shared)

    @cached_property
    def machines(self) -> "Ec2Machines":
        """EC2 instances."""
        from dcp_engine.aws.ec2 import Ec2Machines  # noqa: PLC0415 - see the class

        return Ec2Machines(self._edge, self._run, self.service.joined)

    @cached_property
    def service(self) -> "EcsService":
        """The run's service, task definitions and cluster."""
        from dcp_engine.aws.ecs import EcsService  # noqa: PLC0415 - see the class

        return EcsService(self._edge, self._run)

    @cached_property
    def alarms(self) -> "CloudWatchAlarms":
        """The run's alarms and dashboard."""
        from dcp_engine.aws.cloudwatch import CloudWatchAlarms  # noqa: PLC0415 - see the class

        return CloudWatchAlarms(self._edge, self._run)

    @cached_property
    def logs(self) -> "CloudWatchLogs":
        """Log groups and exports."""
        from dcp_engine.aws.logs import CloudWatchLogs  # noqa: PLC0415 - see the class

        return CloudWatchLogs(self._edge, self._run)

    @cached_property
    def metrics(self) -> "CloudWatchMetrics":
        """What CloudWatch has measured."""
        from dcp_engine.aws.metrics import CloudWatchMetrics  # noqa: PLC0415 - see the class

        return CloudWatchMetrics(self._edge)

    @cached_property
    def bucket(self) -> "S3Bucket":
        """The run's bucket."""
        from dcp_engine.aws.s3 import S3Bucket  # noqa: PLC0415 - see the class

        return S3Bucket(self._edge, self._run)

    @cached_property
    def access(self) -> "AwsAccess":
        """Who may do what, and what lets the logs into the bucket."""
        from dcp_engine.aws.access import AwsAccess  # noqa: PLC0415 - see the class

        return AwsAccess(self._edge, self._run)
