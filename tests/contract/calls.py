"""Which operations a test is about, and so on which emulators it runs."""

from collections.abc import Callable
from typing import Any

import pytest

from dcp_engine.aws.operations import Operation
from tests.contract.backends import OnMinistack, OnSimulation
from tests.contract.lacking import HOLLOW, LACKING


def on(operation: Operation) -> tuple[str, ...]:
    """The emulators that really have an operation."""
    if operation in LACKING | HOLLOW:
        return (OnSimulation.name,)
    return (OnSimulation.name, OnMinistack.name)


def calls(*operations: Operation) -> Callable[[Any], Any]:
    """Run the test on every emulator that has all of these, which the engine must call in it."""

    def mark(test: Any) -> Any:
        test.operations = operations
        names = [
            name
            for name in (OnSimulation.name, OnMinistack.name)
            if all(name in on(operation) for operation in operations)
        ]
        return pytest.mark.parametrize("backend", names, indirect=True)(test)

    return mark
