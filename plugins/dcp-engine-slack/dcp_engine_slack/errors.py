"""Why a message is not in Slack, and what to do about it; never an address or a token."""

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.error import URLError

_NEW_WEBHOOK: Final = (
    "make a new webhook for a channel (README, “A webhook”) and put its address into webhook_url"
)
_NEW_TOKEN: Final = (
    "open the app at api.slack.com/apps, reinstall it (“OAuth & Permissions”), and put the bot "
    "token that is shown there into token"
)
_INVITE: Final = "type /invite and the bot's name in that channel"

_ADVICE: Final[Mapping[str, str]] = {
    # Slack's "Sending messages using incoming webhooks", "Handling errors".
    "no_service": f"the webhook was switched off or removed: {_NEW_WEBHOOK}",
    "no_active_hooks": f"the webhook was switched off: {_NEW_WEBHOOK}",
    "no_team": f"the workspace of the webhook does not exist: {_NEW_WEBHOOK}",
    "team_disabled": "the workspace is switched off: ask who administers it",
    "invalid_token": f"the address of the webhook is not right: {_NEW_WEBHOOK}",
    "user_not_found": f"whoever the webhook writes to is gone: {_NEW_WEBHOOK}",
    "channel_is_archived": f"the webhook's channel was archived: unarchive it, or {_NEW_WEBHOOK}",
    "action_prohibited": "an administrator of the workspace does not let webhooks post there: ask "
    "them, or use a webhook of another channel",
    "posting_to_general_channel_denied": "an administrator does not let this app post to that "
    "channel: use another one",
    # Slack's "chat.postMessage", "Errors".
    "is_archived": "the channel was archived: unarchive it, or put another one into channel",
    "channel_not_found": "there is no such channel, or it is a private one that the bot is not in: "
    f"compare channel with the “Channel ID” in the channel's details, and {_INVITE}",
    "not_in_channel": f"the bot is not in the channel: {_INVITE}",
    "restricted_action": "an administrator does not let this app post to that channel: use another "
    "one",
    "missing_scope": "the app may not do that: at api.slack.com/apps, under “OAuth & Permissions”, "
    "add the scope chat:write, then reinstall the app",
    "invalid_auth": f"the token is not right: {_NEW_TOKEN}",
    "not_authed": f"the token is not right: {_NEW_TOKEN}",
    "not_allowed_token_type": f"it is a token of another kind: {_NEW_TOKEN}",
    "token_revoked": f"the token was revoked: {_NEW_TOKEN}",
    "token_expired": f"the token has expired: {_NEW_TOKEN}",
    "account_inactive": f"the bot or its workspace was removed: {_NEW_TOKEN}",
    "access_denied": "the workspace does not let this app in: ask who administers it",
    "ekm_access_denied": "the workspace's administrators have suspended posting: ask them",
}
_OWN_TROUBLE: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error"}
)


class NotSent(Exception):
    """A message that Slack did not take, or may not have taken; the engine tells it again.

    `code` is Slack's own word for the reason, where there is one.
    """

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.code = code


class TooMany(NotSent):
    """Slack asks for patience: HTTP 429. `retry_after` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"Slack takes no more messages for {retry_after:.0f} seconds (HTTP 429).")
        self.retry_after = retry_after


def refused(code: str, status: int) -> NotSent:
    """What Slack answered, with what to do about it."""
    if status >= 500 or code in _OWN_TROUBLE:
        return NotSent(
            f"Slack has trouble of its own (HTTP {status}); look again in some minutes.", code
        )
    advice = _ADVICE.get(code)
    if advice is None:
        return NotSent(f"Slack refuses, and says only: {code} (HTTP {status}).", code)
    return NotSent(f"Slack refuses ({code}): {advice}.", code)


def nonsense(status: int | None = None) -> NotSent:
    """An answer that Slack would not give; its HTTP status, None where it has none to be read."""
    which = "" if status is None else f" (HTTP {status})"
    return NotSent(
        f"What answered{which} was not Slack: a proxy, or a network that asks people to "
        "log in first, may stand between. Open slack.com in a browser on this computer; if that "
        "works, check the address in the settings and the variable HTTPS_PROXY."
    )


def unreachable(error: Exception, seconds: int) -> NotSent:
    """That no answer came. Only the kind of the error is told: its text may hold the address."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NotSent(
            "What answers for Slack shows a certificate that this computer does not trust. Where a "
            "company's proxy does that, put its certificate into a file and its path into the "
            "variable SSL_CERT_FILE."
        )
    if isinstance(reason, TimeoutError):
        return NotSent(
            f"Slack did not answer within {seconds} seconds. The message may have arrived all the "
            "same."
        )
    return NotSent(
        f"Slack could not be reached ({type(reason).__name__}): check this computer's network and "
        "the variable HTTPS_PROXY."
    )
