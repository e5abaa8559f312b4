"""Troubles with the jobs: none is done, they come back, they fail for good, none is taken."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Final

import msgspec

from dcp_engine import progress, rates, series
from dcp_engine.builtin.troubles.scene import FRESH, Found, Known, Scene, last_done, span
from dcp_engine.words import counted

# Amazon SQS API Reference, SetQueueAttributes: the longest visibility timeout that there is.
_LONGEST_VISIBILITY: Final = timedelta(hours=12)
_MANY_TIMES: Final = 3
# So many receives say something about how many of them come back; and so many must have come back.
_TELLING: Final = 20
_SOME: Final = 5
# By so much of them the counts may rise without a job having come: they are approximate.
_HARDLY: Final = 0.05
_LONGEST: Final = timedelta(hours=12)
# After so long a fleet usually holds what it can hold; and so many looks make it usual.
_RAMP: Final = timedelta(minutes=30)
_LOOKS: Final = 6
_LATEST: Final = 2


def stalled(scene: Scene) -> Found:
    """No job is done, and machines run."""
    run = scene.run
    taken, up = scene.taken_since(), scene.up_since()
    if run.reading is None or not scene.left or scene.up() is False or taken is None:
        return None
    known = last_done(scene)
    if up is None or known is None or not scene.up():
        return Known.NOT
    done, until = known
    since = max(taken, up, done or taken)
    lasts = until - since
    known_before = [b for b in scene.numbers if b.at < since]
    usual = progress.job_time(known_before, since, run.identities.queue_visibility)
    visibility = run.identities.queue_visibility or _LONGEST_VISIBILITY
    limit = max(scene.settings.stalled_after, _MANY_TIMES * usual if usual else visibility)
    # Jobs of machines that died wait out their visibility timeout before anybody can take them, and
    # of the very last jobs one may take far longer than is usual.
    waiting = _waiting_since(scene)
    waited = until - max(since, waiting) if waiting else timedelta(0)
    if waited < limit and lasts < visibility + limit:
        return None
    takes = (
        f"A job usually takes {span(usual)}."
        if usual
        else f"None was done before either; a job is to be done within {span(visibility)}, the "
        "visibility timeout."
    )
    name = run.names.app_name
    return (
        f"No job of {name} was done for {span(lasts)}, since {since:%H:%M} UTC, while "
        f"{counted(run.active_machines or 0, 'machine')} ran and "
        f"{counted(scene.left, 'job was', 'jobs were')} left, {run.reading.in_flight} of them in "
        f"flight. {takes} The machines are billed meanwhile. The newest lines of the log group "
        f"{run.names.log_group} in CloudWatch may tell what the workers are at: a step that hangs, "
        "a bucket that cannot be read. To stop the cost and keep the jobs: dcp-engine abort "
        f"{name} --keep-queue"
    )


def _waiting_since(scene: Scene) -> datetime | None:
    """Since which count on end jobs have been waiting; None where none is."""
    since = None
    for at, visible in reversed(scene.seen(series.VISIBLE)):
        if visible <= 0:
            break
        since = at
    return since


class _Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What went into the workers' hands in a time, out of the queue, and stayed in their hands.

    What left the queue is told by its counts, since CloudWatch's number of deleted messages counts
    a job twice that was done twice (Amazon SQS Developer Guide, "Available CloudWatch metrics for
    Amazon SQS"). Where jobs came in meanwhile the counts hide what left.
    """

    since: datetime
    received: float
    gone: float
    grown: float

    @property
    def returned(self) -> float:
        """What was taken, did not leave the queue, and is in nobody's hands."""
        return self.received - self.gone - self.grown


def coming_back(scene: Scene) -> Found:
    """Far more jobs are taken from the queue than leave it."""
    run = scene.run
    flow = _flow(scene)
    if flow is None:
        return Known.NOT
    share = scene.settings.coming_back_percent / 100
    if "jobs-coming-back" in scene.standing:
        share /= 2
    if flow.received < _TELLING or flow.returned < _SOME:
        return None
    if flow.returned < flow.received * share:
        return None
    ended = sum(1 for m in scene.machines if m.ended_at is not None and m.ended_at >= flow.since)
    visibility = run.identities.queue_visibility
    return (
        f"Jobs of {run.names.app_name} come back to the queue: since {flow.since:%H:%M} UTC "
        f"{flow.received:.0f} were handed out, {flow.gone:.0f} left the queue for good and "
        f"{flow.returned:.0f} came back to it. {counted(ended, 'machine')} ended in that time. "
        "A job comes back when its machine dies, when it fails, or when it takes longer than the "
        f"queue's visibility timeout{f' ({span(visibility)})' if visibility else ''}: then it is "
        "done and paid for more than once, and lands in the dead-letter queue in the end. If jobs "
        "take that long, raise the timeout in the SQS console, which holds from the next job on; "
        f"if they fail, the log group {run.names.log_group} in CloudWatch says why."
    )


def _flow(scene: Scene) -> _Flow | None:
    """Of the last hour that CloudWatch has told of, or of as many as have enough to tell."""
    numbers, in_flight = scene.numbers, scene.seen(series.IN_FLIGHT)
    end = rates.told_until(numbers, series.RECEIVED)
    if end is None or scene.now - end > FRESH:
        return None

    def look(hours: timedelta) -> tuple[rates.Counts, float] | None:
        counts = rates.counted(numbers, end - hours, end)
        if counts is None:
            return None
        received, _ = rates.flow(numbers, series.RECEIVED, counts.since, counts.until)
        return counts, received

    # Where the last hour was not counted there is nothing to tell, however long one looks.
    found = rates.enough_of(look, lambda found: not found or found[1] >= _TELLING, _LONGEST)
    if found is None:
        return None
    counts, received = found
    gone, grown = counts.fell, _at(in_flight, counts.until) - _at(in_flight, counts.since)
    if counts.rose > received * _HARDLY:
        deleted, _ = rates.flow(numbers, series.DELETED, counts.since, counts.until)
        gone = max(gone, deleted)
    return _Flow(since=counts.since, received=received, gone=gone, grown=grown)


def _at(numbers: Sequence[tuple[datetime, float]], moment: datetime) -> float:
    """A number as it was at a moment: the last one before it, or else the first there is."""
    before = [value for at, value in numbers if at <= moment]
    return before[-1] if before else numbers[0][1]


def dead_letters_growing(scene: Scene) -> Found:
    """Jobs fail for good."""
    dead, run = scene.dead, scene.run
    if dead is None:
        return Known.NOT
    quiet = scene.settings.dead_letters_quiet
    if dead.grew_at is None or scene.now - dead.grew_at >= quiet:
        return None
    new = dead.count - dead.first
    queue = (run.identities.dead_letter_queue_arn or "").rpartition(":")[2]
    return (
        f"{counted(max(new, 1), 'job has', 'jobs have')} failed for good since "
        f"{run.names.app_name} is watched: the dead-letter queue {queue} went from "
        f"{dead.first} to {dead.count}, the last time seen at {dead.grew_at:%H:%M} UTC. A job "
        "lands there when it was handed out as often as the queue's redrive policy allows and was "
        "never done. Look at one of the messages (SQS console, Poll for messages) and at the lines "
        f"of that job in the log group {run.names.log_group}: often an image is missing, the "
        "pipeline fails on it, or the machine's memory is too small. The jobs stay there and can "
        "be submitted again. If other runs use the same dead-letter queue, they may be theirs."
    )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen together: jobs in flight and waiting, and machines."""

    at: datetime
    in_flight: float
    visible: float
    machines: float


def overfull(scene: Scene) -> Found:
    """More jobs are in flight than the machines can have in hand."""
    run = scene.run
    looks = _looks(scene)
    if not looks or not scene.left or not looks[-1].machines:
        return None
    if scene.now - looks[-1].at > FRESH:
        return Known.NOT
    each = _held_by_each(scene, looks)
    if each is None:
        return Known.NOT
    standing = "overfull" in scene.standing
    percent = scene.settings.overfull_percent
    least = (100 + percent) / 2 if standing else percent
    latest = looks[-1:] if standing else looks[-_LATEST:]
    for look in latest:
        held = each * look.machines
        if look.in_flight <= held * least / 100 or look.in_flight - held < _SOME:
            return None
    look = looks[-1]
    visibility = run.identities.queue_visibility
    return (
        f"More jobs of {run.names.app_name} are in flight than its machines can have in hand: "
        f"{look.in_flight:.0f} on {look.machines:.0f} machines, which usually hold about "
        f"{each:.3g} each, {each * look.machines:.0f} together. The others belong to workers that "
        "died or gave up. Nobody works on those jobs until they come back to the queue when their "
        f"visibility timeout is over{f' ({span(visibility)})' if visibility else ''}; nothing is "
        "lost by that but time. If machines are up that take jobs and fail at once, their disks "
        f"may be full: look at the log groups {' and '.join(run.names.log_groups)}."
    )


def _looks(scene: Scene) -> list[_Look]:
    """Each look at the fleets with the count of the queue that went before."""
    looks, in_flight, visible = [], None, None
    for bucket in scene.numbers:
        if series.IN_FLIGHT in bucket.values and series.VISIBLE in bucket.values:
            in_flight = bucket.values[series.IN_FLIGHT].mean
            visible = bucket.values[series.VISIBLE].mean
        if series.MACHINES in bucket.values and in_flight is not None and visible is not None:
            looks.append(
                _Look(
                    at=bucket.at,
                    in_flight=in_flight,
                    visible=visible,
                    machines=bucket.values[series.MACHINES].mean,
                )
            )
    return looks


def _held_by_each(scene: Scene, looks: Sequence[_Look]) -> float | None:
    """How many jobs a machine usually holds, while jobs wait: three quarters hold no more.

    Machines that are still starting hold none, so the looks of the first half hour say nothing.
    """
    taken = scene.taken_since()
    if taken is None:
        return None
    standing = scene.run.problem("overfull") if "overfull" in scene.standing else None
    before = [look for look in looks if standing is None or look.at < standing.since]
    usual = [
        look.in_flight / look.machines
        for look in before[:-_LATEST]
        if look.at >= taken + _RAMP and look.visible and look.machines
    ]
    return quantiles(usual, n=4)[2] if len(usual) >= _LOOKS else None


def nothing_happens(scene: Scene) -> Found:
    """Jobs wait, machines are up, and none was ever taken."""
    run, now = scene.run, scene.run.reading
    if now is None or not now.visible or scene.up() is False or scene.taken_since():
        return None
    up, counts = scene.up_since(), scene.seen(series.VISIBLE)
    waiting = [at for at, visible in counts if visible > 0]
    if up is None or not waiting or not scene.counted_lately() or not scene.up():
        return Known.NOT
    since = max(up, waiting[0])
    fewer = last_done(scene)
    if fewer and fewer[0] and fewer[0] > since:
        return None
    lasts = counts[-1][0] - since
    if lasts < scene.settings.nothing_after:
        return None
    service = scene.service
    tasks = (
        f"The service {run.names.service} wants {counted(service.desired, 'container')} and has "
        f"{service.running} running."
        if service
        else f"What the service {run.names.service} is at is not known."
    )
    return (
        f"Nothing happens in {run.names.app_name}: {counted(now.visible, 'job waits', 'jobs wait')}"
        f" and {counted(run.active_machines or 0, 'machine is', 'machines are')} up since "
        f"{up:%H:%M} UTC, and no job was ever taken from the queue {run.names.queue}. {tasks} "
        "Where none is wanted or running, the cause is in ECS: the service was scaled down, no "
        "machine has joined the cluster, or a container needs more memory or CPU than a machine "
        "has (the service's Events tab says so). Where they run, they may look at another queue or "
        "not be allowed to read this one. The machines are billed; if nothing helps: dcp-engine "
        f"abort {run.names.app_name} --keep-queue"
    )
