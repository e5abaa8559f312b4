"""The run's queue, on Amazon SQS."""

import json
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.answer import Answer
from dcp_engine.aws.arn import Arn
from dcp_engine.aws.edge import Edge
from dcp_engine.errors import Invalid, Missing
from dcp_engine.model import Reading, Run
from dcp_engine.ports import QueueFacts

# Amazon SQS API Reference, GetQueueAttributes.
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class _Url(msgspec.Struct, frozen=True):
    url: str = msgspec.field(name="QueueUrl")


class _Attributes(msgspec.Struct, frozen=True):
    attributes: dict[str, str] = msgspec.field(name="Attributes")


class SqsQueue:
    """`Queue` by Amazon SQS."""

    def __init__(
        self, edge: Edge, run: Callable[[], Run], urls: MutableMapping[tuple[str, str, str], str]
    ) -> None:
        """`urls` is what is known: (region, account, name) → URL. A queue's never changes."""
        self._edge = edge
        self._run = run
        self._urls = urls

    def look(self, url: str | None) -> QueueFacts:
        """Count the jobs. Raises Missing when there is no such queue, Unreadable for odd counts."""
        url = url or self._url(self._run().account, self._run().names.queue)

        def facts(answer: Answer) -> QueueFacts:
            attributes = answer.take(_Attributes).attributes
            visible, in_flight, delayed = _counts(answer, attributes)
            created = _whole(answer, attributes, "CreatedTimestamp")
            return QueueFacts(
                url=url,
                created_at=datetime.fromtimestamp(created, UTC),
                reading=Reading(
                    visible=visible, in_flight=in_flight, delayed=delayed, at=answer.at()
                ),
                dead_letter_queue_arn=_dead_letter_queue(answer, attributes),
                retention=_span(answer, attributes, "MessageRetentionPeriod"),
                visibility_timeout=_span(answer, attributes, "VisibilityTimeout"),
            )

        return self._edge.read(op.GET_QUEUE_ATTRIBUTES, facts, QueueUrl=url, AttributeNames=["All"])

    def dead_letters(self, arn: str) -> int:
        """Messages in the dead-letter queue, those that somebody is just looking at included."""
        name = Arn.parse(arn)
        if name is None or name.service != "sqs" or name.kind:
            raise Invalid(
                op.GET_QUEUE_URL.label,
                "NotAnArn",
                f"the queue's redrive policy names {arn!r}, which is not a queue",
            )
        key = self._run().region, name.account, name.name
        if key not in self._urls:
            params = {"QueueOwnerAWSAccountId": name.account}
            self._urls[key] = self._url(name.account, name.name, **params)
        url = self._urls[key]
        return self._edge.read(
            op.GET_QUEUE_ATTRIBUTES,
            lambda answer: sum(_counts(answer, answer.take(_Attributes).attributes)),
            QueueUrl=url,
            AttributeNames=list(_COUNTS),
        )

    def delete(self, url: str) -> None:
        """Delete the queue; one that is already gone is fine."""
        try:
            self._edge.call(op.DELETE_QUEUE, QueueUrl=url)
        except Missing:
            return

    def _url(self, account: str, name: str, **params: Any) -> str:
        """The queue's URL, which names its account and itself (Amazon SQS Developer Guide).

        One that names another queue is not an answer: its counts would be taken for the run's.
        """

        def own(answer: Answer) -> str:
            url = answer.take(_Url).url
            try:
                path = urlsplit(url).path
            except ValueError:
                raise answer.unreadable("its QueueUrl is not a URL") from None
            if path.split("/") != ["", account, name]:
                raise answer.unreadable(f"its QueueUrl is not that of {name} in account {account}")
            return url

        return self._edge.read(op.GET_QUEUE_URL, own, QueueName=name, **params)


def _counts(answer: Answer, attributes: dict[str, str]) -> tuple[int, int, int]:
    visible, in_flight, delayed = (_whole(answer, attributes, key) for key in _COUNTS)
    return visible, in_flight, delayed


def _whole(answer: Answer, attributes: dict[str, str], key: str) -> int:
    """A number that the answer must carry: absent or odd is not known, never zero."""
    text = attributes.get(key)
    if text is None:
        raise answer.unreadable(f"it lacks {key}")
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise answer.unreadable(f"{key} is not a number")
    return int(text)


def _span(answer: Answer, attributes: dict[str, str], key: str) -> timedelta | None:
    """A number of seconds, None where the answer does not carry it."""
    return timedelta(seconds=_whole(answer, attributes, key)) if key in attributes else None


def _dead_letter_queue(answer: Answer, attributes: dict[str, str]) -> str | None:
    policy = attributes.get("RedrivePolicy")
    if not policy:
        return None
    try:
        arn = json.loads(policy)["deadLetterTargetArn"]
    except (ValueError, KeyError, TypeError):
        raise answer.unreadable("its RedrivePolicy makes no sense") from None
    if not isinstance(arn, str):
        raise answer.unreadable("its RedrivePolicy names no queue")
    return arn
