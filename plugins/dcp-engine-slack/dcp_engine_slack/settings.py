"""The plugin's own settings: the table `[slack]`, the variables `DCP_ENGINE_SLACK_*`."""

import difflib
import re
import time
from collections.abc import Iterable
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

import msgspec

from dcp_engine.hookspecs import Secret
from dcp_engine_slack.teller import Teller
from dcp_engine_slack.topics import NEEDS_PERSON, THAT_MATTER

_EVERYBODY: Final = frozenset({"channel", "here", "everyone"})
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Options(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Where to, what about, and who is called. See the README for each.

    Raises ValueError with everything that is wrong, in words and without a secret.
    """

    webhook_url: Secret | None = None
    token: Secret | None = None
    channel: str = ""
    events: tuple[str, ...] = THAT_MATTER
    mention: str = ""
    mention_on: tuple[str, ...] = ()
    api_url: str = "https://slack.com/api/"

    def __post_init__(self) -> None:
        complaints = [
            *self._way(),
            *_misspelt("events", self.events, THAT_MATTER),
            *_misspelt("mention_on", self.mention_on, (*THAT_MATTER, NEEDS_PERSON)),
            *_address("api_url", self.api_url),
        ]
        if self.mention and _mention(self.mention) is None:
            complaints.append(
                f"mention: {self.mention!r} is not understood; it is channel, here, everyone, a "
                "member ID as U0123ABCD or a user group's ID as S0123ABCD"
            )
        if self.mention_on and not self.mention:
            complaints.append("mention_on says when to call somebody; mention must say whom")
        if complaints:
            raise ValueError("; ".join(complaints))

    def _way(self) -> Iterable[str]:
        if self.webhook_url and self.token:
            yield "webhook_url and token are two ways to the same end: give one of them"
        elif self.webhook_url:
            yield from _address("webhook_url", self.webhook_url.reveal().strip())
            if self.channel:
                yield "channel goes with token; a webhook writes to the channel it was made for"
        elif not self.token:
            yield (
                "it is not said how to reach Slack: give webhook_url, or token and channel (the "
                "README says how to get them)"
            )
        else:
            if not re.fullmatch(r"xox[a-z.\-]+[\x21-\x7e]+", self.token.reveal().strip()):
                yield "token: that is not a bot token; one begins with xoxb-"
            if not re.fullmatch("[CGD][A-Z0-9]{5,}", self.channel):
                yield (
                    f"channel: {self.channel!r} is not a channel's ID, as C0123ABCDEF; click "
                    "on the channel's name in Slack, it stands at the very end of “About”"
                )

    @property
    def called(self) -> str | None:
        """The mention as Slack takes it, None where nobody is to be called."""
        return _mention(self.mention)

    @property
    def called_on(self) -> frozenset[str]:
        """When: what `mention_on` says, by default what needs a person."""
        return frozenset(self.mention_on or (NEEDS_PERSON,))

    @cached_property
    def teller(self) -> Teller:
        """What tells events as these options say, for as long as the engine lives."""
        return Teller(self, now=time.monotonic, sleep=time.sleep)


def _mention(text: str) -> str | None:
    """As Slack's "Formatting message text" has it: `<!channel>`, `<@U…>`, `<!subteam^S…>`."""
    name = re.sub(r"^<?(?:!subteam\^|[@!])?|>$", "", text.strip())
    if name in _EVERYBODY:
        return f"<!{name}>"
    if not re.fullmatch("[UWS][A-Z0-9]{5,}", name):
        return None
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"


def _misspelt(key: str, chosen: Iterable[str], known: tuple[str, ...]) -> Iterable[str]:
    """Other plugins have events of their own, so only what is nearly a known word is refused."""
    for word in chosen:
        if word not in known and (near := difflib.get_close_matches(word, known, n=1, cutoff=0.75)):
            yield f"{key}: there is no {word!r}; did you mean {near[0]}?"


def _address(key: str, address: str) -> Iterable[str]:
    """Of an address that is no good, without showing it."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in _HERE)
    if not (host and safe and re.fullmatch(r"[\x21-\x7e]+", address)):
        yield f"{key}: that is not an address that begins with https://"
