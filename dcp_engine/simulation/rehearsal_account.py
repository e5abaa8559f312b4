"""What became of a rehearsed run: counted in the world and in AWS, not told by the engine."""

import gzip
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dcp_engine.errors import EXIT_FINE, EXIT_NEEDS_PERSON
from dcp_engine.model import State
from dcp_engine.simulation.launch import Launch
from dcp_engine.simulation.machines import Cause
from dcp_engine.simulation.runs import Behaviour
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.snapshot import Snapshot, belonging_to, snapshot
from dcp_engine.words import counted

_GONE: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "fleets": lambda fleet: fleet["state"] in {"cancelled", "cancelled_terminating"},
    "instances": lambda machine: machine["state"] in {"shutting-down", "terminated"},
    "services": lambda service: service["status"] in {"DRAINING", "INACTIVE"},
    "task_definitions": lambda definition: definition["status"] == "INACTIVE",
    "clusters": lambda cluster: cluster["status"] == "INACTIVE",
    "queues": lambda queue: False,
    "alarms": lambda alarm: False,
    "dashboards": lambda dashboard: False,
}
"""Of each kind that has to go: whether one that AWS still shows has ended."""

_KINDS: Final[Mapping[str, str]] = {
    "alarms": "alarm",
    "clusters": "cluster",
    "container_instances": "container instance",
    "dashboards": "dashboard",
    "exports": "export task",
    "fleets": "fleet",
    "instances": "machine",
    "log_groups": "log group",
    "objects": "object",
    "queues": "queue",
    "services": "service",
    "task_definitions": "task definition",
    "volumes": "volume",
}

_ENDINGS: Final[Mapping[Cause, str]] = {
    Cause.CRASH: "by crashing",
    Cause.IDLE_ALARM: "by the idle alarm",
    Cause.FLEET_CANCELLED: "with the fleet",
    Cause.API_CALL: "by a call of dcp-engine",
    Cause.FLEET_SHRUNK: "by a lowered target",
    Cause.FLEET_EXPIRED: "by the fleet's end date",
}


@dataclass(frozen=True)
class Ending:
    """How the real command ended."""

    exit_code: int
    state: str | None
    """The run's state in the engine's own record."""
    seconds: float


@dataclass(frozen=True)
class LogObject:
    """An exported object."""

    key: str
    size: int


@dataclass(frozen=True)
class Account:
    """The figures."""

    jobs: int
    done: int
    done_again: int
    """Jobs that were finished more than once."""
    dead_letters: int
    dead_letter_queue: str
    started: int
    replacements: int
    crashed: int
    stalled: int
    never_began: int
    ended: Mapping[str, int]
    """Machines that have ended, by what ended them in words."""
    killed_while_working: int
    gone: tuple[str, ...]
    """What of the run was there and has ended, in words."""
    left: tuple[str, ...]
    """What of the run AWS still has and should not."""
    bucket: str
    prefixes: tuple[str, ...]
    logs: tuple[LogObject, ...]
    sample: str
    """A line out of a job's exported log; empty when there is none."""
    sample_from: str
    """The end of that object's key."""
    strangers: int
    """How many things AWS held beside the run's."""
    stranger_names: tuple[str, ...]
    disturbed: tuple[str, ...]
    """What of that is not as it was."""
    calls: int
    """Requests that came over the socket."""
    ending: Ending
    failures: tuple[str, ...]
    """Errors of the emulated AWS itself."""

    @property
    def all_ended(self) -> int:
        """Machines that have ended."""
        return sum(self.ended.values())

    def complaints(self) -> list[str]:
        """Everything that is not as it should be; nothing when all holds."""
        found = []
        if self.ending.exit_code != EXIT_FINE or self.ending.state != State.EXPORTED.value:
            found.append(
                f"the command ended with exit code {self.ending.exit_code}, and its database has "
                f"the run {self.ending.state or 'not at all'}"
            )
        if self.done + self.dead_letters < self.jobs:
            lost = self.jobs - self.done - self.dead_letters
            found.append(f"{counted(lost, 'job')} neither done nor among the dead letters")
        if self.killed_while_working:
            found.append(
                f"{counted(self.killed_while_working, 'machine')} lost a job to dcp-engine"
            )
        if self.all_ended < self.started:
            running = self.started - self.all_ended
            found.append(counted(running, "machine still runs", "machines still run"))
        found += [f"still there: {thing}" for thing in self.left]
        if not self.logs:
            found.append(f"no log has come to s3://{self.bucket}/{self.prefixes[0]}")
        found += [f"the stranger's {thing}" for thing in self.disturbed]
        found += [f"the emulated AWS itself failed: {failure}" for failure in self.failures]
        return found

    def exit_code(self) -> int:
        """0 only when everything holds."""
        return EXIT_NEEDS_PERSON if self.complaints() else EXIT_FINE


def take_account(
    aws: SimulatedAws,
    launch: Launch,
    *,
    machines: int,
    before: Snapshot,
    stranger_names: tuple[str, ...],
    ending: Ending,
) -> Account:
    """Count what there is now; `before` is what there was, `machines` how many were requested."""
    with aws.world.timeline.lock:
        taken = snapshot(aws)
        own, _ = belonging_to(taken, launch)
        own_before, _ = belonging_to(before, launch)
        stats, script = launch.stats, launch.plan.scenario.script
        logs = _logs(own, launch)
        sample_from, sample = _sample(aws, launch, logs)
        strangers = _strangers(before, launch)
        found = [aws.world.machines.find(machine) for machine in stats.started]
        causes = [m.ended_by for m in found if m is not None and m.ended_by is not None]
        return Account(
            jobs=len(launch.jobs_sent),
            done=sum(1 for job in launch.jobs_sent if stats.jobs_done[job]),
            done_again=sum(1 for times in stats.jobs_done.values() if times > 1),
            dead_letters=_messages(taken, launch.dead_letter_queue),
            dead_letter_queue=launch.dead_letter_queue,
            started=len(stats.started),
            replacements=max(0, len(stats.started) - machines),
            crashed=len(stats.crashed),
            stalled=len(stats.stalled),
            never_began=script[: len(stats.started)].count(Behaviour.NEVER_STARTS),
            ended=Counter(_ENDINGS[cause] for cause in causes),
            killed_while_working=len(launch.killed_while_working),
            gone=tuple(_gone(own_before, own, launch)),
            left=tuple(_left(own, launch)),
            bucket=launch.bucket,
            prefixes=_prefixes(launch),
            logs=logs,
            sample=sample,
            sample_from=sample_from,
            strangers=sum(map(len, strangers.values())),
            stranger_names=stranger_names,
            disturbed=tuple(_differences(strangers, _strangers(taken, launch))),
            calls=len(aws.requests),
            ending=ending,
            failures=tuple(crash.strip().splitlines()[-1] for crash in aws.crashes),
        )


def _strangers(taken: Snapshot, launch: Launch) -> Snapshot:
    """What a snapshot shows that is not the run's, nor made for it."""
    _, others = belonging_to(taken, launch)
    # Dead letters are the run's, and stay on purpose for somebody to look at.
    queues = {n: q for n, q in others["queues"].items() if n != launch.dead_letter_queue}
    return {**others, "queues": queues}


def _left(own: Snapshot, launch: Launch) -> list[str]:
    return [
        f"{_KINDS[kind]} {name}"
        for kind, has_ended in _GONE.items()
        for name, thing in own[kind].items()
        if not has_ended(thing)
    ] + [f"monitor file {name}" for name in _monitor_file(own, launch)]


def _gone(before: Snapshot, own: Snapshot, launch: Launch) -> list[str]:
    """What was there before, and of which nothing is left now; how many where more than one."""
    found = []
    for kind, has_ended in _GONE.items():
        there = {*before[kind], *own[kind]}
        if there and all(has_ended(thing) for thing in own[kind].values()):
            found.append(_several(kind, len(there)))
    if _monitor_file(before, launch) and not _monitor_file(own, launch):
        found.append("monitor file")
    return found


def _several(kind: str, number: int) -> str:
    if kind == "alarms":
        # Those of machines came and went between the two looks, so their number is not known.
        return "all alarms"
    return _KINDS[kind] if number == 1 else f"{number} {_KINDS[kind]}s"


def _monitor_file(own: Snapshot, launch: Launch) -> list[str]:
    key = f"{launch.bucket}/{launch.monitor_key}"
    return [f"s3://{key}"] if key in own["objects"] else []


def _messages(taken: Snapshot, queue: str) -> int:
    counts = taken["queues"].get(queue, {})
    return sum(int(counts.get(kind, 0)) for kind in ("visible", "in_flight", "delayed"))


def _prefixes(launch: Launch) -> tuple[str, str]:
    groups = launch.log_group, launch.per_instance_log_group
    return f"exportedlogs/{groups[0]}/", f"exportedlogs/{groups[1]}/"


def _logs(own: Snapshot, launch: Launch) -> tuple[LogObject, ...]:
    start = f"{launch.bucket}/"
    return tuple(
        LogObject(name.removeprefix(start), int(shown["size"]))
        for name, shown in sorted(own["objects"].items())
        if name.endswith(".gz")
    )


def _sample(aws: SimulatedAws, launch: Launch, logs: tuple[LogObject, ...]) -> tuple[str, str]:
    """The end of the key, and the first line, of the first job log."""
    key = next((each.key for each in logs if each.key.startswith(_prefixes(launch)[0])), "")
    if not key:
        return "", ""
    body = aws.client("s3").get_object(Bucket=launch.bucket, Key=key)["Body"].read()
    return "/".join(key.split("/")[-2:]), gzip.decompress(body).decode().splitlines()[0]


def _differences(before: Snapshot, after: Snapshot) -> list[str]:
    found = []
    for kind in before:
        for name in sorted({*before[kind], *after[kind]}):
            what = f"{_KINDS[kind]} {name}"
            if name not in after[kind]:
                found.append(f"{what} is gone")
            elif name not in before[kind]:
                found.append(f"{what} is new")
            elif before[kind][name] != after[kind][name]:
                found.append(f"{what} has changed")
    return found
