"""The conditions of a policy's statement, against what is known of a request.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Policy elements:
Conditions with multiple context keys or values".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from dcp_engine.doctor.holds import Holds, holds

Context = Mapping[str, tuple[str, ...]]
"""What a key may have as its value, whichever of them it has; a key that is not in it may have any,
or be missing from the request."""

Matches = Callable[[str, str], bool]

_VARIABLE: Final = "${"


def like(pattern: str, text: str) -> bool:
    """Whether the text is like the pattern, in which `*` is any text and `?` any character."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def listed(value: Any) -> list[str]:
    """One text or a list of them, as a policy may write it. Raises ValueError for anything else."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | int) for one in values):
        raise ValueError(f"{value!r} is no text")
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def any_like(value: Any, text: str, matches: Matches = like) -> Holds:
    """Whether any of the patterns is the text's; unsure where that hangs on a policy variable."""
    patterns = listed(value)
    if any(_VARIABLE not in pattern and matches(pattern, text) for pattern in patterns):
        return Holds.YES
    return Holds.UNSURE if any(_VARIABLE in pattern for pattern in patterns) else Holds.NO


def condition(operator: str, key: str, wanted: Any, context: Context) -> Holds:
    """Whether one condition holds, such as `StringEquals`, `aws:SourceAccount` and its values."""
    known = {name.lower(): values for name, values in context.items()}.get(key.lower())
    name = operator.rpartition(":")[2].removesuffix("IfExists")
    if known is None or name not in _OPERATORS:
        listed(wanted)
        return Holds.UNSURE
    if name == "Null":
        return holds("true" not in listed(wanted))
    matches, negated = _OPERATORS[name]
    # The value is one of these: what all of them agree in is sure.
    verdicts = {any_like(wanted, value, matches) for value in known}
    verdict = verdicts.pop() if len(verdicts) == 1 else Holds.UNSURE
    return ~verdict if negated else verdict


def _same(wanted: str, value: str) -> bool:
    return wanted == value


def _same_folded(wanted: str, value: str) -> bool:
    return wanted.casefold() == value.casefold()


def _like_arn(pattern: str, arn: str) -> bool:
    """Each of the six parts by itself: no `*` reaches over a colon but in the last."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(like, patterns, parts))


# Operator → how one wanted value is compared, and whether the condition is that none is like it.
_OPERATORS: Final[Mapping[str, tuple[Matches, bool]]] = {
    "StringEquals": (_same, False),
    "StringNotEquals": (_same, True),
    "StringEqualsIgnoreCase": (_same_folded, False),
    "StringNotEqualsIgnoreCase": (_same_folded, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (_like_arn, False),
    "ArnLike": (_like_arn, False),
    "ArnNotEquals": (_like_arn, True),
    "ArnNotLike": (_like_arn, True),
    "Bool": (_same_folded, False),
    "Null": (_same, False),
}
