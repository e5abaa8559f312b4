"""The kit, and servers that are really spoken to."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import apprise
import pytest
from apprise.plugins import N_MGR

from dcp_engine.testing import bench, service_models_are_read_once

from .receivers import Mailbox, Webhook

__all__ = ["bench", "service_models_are_read_once"]


@pytest.fixture(scope="session", autouse=True)
def _every_service_is_loaded() -> None:
    """With the first address apprise loads them all, and some import what Python deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        apprise.Apprise.instantiate("json://localhost")


@pytest.fixture(autouse=True)
def _nothing_is_left_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything sent through a proxy of this computer's."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    # Apprise sends a mail every 5.5 seconds, out of consideration for servers that others use too.
    monkeypatch.setattr(N_MGR["mailto"], "request_rate_per_sec", 0)
    with Mailbox() as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture
def other_webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server
