"""What goes wrong in a rehearsal is chosen by the seed, and never so that it could not end."""

import os
import re
from pathlib import Path

import pytest

from dcp_engine.simulation.rehearsal_plan import ENGINE_SETTINGS, VISIBILITY_TIMEOUT, Plan
from dcp_engine.simulation.runs import Behaviour
from dcp_engine.simulation.surroundings import no_own_aws
from dcp_engine.simulation.timings import Timings


def test_the_same_seed_has_the_same_things_go_wrong() -> None:
    assert Plan(seed=7).scenario == Plan(seed=7).scenario
    assert len({Plan(seed=seed).scenario for seed in range(10)}) > 1


def test_by_default_something_of_everything_happens() -> None:
    scenario = Plan().scenario
    assert set(scenario.script) == set(Behaviour)
    assert len(scenario.poison_jobs) == 1


@pytest.mark.parametrize("machines", range(1, 51))
@pytest.mark.parametrize("cheapest", [False, True])
def test_somebody_works(machines: int, cheapest: bool) -> None:
    for jobs in (1, machines, 2000):
        script = Plan(jobs=jobs, machines=machines, cheapest=cheapest).scenario.script
        assert len(script) == machines
        assert Behaviour.WORKS in script or machines == 1
        # One that never begins is never replaced: the last place must not be its.
        if cheapest or jobs < 4 * machines:
            assert Behaviour.NEVER_STARTS not in script


def test_a_job_comes_back_after_its_time_and_before_the_others_are_gone() -> None:
    timings = Timings.fast()
    assert timings.job_duration[1] < VISIBILITY_TIMEOUT < timings.idle_alarm_after


def test_the_page_shows_the_settings_that_are_used() -> None:
    page = Path(__file__).parents[2] / "docs" / "demo.md"
    shown = re.findall(r"^\| `(DCP_ENGINE_\w+)` \| (\w+) \|", page.read_text("utf-8"), re.MULTILINE)
    assert dict(shown) == ENGINE_SETTINGS


def test_ones_own_aws_is_out_of_sight_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("https_proxy", "http://proxy.example")
    monkeypatch.setenv("DCP_ENGINE_DB", "mine.db")
    before = dict(os.environ)
    with no_own_aws():
        assert not {"AWS_PROFILE", "https_proxy", "DCP_ENGINE_DB"} & set(os.environ)
        assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
        assert os.environ["PATH"] == before["PATH"]
    assert dict(os.environ) == before
