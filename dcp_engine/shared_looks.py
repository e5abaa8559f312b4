"""One answer for all steps of a teardown that ask AWS the same within seconds.

Several steps must know whose the queue and the service are before they delete or keep something of
their own. Steps are tried together, so they would all ask at the same moment.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, Final, TypeVar

from dcp_engine.access import Access
from dcp_engine.clock import Clock
from dcp_engine.ports import (
    Alarms,
    Aws,
    Bucket,
    Capacity,
    ClusterFacts,
    ContainerInstance,
    Identity,
    Logs,
    Machines,
    Metrics,
    Queue,
    QueueFacts,
    Service,
    ServiceFacts,
)

FRESH: Final = timedelta(seconds=5)
"""What is deleted was looked at right before: so long ago may others have asked."""

T = TypeVar("T")


class Looks:
    """What was seen lately. Who asks the same within seconds waits for the one answer.

    A failure is nobody's answer but theirs who waited for it: unknown is not gone.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, _Look] = {}

    def ask(self, what: str, question: Callable[[], T]) -> T:
        """The answer to `question` that there is, or is on its way; else it is asked.

        `what` names the question. Raises what the question raises.
        """
        with self._lock:
            look = self._last.get(what)
            begun = look is None or look.is_old(self._clock)
            if look is None or begun:
                look = self._last[what] = _Look(self._clock.monotonic())
        if begun:
            self._begin(what, look, question)
        answer: T = look.answer.result()
        return answer

    def forget(self, what: str) -> None:
        """It was changed: what was seen before, or is just being looked at, is no answer now."""
        with self._lock:
            self._last.pop(what, None)

    def _begin(self, what: str, look: "_Look", question: Callable[[], object]) -> None:
        try:
            answer = question()
        except BaseException as error:  # noqa: BLE001 - nobody may wait for ever
            with self._lock:
                if self._last.get(what) is look:
                    del self._last[what]
            look.answer.set_exception(error)
        else:
            look.answer.set_result(answer)


class _Look:
    def __init__(self, asked_at: float) -> None:
        self.answer: Future[Any] = Future()
        self._asked_at = asked_at

    def is_old(self, clock: Clock) -> bool:
        """Whether it was asked too long ago, answered or not.

        What is told may be as old as the question: nobody knows when AWS looked.
        """
        return clock.monotonic() - self._asked_at > FRESH.total_seconds()


class SharedAws:
    """`Aws` for the steps of one pass, with the same `looks`.

    A third party's step `asks_anew`: it may wait for something in a loop of its own.
    """

    def __init__(self, aws: Aws, looks: Looks, *, asks_anew: bool = False) -> None:
        self._aws = aws
        self._looks = looks
        self._asks_anew = asks_anew

    @property
    def queue(self) -> Queue:
        """The run's queue, looked at together."""
        return _SharedQueue(self._aws.queue, self._looks, self._asks_anew)

    @property
    def service(self) -> Service:
        """The run's service, looked at together."""
        return _SharedService(self._aws.service, self._looks, self._asks_anew)

    @property
    def identity(self) -> Identity:
        return self._aws.identity

    @property
    def capacity(self) -> Capacity:
        return self._aws.capacity

    @property
    def machines(self) -> Machines:
        return self._aws.machines

    @property
    def alarms(self) -> Alarms:
        return self._aws.alarms

    @property
    def logs(self) -> Logs:
        return self._aws.logs

    @property
    def metrics(self) -> Metrics:
        return self._aws.metrics

    @property
    def bucket(self) -> Bucket:
        return self._aws.bucket

    @property
    def access(self) -> Access:
        return self._aws.access


class _SharedQueue:
    """`Queue` with looks that are shared."""

    def __init__(self, queue: Queue, looks: Looks, asks_anew: bool) -> None:
        self._queue = queue
        self._looks = looks
        self._asks_anew = asks_anew

    def look(self, url: str | None) -> QueueFacts:
        if self._asks_anew:
            return self._queue.look(url)
        return self._looks.ask(_of_queue(url), lambda: self._queue.look(url))

    def dead_letters(self, arn: str) -> int:
        return self._queue.dead_letters(arn)

    def delete(self, url: str) -> None:
        try:
            self._queue.delete(url)
        finally:
            for name in (url, None):
                self._looks.forget(_of_queue(name))


class _SharedService:
    """`Service` with looks that are shared; each change of it asks for a new one."""

    def __init__(self, service: Service, looks: Looks, asks_anew: bool) -> None:
        self._service = service
        self._looks = looks
        self._asks_anew = asks_anew

    def describe(self) -> ServiceFacts | None:
        if self._asks_anew:
            return self._service.describe()
        return self._looks.ask(_SERVICE, self._service.describe)

    def scale_to_zero(self) -> None:
        self._changing(self._service.scale_to_zero)

    def delete(self) -> None:
        self._changing(self._service.delete)

    def task_definitions(self) -> tuple[str, ...]:
        return self._service.task_definitions()

    def deregister_task_definition(self, arn: str) -> None:
        self._service.deregister_task_definition(arn)

    def cluster(self) -> ClusterFacts | None:
        return self._service.cluster()

    def container_instances(self) -> tuple[ContainerInstance, ...]:
        return self._service.container_instances()

    def joined(self, instance_ids: Sequence[str]) -> frozenset[str]:
        return self._service.joined(instance_ids)

    def deregister_container_instance(self, instance: ContainerInstance) -> None:
        self._service.deregister_container_instance(instance)

    def delete_cluster(self) -> None:
        # Of a cluster that is gone no service is known.
        self._changing(self._service.delete_cluster)

    def _changing(self, change: Callable[[], None]) -> None:
        try:
            change()
        finally:
            self._looks.forget(_SERVICE)


_SERVICE: Final = "service"


def _of_queue(url: str | None) -> str:
    return f"queue {url or ''}"
