"""A Slack, and tellers that post to it on a clock that takes no time."""

from collections.abc import Callable, Iterator

import pytest
from dcp_engine_slack.settings import Options
from dcp_engine_slack.teller import Teller

from dcp_engine.hookspecs import Secret
from dcp_engine.testing import bench, service_models_are_read_once

from .clock import Clock
from .server import CHANNEL, TOKEN, Slack, serving

__all__ = ["bench", "service_models_are_read_once"]

Make = Callable[..., Teller]


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slack]:
    """A workspace that this computer reaches without a proxy."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    slack = Slack()
    with serving(slack):
        yield slack


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def by_webhook(slack: Slack, clock: Clock) -> Make:
    """Makes a teller, as a new process would, that writes to the webhook."""

    def make(**options: object) -> Teller:
        given = Options(webhook_url=Secret(slack.webhook_url), **options)  # type: ignore[arg-type]
        return Teller(given, now=clock.now, sleep=clock.sleep)

    return make


@pytest.fixture
def by_bot(slack: Slack, clock: Clock) -> Make:
    """Makes a teller, as a new process would, that is a bot."""

    def make(token: str = TOKEN, **options: object) -> Teller:
        options = {"channel": CHANNEL, "api_url": slack.api_url, **options}
        given = Options(token=Secret(token), **options)  # type: ignore[arg-type]
        return Teller(given, now=clock.now, sleep=clock.sleep)

    return make
