"""What an abort would lose: the jobs of the run's own queue, and no other's."""

from datetime import timedelta
from typing import cast

import pytest

from dcp_engine import at_stake
from dcp_engine.at_stake import AtStake
from dcp_engine.errors import Credentials, Missing, Transient
from dcp_engine.model import Ended, Identities, Run, State, Step
from dcp_engine.ports import Aws, QueueFacts
from tests.unit.runs import START, reading, run

RECORDED = Identities(queue_url="http://queue/Exp1Queue", queue_created_at=START)


class Account:
    """An account with one queue, or an error in its place."""

    def __init__(self, answer: QueueFacts | Exception, number: str = "123456789012") -> None:
        self._answer = answer
        self._number = number
        self.identity = self.queue = self

    def account(self) -> str:
        return self._number

    def look(self, url: str | None) -> QueueFacts:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def ask(answer: QueueFacts | Exception, held: Run, **account: str) -> AtStake:
    return at_stake.ask(cast(Aws, Account(answer, **account)), held)


def queue(age: timedelta = timedelta()) -> QueueFacts:
    return QueueFacts(url="http://queue/Exp1Queue", created_at=START + age, reading=reading(290, 5))


@pytest.mark.parametrize("identities", [RECORDED, Identities()])
def test_the_jobs_are_counted(identities: Identities) -> None:
    assert ask(queue(), run(State.RUNNING, identities=identities)) == AtStake(jobs=295)


def test_the_jobs_of_a_later_queue_are_not_lost() -> None:
    held = run(State.TEARDOWN, identities=RECORDED)
    assert ask(queue(timedelta(days=1)), held) == AtStake(jobs=0, gone=True)


def test_a_queue_that_is_not_there() -> None:
    missing = Missing("sqs:GetQueueAttributes", "NonExistentQueue", "no such queue")
    assert ask(missing, run(State.RUNNING, identities=RECORDED)) == AtStake(jobs=0, gone=True)
    never_seen = ask(missing, run(identities=Identities()))
    assert never_seen == AtStake(why="AWS knows no queue Exp1Queue in us-east-1")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Credentials("sts:X", "ExpiredToken", "Somebody must log in."), "Somebody must log in"),
        (Transient("sqs:X", "Throttling", ""), "Throttling"),
    ],
)
def test_why_they_could_not_be_counted(error: Exception, why: str) -> None:
    assert ask(error, run(State.RUNNING)) == AtStake(why=why)


def test_nothing_is_counted_in_another_account() -> None:
    stake = ask(queue(), run(State.RUNNING), number="999999999999")
    assert stake == AtStake(why="these credentials open account 999999999999, not 123456789012")


@pytest.mark.parametrize("ended", list(Ended))
def test_an_ended_step_is_known_without_asking(ended: Ended) -> None:
    held = run(State.TEARDOWN, steps=(Step(name="queue", ended=ended),))
    assert at_stake.without_asking(held) == AtStake(jobs=0, gone=ended is Ended.DONE)
    assert at_stake.without_asking(run(State.TEARDOWN, steps=(Step(name="queue"),))) is None
    assert at_stake.without_asking(run(State.RUNNING)) is None
