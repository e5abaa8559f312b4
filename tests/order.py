"""The order of the tests: those that wait among those that reckon, so that no core is ever idle.

Tests that start commands, and the demo, spend much of their time waiting. All in a row they would
leave the cores idle; spread evenly, others go on meanwhile. Modules stay whole, for their fixtures.
"""

from itertools import groupby
from pathlib import Path

import pytest

Tests = list[pytest.Item]

_WAIT = frozenset({"demo", "docs", "e2e"})


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the modules of which the tests wait evenly among the others."""
    modules = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    waiting = [tests for tests in modules if _waits(tests[0].path)]
    others = [tests for tests in modules if not _waits(tests[0].path)]
    # Turned round: the longest of all, which builds and installs wheels, must not be the last.
    items[:] = [item for tests in spread(waiting[::-1], others) for item in tests]


def spread(few: list[Tests], many: list[Tests]) -> list[Tests]:
    """Both in their own order, each of them at its own pace from the beginning to the end."""
    placed = [
        ((number + 0.5) / len(modules), side, module)
        for side, modules in enumerate((few, many))
        for number, module in enumerate(modules)
    ]
    return [module for _, _, module in sorted(placed, key=lambda one: one[:2])]


def _waits(path: Path) -> bool:
    return bool(_WAIT & set(path.parts))
