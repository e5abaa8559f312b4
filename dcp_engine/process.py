"""Who drives: this process, and whether another one that says it does is still alive."""

import os
import socket
from pathlib import Path

import psutil

from dcp_engine.model import Holder

# Two processes started within a second of each other by the kernel's clock are not told apart by
# `create_time`; the process id tells them apart then.
_SAME_START = 1.0


def this_process(label: str) -> Holder:
    """This process as the holder of a lease; `label` is the command, for people."""
    pid = os.getpid()
    return Holder(host=_host(), pid=pid, started=psutil.Process(pid).create_time(), label=label)


def is_dead(holder: Holder) -> bool:
    """Whether the process is surely gone: it ran here, and no process of that id and start does.

    One on another host, or in another container, is never known to be dead: its lease lapses.
    """
    if holder.host != _host():
        return False
    try:
        process = psutil.Process(holder.pid)
        same = abs(process.create_time() - holder.started) < _SAME_START
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _host() -> str:
    """The host's name, and where it matters the namespace in which process ids are counted."""
    namespace = Path("/proc/self/ns/pid")
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{socket.gethostname()}/{inode}"
