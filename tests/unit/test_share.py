"""Which runs are a process's own."""

import subprocess
import sys
import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcp_engine.share import Share, processes_for


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 40))
def test_each_run_is_in_one_share_and_in_no_other(run_id: str, of: int) -> None:
    owners = [index for index in range(of) if Share(index, of).mine(run_id)]
    assert len(owners) == 1


@pytest.mark.parametrize("of", [2, 3, 4, 7, 16])
def test_shares_are_as_large_as_each_other(of: int) -> None:
    random = Random(1)
    runs = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(8000)]
    sizes = [sum(Share(index, of).mine(run) for run in runs) for index in range(of)]
    assert sum(sizes) == 8000
    # Five standard deviations of what a fair draw does.
    most = 5 * (8000 / of) ** 0.5
    assert max(abs(size - 8000 / of) for size in sizes) < most


def test_it_is_the_same_in_every_process() -> None:
    """`hash` of a text is another number in each."""
    runs = [f"run-{number}" for number in range(200)]
    share = Share(1, 3)
    program = (
        "from dcp_engine.share import Share; "
        f"print([run for run in {runs!r} if Share.parse('1/3').mine(run)])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert told.stdout.decode().strip() == str([run for run in runs if share.mine(run)])


def test_alone_everything_is_its_own() -> None:
    assert all(Share().mine(f"run-{number}") for number in range(100))


@pytest.mark.parametrize("share", [Share(), Share(0, 2), Share(11, 12)])
def test_a_share_is_read_as_it_is_written(share: Share) -> None:
    assert Share.parse(str(share)) == share


@pytest.mark.parametrize(
    "text", ["", "1", "2/2", "-1/2", "1/0", "0/0", "a/b", "1/2/3", " 0/2", "\u0660/\u0662"]
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no share such as"):
        Share.parse(text)


@pytest.mark.parametrize(
    ("runs", "most", "processes"),
    [
        *((0, 8, 1), (1, 8, 1), (3000, 8, 1), (3001, 8, 2), (6000, 8, 2), (6001, 8, 3)),
        *((10_000, 8, 4), (10_000, 2, 2), (10_000, 1, 1), (1_000_000, 8, 8)),
    ],
)
def test_another_process_for_each_further_three_thousand(
    runs: int, most: int, processes: int
) -> None:
    assert processes_for(runs, most=most) == processes
