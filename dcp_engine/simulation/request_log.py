"""What was asked of the simulated AWS, in order."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


@dataclass
class RecordedRequest:
    """One request as it arrived over the socket."""

    service: str
    operation: str
    params: Mapping[str, Any]
    region: str
    at: datetime
    """The world's moment of arrival."""
    status: int | None = None
    """HTTP status of the reply; None while it is being worked on, 0 where no reply was sent."""
    error_code: str | None = None
    """The service's error code, if the reply was an error that the simulation made."""
    fault: str | None = None
    """The name of the injected fault that struck, if one did."""

    @property
    def name(self) -> str:
        """`service:Operation`, for example `sqs:GetQueueAttributes`."""
        return f"{self.service}:{self.operation}"


@dataclass
class RequestLog:
    """Every request, oldest first; safe to read while the server works."""

    path: Path | None = None
    """A file that gets one JSON line per finished request, if wanted."""
    _records: list[RecordedRequest] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, record: RecordedRequest) -> None:
        """Note a request on its arrival."""
        with self._lock:
            self._records.append(record)

    def finish(self, record: RecordedRequest) -> None:
        """Note that its reply is on its way."""
        if self.path is None:
            return
        line = json.dumps(
            {
                "at": record.at.isoformat(),
                "name": record.name,
                "region": record.region,
                "status": record.status,
                "error": record.error_code,
                "fault": record.fault,
                "params": record.params,
            },
            default=str,
        )
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def matching(self, pattern: str = "*") -> list[RecordedRequest]:
        """Those whose `service:Operation` matches the shell pattern, such as `ec2:*`."""
        with self._lock:
            return [record for record in self._records if fnmatchcase(record.name, pattern)]

    def count(self, pattern: str = "*") -> int:
        """How many match the shell pattern."""
        return len(self.matching(pattern))

    def names(self) -> list[str]:
        """`service:Operation` of each, in order."""
        return [record.name for record in self.matching()]

    def clear(self) -> None:
        """Forget what came so far."""
        with self._lock:
            self._records.clear()

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(self.matching())

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, index: int) -> RecordedRequest:
        return self.matching()[index]
