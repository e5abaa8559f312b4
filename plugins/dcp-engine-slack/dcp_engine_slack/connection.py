"""Requests to Slack, and what came of them in our own words.

`slack_sdk` is used without its retries: it would send a message again whose fate is not known, and
sleep without looking at the clock. It is imported when the first message is sent, because that
takes longer than a look at a run in which nothing happens.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from dcp_engine.hookspecs import Secret
from dcp_engine_slack.errors import NotSent, TooMany, nonsense, refused, unreachable
from dcp_engine_slack.patience import Patience

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.web import SlackResponse

_A_PAGE: Final = 200
_MOST_PAGES: Final = 20
_PATIENCE_WHERE_NONE_IS_SAID: Final = 30.0
_LONGEST: Final = 3600.0

Message = Mapping[str, Any]
_Question = Callable[["WebClient"], "SlackResponse"]


class Webhook:
    """An incoming webhook: it takes messages and answers nothing of use."""

    def __init__(self, url: Secret) -> None:
        self._url = url

    def post(self, body: Message, patience: Patience) -> None:
        """Post a message. Raises NotSent."""
        from slack_sdk.webhook import WebhookClient  # noqa: PLC0415 - slow, see above

        while True:
            seconds = patience.for_request()
            client = WebhookClient(
                self._url.reveal().strip(), timeout=seconds, retry_handlers=[], logger=_silent()
            )
            try:
                answer = client.send_dict(dict(body))
            except Exception as error:  # noqa: BLE001 - its text may hold the address
                raise _failure(error, seconds) from None
            if answer.status_code == 200 and answer.body.strip() == "ok":
                return
            try:
                raise _refusal(answer.status_code, answer.body.strip(), answer.headers)
            except TooMany as error:
                patience.wait(error)


class Bot:
    """A bot, by its token: it posts, and it can look at what it posted."""

    def __init__(self, token: Secret, channel: str, api_url: str) -> None:
        self._token = token
        self._channel = channel
        self._api_url = api_url if api_url.endswith("/") else f"{api_url}/"

    def post(self, body: Message, patience: Patience) -> str:
        """Post a message; its `ts`, which is its name in the channel. Raises NotSent."""
        answer = self._ask(
            lambda slack: slack.chat_postMessage(channel=self._channel, **body), patience
        )
        return str(answer.get("ts", ""))

    def history(self, oldest: float, patience: Patience) -> Iterator[dict[str, Any]]:
        """The channel's messages since that moment, in seconds since 1970. Raises NotSent."""
        return self._pages(
            lambda cursor: (
                lambda slack: slack.conversations_history(
                    channel=self._channel,
                    oldest=f"{oldest:.6f}",
                    cursor=cursor,
                    limit=_A_PAGE,
                    include_all_metadata=True,
                )
            ),
            patience,
        )

    def replies(self, ts: str, patience: Patience) -> Iterator[dict[str, Any]]:
        """A thread's messages, the first one included. Raises NotSent."""
        return self._pages(
            lambda cursor: (
                lambda slack: slack.conversations_replies(
                    channel=self._channel,
                    ts=ts,
                    cursor=cursor,
                    limit=_A_PAGE,
                    include_all_metadata=True,
                )
            ),
            patience,
        )

    def scopes(self, patience: Patience) -> frozenset[str] | None:
        """What the token may do, None where Slack does not say so. Raises NotSent."""
        found: list[Mapping[str, str]] = []

        def ask(slack: "WebClient") -> "SlackResponse":
            answer = slack.auth_test()
            found.append({name.lower(): value for name, value in answer.headers.items()})
            return answer

        self._ask(ask, patience)
        said = found[-1].get("x-oauth-scopes")
        return None if said is None else frozenset(re.findall(r"[^\s,]+", said))

    def _pages(
        self, ask: Callable[[str | None], _Question], patience: Patience
    ) -> Iterator[dict[str, Any]]:
        """As many as there is time for: a message in a second thread is better than none."""
        cursor: str | None = None
        for page in range(_MOST_PAGES):
            if page and not patience.for_more():
                return
            try:
                answer = self._ask(ask(cursor), patience)
            except TooMany:
                if page:
                    return
                raise
            yield from answer.get("messages", ())
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return

    def _ask(self, ask: _Question, patience: Patience) -> Mapping[str, Any]:
        from slack_sdk import WebClient  # noqa: PLC0415 - slow, see above
        from slack_sdk.errors import SlackApiError  # noqa: PLC0415

        while True:
            seconds = patience.for_request()
            client = WebClient(
                self._token.reveal().strip(),
                base_url=self._api_url,
                timeout=seconds,
                retry_handlers=[],
                logger=_silent(),
            )
            try:
                data = ask(client).data
            except SlackApiError as error:
                answer = error.response
            except Exception as error:  # noqa: BLE001 - what it says is for programmers
                raise _failure(error, seconds) from None
            else:
                if isinstance(data, dict):
                    return data
                raise nonsense()
            try:
                raise _refusal(answer.status_code, _code(answer.data), answer.headers)
            except TooMany as error:
                patience.wait(error)


def _silent() -> logging.Logger:
    """A logger that belongs to nobody: slack_sdk writes the webhook's address into its own."""
    return logging.Logger("slack_sdk", logging.CRITICAL + 1)


def _code(data: object) -> str:
    return str(data.get("error", "")) if isinstance(data, dict) else ""


def _refusal(status: int, code: str, headers: Mapping[str, Any]) -> NotSent:
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return TooMany(_retry_after(headers))
    if status >= 500:
        return refused(code, status)
    return refused(code, status) if re.fullmatch("[a-z0-9_]{2,60}", code) else nonsense(status)


def _retry_after(headers: Mapping[str, Any]) -> float:
    """Slack's "Rate limits": the header holds whole seconds. More than an hour is not believed."""
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return min(float(said), _LONGEST) if str(said).isdecimal() else _PATIENCE_WHERE_NONE_IS_SAID


def _failure(error: Exception, seconds: int) -> NotSent:
    """What was raised instead of an answer: the network's errors, or an answer past reading."""
    return unreachable(error, seconds) if isinstance(error, OSError) else nonsense()
