"""Moments, spans, numbers and dollars as the report says them: in UTC, and unknown as unknown."""

from datetime import UTC, datetime, timedelta
from typing import Final

from humanize import intcomma, precisedelta

UNKNOWN: Final = "unknown"

# Not by the locale: the report of a run reads the same wherever it is made.
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


def moment(at: datetime | None) -> str:
    """Date and time to the second, without the zone: the report says once that it is UTC."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def machine_readable(at: datetime) -> str:
    """The moment as HTML's `time` element wants it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(at: datetime) -> str:
    """The time of day alone."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def day(at: datetime) -> str:
    """The date without its year: `28 Nov`."""
    utc = at.astimezone(UTC)
    return f"{utc.day} {_MONTHS[utc.month - 1]}"


def span(lasted: timedelta | None) -> str:
    """How long something took, by the units that matter at its length."""
    if lasted is None:
        return UNKNOWN
    lasted = max(lasted, timedelta(0))
    finest = "seconds" if lasted < timedelta(hours=1) else "minutes"
    if lasted >= timedelta(days=2):
        finest = "hours"
    return precisedelta(lasted, minimum_unit=finest, suppress=["months", "years"], format="%d")


def number(value: float | None, digits: int = 1) -> str:
    """A number with commas at the thousands, with so many decimals where it has any."""
    if value is None:
        return UNKNOWN
    rounded = round(value, digits)
    return intcomma(int(rounded)) if rounded == int(rounded) else intcomma(rounded, digits)


def hours(value: float | None) -> str:
    """Hours of machines; the fewer they are, the finer."""
    return number(value, 1 if value is None or value >= 10 else 2)


def percent(share: float | None) -> str:
    """A share between 0 and 1; what is not quite all is not called 100 %."""
    if share is None:
        return UNKNOWN
    return f"{min(int(share * 100), 99) if share < 1 else 100} %"


def dollars(value: float | None) -> str:
    """A sum in US dollars."""
    if value is None:
        return UNKNOWN
    if 0 < value < 0.01:
        return "less than $0.01"
    return f"${intcomma(value, 2)}"


def plain(text: str) -> str:
    """The text with what is not to be seen written out: control characters, and those that turn
    the reading direction and so can make a name look like another.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else _written_out(c) for c in text)


def shortened(text: str, most: int) -> str:
    """The text's beginning where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
