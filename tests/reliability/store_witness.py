"""Who asked AWS for what, where several processes drive: each has an access key of its own."""

import threading
from datetime import datetime

from dcp_engine.simulation.faults import FaultRule
from dcp_engine.simulation.server import SimulatedAws
from dcp_engine.simulation.wire import AwsRequest
from tests.reliability.store_drivers import CHANGING


class Witness:
    """Notes the access key of every request over the socket, in order of arrival."""

    def __init__(self, aws: SimulatedAws) -> None:
        self._lock = threading.Lock()
        self._seen: list[tuple[str, str]] = []
        strike = aws.faults.strike

        def noting(request: AwsRequest, now: datetime) -> FaultRule | None:
            with self._lock:
                self._seen.append((request.access_key, request.name))
            return strike(request, now)

        aws.faults.strike = noting  # type: ignore[method-assign]

    def calls(self, key: str) -> list[str]:
        """Every call by that key."""
        with self._lock:
            return [name for who, name in self._seen if who == key]

    def changes(self, key: str) -> list[str]:
        """Every call by that key that changes anything."""
        return [name for name in self.calls(key) if name in CHANGING]

    def changers(self) -> set[str]:
        """The keys of those who changed anything."""
        with self._lock:
            return {who for who, name in self._seen if name in CHANGING}
