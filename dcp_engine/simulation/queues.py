"""What SQS takes its time over: deleting queues, counting messages."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dcp_engine.simulation.moto_account import Moto
from dcp_engine.simulation.queue_log import QueueLog
from dcp_engine.simulation.timeline import Timeline


@dataclass
class Queues:
    """Deletions under way and readings that a test has bent."""

    timeline: Timeline
    moto: Moto
    _logs: dict[tuple[str, str], QueueLog] = field(default_factory=dict)
    _name_free_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _bent: dict[str, deque[Mapping[str, str]]] = field(default_factory=dict)

    def bend_counts(
        self,
        queue_name: str,
        *,
        times: int = 1,
        visible: int | None = None,
        in_flight: int | None = None,
        delayed: int | None = None,
    ) -> None:
        """Have the next `times` GetQueueAttributes of a queue answer these counts instead.

        A count left at None stays true. SQS documents its counts as approximate.
        """
        counts = {
            "ApproximateNumberOfMessages": visible,
            "ApproximateNumberOfMessagesNotVisible": in_flight,
            "ApproximateNumberOfMessagesDelayed": delayed,
        }
        reading = {name: str(count) for name, count in counts.items() if count is not None}
        with self.timeline.lock:
            self._bent.setdefault(queue_name, deque()).extend([reading] * times)

    def next_bent_reading(self, queue_name: str) -> Mapping[str, str]:
        """The counts that the next answer is to give instead of the true ones."""
        readings = self._bent.get(queue_name)
        return readings.popleft() if readings else {}

    def created(self, region: str, name: str) -> None:
        """There is a queue of this name, perhaps once more."""
        log = self._logs.setdefault((region, name), QueueLog(self.timeline.now()))
        log.ended = None

    def log(self, region: str, name: str) -> QueueLog | None:
        """What has gone through the queues of this name; None where there never was one."""
        return self._logs.get((region, name))

    def sent(self, region: str, name: str, count: int = 1) -> None:
        """So many messages were put into it."""
        log = self.log(region, name)
        if log is not None:
            log.sent += [self.timeline.now()] * count

    def received(self, region: str, name: str, count: int = 1) -> None:
        """So many messages were taken out of it for a while."""
        log = self.log(region, name)
        if log is not None:
            log.received += [self.timeline.now()] * count

    def deleted(self, region: str, name: str, sent: datetime) -> None:
        """A message that was sent at that moment was deleted."""
        log = self.log(region, name)
        if log is not None:
            log.delete(sent, self.timeline.now())

    def sent_before(self, region: str, name: str, moment: datetime) -> list[datetime]:
        """When each message was sent that is there now and was before `moment`."""
        queue = self.moto.backend("sqs", region).queues.get(name)
        sent = [] if queue is None else [sent_at(message) for message in queue._messages]
        return [each for each in sent if each < moment]

    def delete(self, region: str, name: str) -> None:
        """Start to delete a queue that exists; it answers until that has settled."""
        if (region, name) in self._name_free_at and self.held(region, name):
            return
        timings = self.timeline.timings
        self._name_free_at[(region, name)] = self.timeline.now() + timedelta(
            seconds=max(timings.queue_name_hold, timings.queue_delete_settle)
        )

        def settle() -> None:
            self.moto.backend("sqs", region).queues.pop(name, None)
            log = self.log(region, name)
            if log is not None:
                log.ended = self.timeline.now()

        if timings.queue_delete_settle > 0:
            self.timeline.schedule(timings.queue_delete_settle, settle)
        else:
            settle()

    def held(self, region: str, name: str) -> bool:
        """Whether a name was deleted too recently to be used again."""
        free_at = self._name_free_at.get((region, name))
        return free_at is not None and self.timeline.now() < free_at


def sent_at(message: Any) -> datetime:
    """When one of moto's messages was sent."""
    return datetime.fromtimestamp(float(message.sent_timestamp) / 1000, UTC)
