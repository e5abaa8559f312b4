"""Machines whose disk or memory is full, by what they write into their own log.

Every 30 seconds the worker's `instance-monitor.py` writes what `df -h`, `df -i -h` and `vmstat -a
-SM 1 1` say into the log group `NAME_perInstance`, as Python shows bytes: `b'Filesystem …\\n…'`.
In Distributed-CellProfiler the stream is called `INSTANCE-ID_TASK`. In Distributed-Something it is
the container's, `APP_NAME/APP_NAME/TASK-ID`; the monitor sums up there, `Root disk usage 12%.` and
`Free memory 1. Inactive memory 2. Active memory 3`, and the container's `run-worker.sh` says once
which machine it is on: `Instance ID i-…` (the public repositories of both, in `worker/`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from dcp_engine.builtin.troubles.scene import Found, Known, Scene
from dcp_engine.ports import LogLine
from dcp_engine.words import counted

WINDOW: Final = timedelta(minutes=4)
"""So far back is looked: a machine writes every 30 seconds, and sends what it wrote each minute."""

MOST: Final = 5000
"""So many entries are read at most."""

WHERE: Final = '"Instance ID"'
"""The filter pattern for what a container says of the machine that it is on."""

_SHOWN: Final = 3
_MACHINE: Final = re.compile(r"i-[0-9a-f]+")
_PERCENT: Final = re.compile(r"(\d{1,3})%")
_ROOT_DISK: Final = re.compile(r"Root disk usage (\d{1,3})%")
_MEMORY: Final = re.compile(r"Free memory (\d+)\. Inactive memory (\d+)\. Active memory (\d+)")
_NAMES: Final = ("free", "inact", "active")
# What is no disk of the machine's: file systems in memory, read-only images, and the bucket.
_NO_DISK: Final = ("tmpfs", "devtmpfs", "udev", "shm", "none", "s3fs", "/dev/loop")


def pattern(percent: int) -> str:
    """The filter pattern for entries that tell of memory, or of a disk as full as that or fuller.

    Terms with a question mark are alternatives (Amazon CloudWatch Logs User Guide, "Filter pattern
    syntax for metric filters, subscription filters, and filter log events").
    """
    full = (f'?"{full}%"' for full in range(percent, 101))
    return " ".join(["?inact", '?"Active memory"', *full])


def full_streams(lines: Iterable[LogLine], percent: int) -> Mapping[str, str]:
    """The streams whose machines are full, and of what, by what was written in the last minutes.

    Memory is full where every entry says so: a step may need much of it for a moment.
    """
    disks: dict[str, str] = {}
    memory: dict[str, list[float]] = {}
    for line in sorted(lines, key=lambda line: line.at):
        rows = [row.split() for row in line.text.replace("\\n", "\n").splitlines()]
        if disk := _full_disk(line.text, rows, percent):
            disks[line.stream] = disk
        if (used := _memory_used(line.text, rows)) is not None:
            memory.setdefault(line.stream, []).append(used)
    busy = {
        stream: f"{min(used):.0f} % of its memory in use"
        for stream, used in memory.items()
        if min(used) >= percent
    }
    return {
        stream: ", ".join(filter(None, [disks.get(stream), busy.get(stream)]))
        for stream in dict.fromkeys([*disks, *busy])
    }


def machine_of(stream: str, said: Iterable[LogLine] = ()) -> str | None:
    """The machine that a stream is of, by its name or by what was said in it; None if unknown."""
    if found := _MACHINE.match(stream):
        return found[0]
    for line in said:
        if line.stream == stream and (found := _MACHINE.search(line.text)):
            return found[0]
    return None


def machine_full(scene: Scene) -> Found:
    """Machines have no room left on their disk, or in their memory."""
    if scene.full is None:
        return Known.NOT
    ended = {machine.instance_id for machine in scene.machines if machine.ended_at is not None}
    full = {machine: what for machine, what in scene.full.items() if machine not in ended}
    if not full:
        return None
    run = scene.run
    first = [f"{machine} ({what})" for machine, what in list(full.items())[:_SHOWN]]
    more = [f"and {len(full) - _SHOWN} more"] if len(full) > _SHOWN else []
    return (
        f"{counted(len(full), 'machine')} of {run.names.app_name}, of {len(scene.alive)} that are "
        f"up, {'has' if len(full) == 1 else 'have'} no room left: {', '.join([*first, *more])}. "
        "Jobs fail there and come back to the queue, and a machine with a full disk takes one "
        "after the other. For a full disk: a larger EBS_VOL_SIZE, or fewer files to download. For "
        "full memory: a machine type with more of it, or fewer copies on one (DOCKER_CORES, "
        "TASKS_PER_MACHINE). That takes effect with a new fleet: start the cluster again and "
        "register the new monitor file. A machine that you end in the EC2 console is replaced. "
        f"Their lines are in the log group {run.names.log_groups[1]}."
    )


def _full_disk(text: str, rows: Sequence[Sequence[str]], percent: int) -> str | None:
    """What is said of the fullest of the machine's disks, if that is full."""
    found = [
        (int(root[1]), "of the disk /")
        for root in [_ROOT_DISK.search(text)]
        if root and int(root[1]) >= percent
    ]
    what = "of the disk"
    for row in rows:
        if "IUse%" in row:
            what = "of the room for files on"
        if len(row) < 6 or row[0].startswith(_NO_DISK):
            continue
        share = _PERCENT.fullmatch(row[4])
        if share and int(share[1]) >= percent:
            found.append((int(share[1]), f"{what} {row[5].rstrip(chr(39))}"))
    return "{} % {}".format(*max(found)) if found else None


def _memory_used(text: str, rows: Sequence[Sequence[str]]) -> float | None:
    """Percent in use by what `vmstat -a` says: all but the free and what was long not touched."""
    summed = _MEMORY.search(text)
    numbers = [list(summed.groups())] if summed else []
    numbers += [
        [row[head.index(name)] for name in _NAMES]
        for head, row in pairwise(rows)
        if set(_NAMES) <= set(head) and len(head) == len(row)
    ]
    if not numbers or not all(number.isdecimal() for number in numbers[0]):
        return None
    free, inactive, active = map(int, numbers[0])
    total = free + inactive + active
    return 100 * active / total if total else None
