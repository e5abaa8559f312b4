"""An address that apprise understands, and what must not be shown of it."""

import re
from collections.abc import Iterable
from urllib.parse import unquote

import apprise

from dcp_engine.hookspecs import Secret
from dcp_engine_apprise.errors import NotTold
from dcp_engine_apprise.reasons import Reasons
from dcp_engine_apprise.wording import Message

HIDDEN = "(hidden)"
_SCHEMA = re.compile(r"\s*([a-z0-9][a-z0-9+]*)://", re.IGNORECASE)
_HOST = re.compile(r"localhost|[0-9.]+|([a-z0-9-]+\.)+[a-z]{2,24}")
_BETWEEN = re.compile(r"[:/?#&@,;]+")
_SHORTEST_SECRET = 4
# What apprise may put between a title and a body where a service has no titles.
_JOINT = 16


class Address:
    """One place to send to. It is named by its number and its service, never by what it holds."""

    def __init__(self, name: str, url: str, service: apprise.NotifyBase, reasons: Reasons) -> None:
        self.name = name
        self.url = url
        self._service = service
        self._reasons = reasons
        # Without time limits of its own: apprise would wait at the end of the process for a
        # thread that hangs, and `Post` does not.
        asset = apprise.AppriseAsset(async_mode=False, service_timeout=0)
        self._sender = apprise.Apprise(service, asset=asset)

    def send(self, message: Message) -> None:
        """Send it, and return when the service has taken it. Raises NotTold."""
        title = message.title
        room = self._service.body_maxlen
        if self._service.title_maxlen > 0:
            title = title[: self._service.title_maxlen]
        else:
            room -= len(title) + _JOINT
        with self._reasons.heard() as said:
            result = self._sender.notify(
                title=title,
                body=message.body(room),
                notify_type=message.importance,
                body_format=apprise.NotifyFormat.TEXT,
            )
        if not result:
            raise NotTold(self._without_secrets(said))

    def _without_secrets(self, said: Iterable[str]) -> str:
        text = "; ".join(dict.fromkeys(said))
        for secret in _secrets(self.url):
            text = text.replace(secret, HIDDEN)
        return text or "the message was not taken, and apprise does not say why"


def read_address(number: int, url: Secret, reasons: Reasons) -> Address:
    """The address behind one of `urls`. Raises ValueError, in words that do not show it."""
    text = url.reveal().strip()
    schema = _SCHEMA.match(text)
    if schema is None:
        raise ValueError(
            f"address {number} of urls does not begin like one: apprise's addresses have a "
            "service's name and :// in front, as in mailtos:// or discord://"
        )
    asset = apprise.AppriseAsset(
        app_id="dcp-engine", app_desc="dcp-engine", async_mode=False, service_timeout=0
    )
    with reasons.heard():
        service = apprise.Apprise.instantiate(text, asset=asset)
    if service is None:
        raise ValueError(f"address {number} of urls cannot be used: {_why_not(schema[1].lower())}")
    return Address(f"address {number} ({service.service_name})", text, service, reasons)


def _why_not(schema: str) -> str:
    details = apprise.Apprise().details(show_requirements=True, show_disabled=True)
    for service in details["schemas"]:
        if schema not in {*(service["protocols"] or ()), *(service["secure_protocols"] or ())}:
            continue
        name = service["service_name"]
        if service["enabled"]:
            return (
                f"it is not written as addresses of {name} are; {service['setup_url']} shows how. "
                "A character that means something in addresses (@ : / ? # % &) is written %40 and "
                "so on in a password"
            )
        packages = ", ".join(service["requirements"]["packages_required"])
        needs = f"the Python packages {packages}" if packages else "something of this computer"
        return f"{name} needs {needs}, which is not there"
    return (
        "what stands before its :// is no service that apprise knows; "
        "https://appriseit.com/services/ lists them"
    )


def _secrets(url: str) -> list[str]:
    """Whatever stands in an address and may open something, the longest first.

    That is more than the password: with many services it is the path or the place of the host. What
    looks like a computer's name, a port and the names of parameters open nothing.
    """
    rest = _SCHEMA.sub("", url, count=1)
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")[0]
    harmless = {host} if _HOST.fullmatch(host) else set()
    pieces = {url, rest}
    for piece in _BETWEEN.split(rest):
        value = piece.partition("=")[2] or piece
        if piece not in harmless and not (value.isdigit() and len(value) <= 5):
            pieces |= {value, unquote(value)}
    return sorted((p for p in pieces if len(p) >= _SHORTEST_SECRET), key=len, reverse=True)
