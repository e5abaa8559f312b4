"""Numbers of things, and how a run ended, as people write them."""

from dcp_engine.model import Outcome


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number of things: `counted(1, "job")` is `1 job`, `counted(2, "job")` is `2 jobs`.

    `many` where an s at the end is not all that changes: `counted(1, "job is", "jobs are")`.
    """
    things = one if number == 1 else many or f"{one}s"
    return f"{number:g} {things}" if isinstance(number, float) else f"{number} {things}"


def ending(outcome: Outcome | None, dead_letters: int | None) -> str:
    """How a run ended."""
    text = outcome.value if outcome else "not known"
    if not dead_letters:
        return text
    letters = counted(dead_letters, "dead letter")
    if outcome is Outcome.COMPLETED_WITH_DEAD_LETTERS:
        return f"completed with {letters}"
    return f"{text}, {letters}"
