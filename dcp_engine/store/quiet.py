"""Which runs nothing is asked of: most, nearly all of the time.

A look asks that several times. As long as nobody has written anything else the answer is the same,
and whether anybody has is cheaper to ask than the rest.
"""

from typing import NamedTuple

from dcp_engine.store import agenda
from dcp_engine.store.connection import Connection


class _Heard(NamedTuple):
    """What was found, with the numbers that the writes of others and the own had then."""

    of_others: int
    of_own: int
    wished: frozenset[str]


class Quiet:
    """See the module; to be asked from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._own = 0
        self._heard: _Heard | None = None
        self._relies = False

    def rely(self, on: bool) -> None:
        """Whether `about` goes by what `wished` has found last, but for what was written here.

        For who asks that each second and looks at thousands of runs: where several processes write,
        each finds at every moment that somebody else has written.
        """
        self._relies = on

    def stirred(self) -> None:
        """This process changes what is asked of a run; called in the transaction that does."""
        self._own += 1

    def wished(self) -> frozenset[str]:
        """The runs that something is asked of. Raises StoreBroken, or StoreUnwritable if locked."""
        with self._connection.still() as version:
            return self._listen(version)

    def about(self, run_id: str) -> bool:
        """Whether nothing is asked of the run. Raises StoreBroken, or StoreUnwritable if locked."""
        heard = self._heard
        if self._relies and heard is not None and heard.of_own == self._own:
            return run_id not in heard.wished
        with self._connection.still() as version:
            heard = self._heard
            if heard is not None and (heard.of_others, heard.of_own) == (version, self._own):
                return run_id not in heard.wished
            return run_id not in self._listen(version)

    def _listen(self, version: int) -> frozenset[str]:
        """Read it anew, with nobody else of this process writing."""
        with self._connection.read() as db:
            # Others may have written once more: then it is read again the next time.
            wished = frozenset(agenda.wished(db))
        self._heard = _Heard(version, self._own, wished)
        return wished
