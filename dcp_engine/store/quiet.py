"""Which runs nothing is asked of: most, nearly all of the time.

A look asks that several times. As long as nobody has written anything else the answer is the same,
and whether anybody has is cheaper to ask than the rest.
"""

from dcp_engine.store import agenda
from dcp_engine.store.connection import Connection


class Quiet:
    """See the module; to be asked from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._own = 0
        self._as_of: tuple[int, int] | None = None
        self._wished: frozenset[str] = frozenset()

    def stirred(self) -> None:
        """This process changes what is asked of a run; called in the transaction that does."""
        self._own += 1

    def about(self, run_id: str) -> bool:
        """Whether nothing is asked of the run. Raises StoreBroken, or StoreUnwritable if locked."""
        with self._connection.still() as version:
            if (version, self._own) != self._as_of:
                with self._connection.read() as db:
                    # Others may have written once more: then it is read again the next time.
                    self._wished = frozenset(agenda.wished(db))
                self._as_of = (version, self._own)
            return run_id not in self._wished
