"""What a process has used so far."""

import os
import re
import resource
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil


def family(pid: int) -> list[int]:
    """A process that still runs, and those that it has started and that run."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def cpu(pid: int) -> float:
    """Seconds of CPU of a process that still runs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def most_memory(pid: int) -> int:
    """The most memory that a process has had, in MB."""
    return _memory(pid, "VmHWM")


def memory(pid: int) -> int:
    """The memory that a process has, in MB."""
    return _memory(pid, "VmRSS")


def cpu_of(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds of CPU of a whole command, which a busy computer disturbs less than the clock's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _memory(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    return int(found[1]) // 1000 if found else 0
