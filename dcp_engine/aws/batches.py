"""Splitting a list to what one request may carry."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(items: Sequence[T], most: int) -> Iterator[list[T]]:
    """The items in order, at most `most` at a time."""
    for start in range(0, len(items), most):
        yield list(items[start : start + most])
