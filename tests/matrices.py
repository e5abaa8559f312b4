"""Matrices: long lists of cases, of which an ordinary run of the tests takes a sample.

`@pytest.mark.matrix("case", CASES, sample=8)` parametrizes a test like `pytest.mark.parametrize`.
Without `--whole` only that many cases run, chosen by a seed that changes with every run and is
printed, so that over the weeks every case has its turn; `--sample-seed N` chooses the same again.
"""

import random
import secrets
from collections.abc import Sequence
from typing import Any

import pytest

_SEEDS = 1_000_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    group = parser.getgroup("matrices")
    group.addoption("--whole", action="store_true", help="run every case of every matrix")
    group.addoption(
        "--sample-seed", type=int, default=None, help="choose the sample of a former run again"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, once for all workers of pytest-xdist."""
    config.addinivalue_line(
        "markers", "matrix(name, cases, sample): a parametrization that is sampled; see matrices.py"
    )
    if config.option.sample_seed is None:
        given = getattr(config, "workerinput", {}).get("sample_seed")
        config.option.sample_seed = secrets.randbelow(_SEEDS) if given is None else given


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the seed."""
    node.workerinput["sample_seed"] = node.config.option.sample_seed


def pytest_report_header(config: pytest.Config) -> str:
    """Say what was chosen, and how to choose it again."""
    if config.option.whole:
        return "matrices: whole"
    seed = config.option.sample_seed
    return f"matrices: a sample; --sample-seed {seed} repeats it, --whole runs every case"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize by the cases that have their turn."""
    for mark in metafunc.definition.iter_markers("matrix"):
        name, cases = mark.args
        ids = [str(case) for case in cases]
        turn: Sequence[int] = range(len(ids))
        if not metafunc.config.option.whole:
            turn = chosen(
                ids, mark.kwargs["sample"], metafunc.config.option.sample_seed, metafunc.function
            )
        metafunc.parametrize(name, [cases[i] for i in turn], ids=[ids[i] for i in turn])


def chosen(ids: Sequence[str], sample: int, seed: int, function: Any) -> Sequence[int]:
    """The places of the cases whose turn it is; each matrix draws by itself."""
    rng = random.Random(f"{seed} {function.__module__} {function.__qualname__}")
    return sorted(rng.sample(range(len(ids)), min(sample, len(ids))))
