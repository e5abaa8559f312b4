"""What an abort would lose."""

import msgspec

from dcp_engine.errors import AwsError, Missing
from dcp_engine.model import Ended, Run
from dcp_engine.ports import Aws


class AtStake(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs in the run's own queue: how many, or `jobs` None and `why` they were not counted.

    `gone`: the queue that was recorded exists no more, whatever else bears its name by now.
    """

    jobs: int | None = None
    why: str | None = None
    gone: bool = False


def without_asking(run: Run) -> AtStake | None:
    """What is known without AWS: nothing is lost any more once the step `queue` has ended."""
    step = run.step("queue")
    if step is None or step.ended is None:
        return None
    return AtStake(jobs=0, gone=step.ended is Ended.DONE)


def ask(aws: Aws, run: Run) -> AtStake:
    """Count the jobs in the queue that was recorded; one that was made later is not the run's."""
    recorded = run.identities.queue_created_at
    try:
        account = aws.identity.account()
        if account != run.account:
            return AtStake(why=f"these credentials open account {account}, not {run.account}")
        facts = aws.queue.look(run.identities.queue_url)
    except Missing:
        if recorded is not None:
            return AtStake(jobs=0, gone=True)
        return AtStake(why=f"AWS knows no queue {run.names.queue} in {run.region}")
    except AwsError as error:
        return AtStake(why=(error.message or error.code).rstrip("."))
    if recorded is not None and facts.created_at != recorded:
        return AtStake(jobs=0, gone=True)
    return AtStake(jobs=facts.reading.total)
