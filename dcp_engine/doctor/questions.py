"""What an examination asks AWS about a run."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from dcp_engine.access import Caller
from dcp_engine.auto_monitor import armed_alarms
from dcp_engine.clock import Clock
from dcp_engine.doctor.asking import Question
from dcp_engine.doctor.rights import Judged, judge
from dcp_engine.errors import AwsError, Refused
from dcp_engine.model import Run, State
from dcp_engine.ports import Aws, Cloud
from dcp_engine.strangers import works_for

_FOR_THE_END = frozenset({"bucket", "bucket-policy", "bucket-encryption", "permissions"})
# So many machines are enough to try what may be done with them.
_A_FEW = 1


class Bound:
    """Makes questions of what is to be asked of AWS for one run, each with a time of its own."""

    def __init__(self, cloud: Cloud, clock: Clock, run: Run, limit: timedelta) -> None:
        self._cloud = cloud
        self._clock = clock
        self._run = run
        self._limit = limit

    def question(self, ask: Callable[[Aws], object]) -> Question:
        """`ask` with AWS as the run may use it; it may change nothing."""
        return lambda: ask(self.aws())

    def aws(self) -> Aws:
        """AWS as the run may use it from now on."""
        deadline = self._clock.monotonic() + self._limit.total_seconds()
        return self._cloud.bind(lambda: self._run, tuple, deadline=deadline, guard=_never)


def about(run: Run, caller: Caller | None) -> Mapping[str, Callable[[Aws], Any]]:
    """Everything to ask about a run; `caller` is None where nobody knows whose we are.

    Of what is being taken down only what its end still needs is asked.
    """
    if not run.live:
        return {}
    newest = run.fleets[-1]
    jobs, own = run.names.log_groups
    asked: dict[str, Callable[[Aws], Any]] = {
        "fleet": lambda aws: aws.capacity.describe(run.fleet_ids),
        "fleet-owner": lambda aws: works_for(aws, run.names, newest.id),
        "fleet-machines": lambda aws: aws.capacity.machines(newest.id),
        "fleet-history": lambda aws: aws.capacity.troubles(newest.id, newest.start_time),
        "cluster": lambda aws: aws.service.cluster(),
        "service": lambda aws: aws.service.describe(),
        "task-definition": lambda aws: aws.service.task_definitions(),
        "bucket": lambda aws: aws.access.bucket_place(),
        "bucket-policy": lambda aws: aws.access.bucket_policy(),
        "bucket-encryption": lambda aws: aws.access.bucket_encryption(),
        "log-groups": lambda aws: aws.logs.group_seen_at(jobs),
        "log-groups-of-machines": lambda aws: aws.logs.group_seen_at(own),
        "dashboard": lambda aws: aws.access.dashboard(),
        "auto-monitor": armed_alarms,
    }
    if run.account:
        # A queue is told from another one of its name by the account.
        asked["queue"] = lambda aws: aws.queue.look(None)
        asked["dead-letters"] = _dead_letters
    if caller is not None:
        asked["permissions"] = partial(_permissions, caller=caller, run=run)
    if run.state is State.TEARDOWN:
        return {name: ask for name, ask in asked.items() if name in _FOR_THE_END}
    return asked


def _dead_letters(aws: Aws) -> int | None:
    arn = aws.queue.look(None).dead_letter_queue_arn
    return None if arn is None else aws.queue.dead_letters(arn)


def _permissions(aws: Aws, caller: Caller, run: Run) -> Judged:
    def some_machines() -> tuple[str, ...]:
        try:
            return aws.capacity.machines(run.fleet_ids[-1])[:_A_FEW]
        except AwsError:
            return ()

    return judge(aws.access, caller, run, some_machines)


def _never() -> None:
    raise Refused("An examination changes nothing in AWS.")
