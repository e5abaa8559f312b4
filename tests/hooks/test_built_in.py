"""The engine's own behaviours use nothing that a third party cannot."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import dcp_engine.builtin
from dcp_engine.builtin import built_in
from dcp_engine.model import State
from dcp_engine.simulation.launch import launch_run
from dcp_engine.simulation.server import SimulatedAws
from tests.engine import rig as rigs
from tests.engine.rig import Rig, leftovers

FOLDER = Path(dcp_engine.builtin.__file__).parent
# What docs/writing-plugins.md says that a plugin may rely on,
PUBLIC = {"hookspecs", "model", "errors", "ports", "series", "defaults"}
# and what does nothing but to work out an answer.
PURE = {"words", "partition", "emptiness", "builtin", "rates", "progress", "money"}
PURE |= {"picture", "report"}


def imported(file: Path) -> set[str]:
    """The modules of ours that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dcp_engine."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("dcp_engine")}
    return found


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: file.stem)
def test_they_import_what_anyone_may(file: Path) -> None:
    assert imported(file) <= PUBLIC | PURE


def test_as_somebody_elses_plugins_they_see_a_run_to_its_end(
    aws: SimulatedAws,
    make_rig: Callable[..., Rig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rigs, "built_in", dict)
    rig = make_rig(plugins=built_in())
    assert {facts.origin for facts in rig.plugins.facts()} == {"added"}
    launch = launch_run(aws, "Exp1", jobs=20, machines=4, directory=tmp_path)
    done = rig.until_state(rig.register(launch).run, State.EXPORTED)
    assert rig.plugins.failures == []
    assert (done.outcome, done.problems) == ("completed", ())
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
    assert launch.all_jobs_done()
    assert {task["log_group"] for task in own["exports"].values()} == set(done.names.log_groups)
