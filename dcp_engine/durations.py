"""Durations as people write them: `200ms`, `60s`, `10m`, `1h30m`, `2d`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction

from dcp_engine.errors import BadInput
from dcp_engine.text_input import quoted

_UNITS: Mapping[str, timedelta] = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_SHAPE = re.compile("".join(rf"(?:([0-9]{{1,12}}(?:\.[0-9]{{1,12}})?){u})?" for u in _UNITS))
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(text: str) -> timedelta:
    """The span that `text` means; exact to the microsecond, never negative.

    Each of the units d, h, m, s, ms at most once, from large to small; fractions are fine. Raises
    BadInput with the reason and what to write instead.
    """
    if text == "0":
        return timedelta(0)
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise BadInput(needs_unit(text))
    if text.startswith("-"):
        raise BadInput(f"{quoted(text)} is negative; a duration is 0s or more")
    match = _SHAPE.fullmatch(text)
    if not text or match is None:
        raise BadInput(
            f"{quoted(text)} is not a duration; write numbers with the units d, h, m, s or ms, "
            "from large to small and without spaces, like 200ms, 60s, 10m or 1h30m"
        )
    microseconds = sum(
        (
            Fraction(number) * (unit // _MICROSECOND)
            for number, unit in zip(match.groups(), _UNITS.values(), strict=True)
            if number is not None
        ),
        Fraction(0),
    )
    if microseconds.denominator != 1:
        raise BadInput(f"{quoted(text)} is finer than a millionth of a second")
    try:
        return timedelta(microseconds=int(microseconds))
    except OverflowError as error:
        raise BadInput(f"{quoted(text)} is longer than any duration can be") from error


def needs_unit(number: object) -> str:
    """The complaint about a bare number, which could be seconds, minutes or anything."""
    return (
        f"{quoted(str(number), 20)} has no unit; write for example 60s for seconds, 10m for "
        "minutes or 1h for hours"
    )


def format_duration(span: timedelta) -> str:
    """`span` as `parse_duration` reads it: `1h30m`, `0s`. Raises ValueError when negative."""
    if span < timedelta(0):
        raise ValueError(f"a duration cannot be negative: {span!r}")
    parts = []
    for name, unit in _UNITS.items():
        count, span = divmod(span, unit)
        fraction = f".{span // _MICROSECOND:03}".rstrip("0") if name == "ms" and span else ""
        if count or fraction:
            parts.append(f"{count}{fraction}{name}")
    return "".join(parts) or "0s"
