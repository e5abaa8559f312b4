"""Numbers of things, as people write them."""


def counted(number: float, one: str, many: str | None = None) -> str:
    """A number of things: `counted(1, "job")` is `1 job`, `counted(2, "job")` is `2 jobs`.

    `many` where an s at the end is not all that changes: `counted(1, "job is", "jobs are")`.
    """
    things = one if number == 1 else many or f"{one}s"
    return f"{number:g} {things}" if isinstance(number, float) else f"{number} {things}"
