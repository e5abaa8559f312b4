"""What is said of plugins: what they offer, where they are from, what they did not do."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import msgspec

from dcp_engine.errors import BadInput, EngineError, Later, PluginFailed

_OURS = "dcp_engine"

T = TypeVar("T")


class PluginFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that did not do what was asked.

    `hung` where it did not come back, `still` where it was not asked since it has not come back
    from an earlier call yet, `later` when it wants to be asked again.
    """

    plugin: str
    hook: str
    error: str
    hung: bool = False
    still: bool = False
    later: timedelta | None = None


class PluginFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin for a person. `state` is loaded, disabled, not wanted or failed."""

    name: str
    origin: str
    version: str | None
    hooks: tuple[str, ...]
    state: str
    error: str | None = None


@dataclass(frozen=True)
class Owned(Generic[T]):
    """What a plugin offers, and whose it is."""

    plugin: str
    third_party: bool
    item: T


def in_words(error: BaseException) -> str:
    """An exception as one line: its kind where its text does not say enough."""
    try:
        return _said(error)
    except BaseException:  # noqa: BLE001 - the text of a plugin's exception is the plugin's code
        return f"{type(error).__name__}, which does not say what it is"


def _said(error: BaseException) -> str:
    if isinstance(error, BadInput) and error.complaints:
        return f"{error.what}: {'; '.join(error.complaints)}"
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        # Its repr shows the line, and that may hold anything.
        return f"{type(error).__name__}: {text}"
    return text if text and type(error).__module__.startswith(_OURS) else repr(error)


def spoken(error: BaseException) -> BaseException:
    """What a stranger raised, as an error whose words can be read without running its code."""
    if type(error).__module__ == EngineError.__module__:
        return error
    try:
        if isinstance(error, Later):
            return Later(_span(error.after), in_words(error))
        return PluginFailed(in_words(error))
    except BaseException:  # noqa: BLE001 - what it cannot say is not worth more than its kind
        return PluginFailed(f"{type(error).__name__}, which cannot be put into words")


def _span(after: object) -> timedelta:
    if not isinstance(after, timedelta):
        raise TypeError(f"{after!r} is no timedelta")
    return timedelta(after.days, after.seconds, after.microseconds)
