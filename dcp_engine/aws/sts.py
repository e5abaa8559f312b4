"""Who we are to AWS."""

import threading
from collections.abc import Callable

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import Edge


class _Caller(msgspec.Struct, frozen=True):
    account: str = msgspec.field(name="Account")


class Accounts:
    """The accounts found so far by key fingerprint, for all runs of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}

    def of(self, fingerprint: str, ask: Callable[[], str]) -> str:
        """The account of a key; `ask` is called when it is not known yet."""
        with self._lock:
            known = self._found.get(fingerprint)
        if known is None:
            known = ask()
            with self._lock:
                self._found[fingerprint] = known
        return known


class StsIdentity:
    """`Identity` by AWS STS. An access key belongs to one account for ever, so it is asked once."""

    def __init__(self, edge: Edge, fingerprint: Callable[[], str], accounts: Accounts) -> None:
        self._edge = edge
        self._fingerprint = fingerprint
        self._accounts = accounts

    def account(self) -> str:
        """The account of the present credentials."""
        return self._accounts.of(self.key_fingerprint(), self._ask)

    def key_fingerprint(self) -> str:
        """A one-way fingerprint of the present access key. Raises Credentials, Transient."""
        return self._edge.retry(self._fingerprint)

    def _ask(self) -> str:
        return self._edge.read(op.GET_CALLER_IDENTITY, lambda a: a.take(_Caller)).account
