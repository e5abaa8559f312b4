"""What the real command believes of its computer: the time of day, and what is mounted.

Python imports `sitecustomize` before anything else (docs.python.org/3/library/site.html), so the
command itself is as it was installed.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import dcp_engine
from tests.e2e.computer import Computer

_CUSTOMIZED: Final = """
import os
from datetime import datetime
from pathlib import Path

import psutil

from dcp_engine.clock import SystemClock

time_of_day = os.environ.get("PRETENDED_TIME_OF_DAY")
if time_of_day:
    SystemClock.now = lambda self: datetime.fromisoformat(Path(time_of_day).read_text())

mount, kind = os.environ.get("PRETENDED_MOUNT"), os.environ.get("PRETENDED_FILE_SYSTEM")
if mount:
    real = psutil.disk_partitions
    part = type(real(all=True)[0])
    drive = part(device="lab", mountpoint=mount, fstype=kind, opts="rw")
    psutil.disk_partitions = lambda all=False: [*real(all), drive]
"""


class Pretence:
    """Makes the commands of one computer believe things."""

    def __init__(self, computer: Computer) -> None:
        directory = computer.directory / "pretence"
        directory.mkdir()
        (directory / "sitecustomize.py").write_text(_CUSTOMIZED)
        self._time_of_day = directory / "time_of_day"
        self._environment = computer.environment
        package = Path(dcp_engine.__file__).parent.parent
        before = self._environment.get("PYTHONPATH", "")
        self._environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(directory), str(package), before])
        )

    def time_of_day(self, now: datetime) -> None:
        """Its clock stands at `now`, until this is called again."""
        fresh = self._time_of_day.with_suffix(".new")
        fresh.write_text(now.isoformat())
        # In one step, so that no command reads half a time.
        fresh.replace(self._time_of_day)
        self._environment["PRETENDED_TIME_OF_DAY"] = str(self._time_of_day)

    def mounted(self, directory: Path, kind: str) -> None:
        """A directory is where a file system of that kind is mounted."""
        self._environment["PRETENDED_MOUNT"] = str(directory)
        self._environment["PRETENDED_FILE_SYSTEM"] = kind
