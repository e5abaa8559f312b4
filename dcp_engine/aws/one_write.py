"""A request's headers and its body in one write, as botocore meant them to leave.

urllib3 2 writes the body by itself, after the headers (its `HTTPConnection.request`); botocore's
own connections put both together where the body comes with the headers, as before
(`AWSConnection._send_output`). So each call is two writes, two packets and, with TLS, two records:
here as at AWS.
"""

from typing import Any, Final

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

_MOST: Final = 65_536
"""A longer part of a body is not copied to save a write."""


def write_at_once(client: Any) -> None:
    """Have this client of botocore's, which has made no call yet, write each request at once.

    Where its HTTP session is not made as it is known to be, it is left as it is: that is slower,
    and as good.
    """
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    pools = getattr(session, "_pool_classes_by_scheme", None)
    ours = {
        "http": (AWSHTTPConnectionPool, _Pool),
        "https": (AWSHTTPSConnectionPool, _SecurePool),
    }
    if isinstance(pools, dict):
        pools.update({s: new for s, (known, new) in ours.items() if pools.get(s) is known})


class _AtOnce:
    """Holds the headers back until there is something to write after them, or nothing will be."""

    _expect_header_set: bool
    _holds = False
    _held: bytes | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._held = None
        super().request(*args, **kwargs)  # type: ignore[misc]
        self._write_held()

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        # A server that is asked first whether it wants the body must see the headers first.
        self._holds = not self._expect_header_set
        try:
            super().endheaders(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._holds = False

    def send(self, data: Any) -> None:
        if self._holds and isinstance(data, bytes):
            self._held, self._holds = data, False
            return
        if self._held is not None and isinstance(data, bytes) and len(data) <= _MOST:
            data, self._held = self._held + data, None
        self._write_held()
        super().send(data)  # type: ignore[misc]

    def _write_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            super().send(held)  # type: ignore[misc]


class _Connection(_AtOnce, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_AtOnce, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection
