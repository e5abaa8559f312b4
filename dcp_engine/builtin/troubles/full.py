"""Machines whose disk or memory is full, by what they write into their own log.

The worker's `instance-monitor.py` writes the output of `df -h`, `df -i -h`, `vmstat -a -SM 1 1` and
`iostat` into the log group `NAME_perInstance` every 30 seconds, each as one entry of the stream
`INSTANCE-ID_TASK` (Distributed-CellProfiler, worker/instance-monitor.py). Some versions write it as
Python shows bytes: `b'Filesystem …\\n…'`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from dcp_engine.builtin.troubles.scene import Found, Known, Scene
from dcp_engine.ports import LogLine
from dcp_engine.words import counted

WINDOW: Final = timedelta(minutes=4)
"""So far back is looked: a machine writes every 30 seconds, and sends what it wrote each minute."""

MOST: Final = 2000
"""So many entries are read at most: one of memory and two of a full disk for each half minute."""

_SHOWN: Final = 3
_MACHINE: Final = re.compile(r"(i-[0-9a-f]+)(?:_|$)")
_PERCENT: Final = re.compile(r"(\d{1,3})%")
# What is no disk of the machine's: file systems in memory, read-only images, and the bucket.
_NO_DISK: Final = ("tmpfs", "devtmpfs", "udev", "shm", "none", "s3fs", "/dev/loop")


def pattern(percent: int) -> str:
    """The filter pattern for entries that tell of memory, or of a disk as full as that or fuller.

    Terms with a question mark are alternatives (Amazon CloudWatch Logs User Guide, "Filter pattern
    syntax for metric filters, subscription filters, and filter log events").
    """
    return " ".join(["?inact", *(f'?"{full}%"' for full in range(percent, 101))])


def full_machines(lines: Iterable[LogLine], percent: int) -> Mapping[str, str]:
    """Which machines are full, and of what, by what they wrote in the last minutes.

    Memory is full where every entry says so: a step may need much of it for a moment.
    """
    disks: dict[str, str] = {}
    memory: dict[str, list[float]] = {}
    for line in sorted(lines, key=lambda line: line.at):
        found = _MACHINE.match(line.stream)
        if found is None:
            continue
        rows = [row.split() for row in _rows(line.text)]
        if disk := _full_disk(rows, percent):
            disks[found[1]] = disk
        if (used := _memory_used(rows)) is not None:
            memory.setdefault(found[1], []).append(used)
    busy = {
        machine: f"{min(used):.0f} % of its memory in use"
        for machine, used in memory.items()
        if min(used) >= percent
    }
    return {
        machine: ", ".join(filter(None, [disks.get(machine), busy.get(machine)]))
        for machine in dict.fromkeys([*disks, *busy])
    }


def machine_full(scene: Scene) -> Found:
    """Machines have no room left on their disk, or in their memory."""
    if scene.full is None:
        return Known.NOT
    up = {machine.instance_id for machine in scene.alive}
    full = {machine: what for machine, what in scene.full.items() if machine in up}
    if not full:
        return None
    run = scene.run
    first = [f"{machine} ({what})" for machine, what in list(full.items())[:_SHOWN]]
    more = [f"and {len(full) - _SHOWN} more"] if len(full) > _SHOWN else []
    return (
        f"{counted(len(full), 'machine')} of {run.names.app_name}, of {len(up)} that are up, "
        f"{'has' if len(full) == 1 else 'have'} no room left: {', '.join([*first, *more])}. Jobs "
        "fail there and come back to the queue, and a machine with a full disk takes one after the "
        "other. For a full disk: a larger EBS_VOL_SIZE, or fewer files to download. For full "
        "memory: a machine type with more of it, or fewer copies on one (DOCKER_CORES, "
        "TASKS_PER_MACHINE). That takes effect with a new fleet: start the cluster again and "
        "register the new monitor file. A machine that you end in the EC2 console is replaced. "
        f"Their lines are in the log group {run.names.log_groups[1]}."
    )


def _rows(text: str) -> Iterator[str]:
    yield from text.replace("\\n", "\n").splitlines()


def _full_disk(rows: Sequence[Sequence[str]], percent: int) -> str | None:
    """What `df` says of the fullest of the machine's disks, if that is full."""
    fullest: tuple[int, str] | None = None
    what = "of the disk"
    for row in rows:
        if "IUse%" in row:
            what = "of the room for files"
        if len(row) < 6 or row[0].startswith(_NO_DISK):
            continue
        share = _PERCENT.fullmatch(row[4])
        if share and int(share[1]) >= percent and (fullest is None or int(share[1]) > fullest[0]):
            fullest = int(share[1]), f"{share[1]} % {what} {row[5].rstrip(chr(39))}"
    return fullest[1] if fullest else None


def _memory_used(rows: Sequence[Sequence[str]]) -> float | None:
    """Percent in use by what `vmstat -a` says: all but the free and what was long not touched."""
    for head, row in pairwise(rows):
        if {"free", "inact", "active"} <= set(head) and len(head) == len(row):
            try:
                free, inactive, active = (
                    int(row[head.index(n)]) for n in ("free", "inact", "active")
                )
            except ValueError:
                return None
            total = free + inactive + active
            return 100 * active / total if total > 0 else None
    return None
