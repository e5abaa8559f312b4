"""Every machine of the run, and its volumes, is called for it; nobody else's is."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dcp_engine.defaults import Settings
from dcp_engine.model import RequestKind, State
from dcp_engine.simulation.faults import Fault
from dcp_engine.simulation.server import SimulatedAws
from tests.engine.fleet_watch import (
    NEVER,
    WORKS,
    labelling,
    names,
    scene,
    volumes,
    watch,
    watched,
)
from tests.engine.rig import Killed, Rig, leftovers

# Their alarms would end the machines that do nothing.
NO_ALARMS = Settings(ensure_alarms=False)


def test_what_nobody_named_is_named_and_what_somebody_named_is_not(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(NO_ALARMS)
    launch = scene(aws, tmp_path, NEVER, NEVER, WORKS)
    neighbour = scene(aws, tmp_path, NEVER, name="Exp10")
    run = watched(rig, launch)
    nameless, persons, works = launch.instance_ids
    theirs = aws.client("ec2")
    theirs.create_tags(
        Resources=[persons, volumes(aws, nameless)[0]], Tags=[{"Key": "Name", "Value": "Ada's"}]
    )
    theirs.create_tags(Resources=[nameless], Tags=[{"Key": "Grant", "Value": "R01"}])
    watch(rig, run, 40)
    now = names(aws)
    assert now[nameless] == now[works] == "Exp1Worker"
    assert now[persons] == "Ada's"
    assert [now[v] for v in volumes(aws, nameless)] == ["Ada's", "Exp1Worker"]
    for one in (persons, works):
        assert {now[v] for v in volumes(aws, one)} == {"Exp1Worker"}
    (theirs_too,) = neighbour.instance_ids
    assert {now[i] for i in (theirs_too, *volumes(aws, theirs_too))} == {""}
    tags = aws.world.moto.backend("ec2", aws.region).tags[nameless]
    assert tags == {
        "Name": "Exp1Worker",
        "Grant": "R01",
        "aws:ec2spot:fleet-request-id": launch.fleet_id,
    }
    (told,) = rig.events(run, "labels")
    assert told.text == "Naming 1 machine and 3 volumes Exp1Worker, which had no name."
    assert len(labelling(aws)) == 1


def test_who_may_not_is_told_so_once_and_goes_on_when_it_is_allowed(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(NO_ALARMS)
    launch = scene(aws, tmp_path, NEVER)
    aws.faults.add(
        "ec2:CreateTags",
        Fault.DENIED,
        times=None,
        match=lambda params: params["Tags"][0]["Key"] == "Name",
    )
    now = watch(rig, watched(rig, launch), 120, step=10)
    problem = now.problem("duty-labels")
    assert problem is not None
    assert problem.needs_person
    assert "grant ec2:CreateTags" in problem.text
    assert len(rig.events(now, "labels")) == 1
    assert now.state is State.RUNNING
    assert [p.name for p in now.problems if p.name.startswith("duty-")] == ["duty-labels"]
    aws.faults.clear()
    now = watch(rig, now, 70, step=10)
    assert now.problem("duty-labels") is None
    assert {*names(aws).values()} == {"Exp1Worker"}


def test_lost_replies_and_dying_processes_do_it_once_more_and_no_harm(
    aws: SimulatedAws, make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(NO_ALARMS)
    launch = scene(aws, tmp_path, NEVER, NEVER)
    run = watched(rig, launch)
    aws.faults.add(
        "ec2:CreateTags", Fault.REPLY_LOST, match=lambda p: p["Tags"][0]["Key"] == "Name"
    )
    rig.kill_at("after aws ec2:CreateTags")
    with pytest.raises(Killed):
        watch(rig, run, 40)
    rig.restart(died=True)
    watch(rig, run, 20, step=10)
    assert {*names(aws).values()} == {"Exp1Worker"}
    assert rig.run(run).problem("duty-labels") is None
    assert len(rig.events(run, "labels")) == 1


def test_none_once_the_run_is_taken_down(aws: SimulatedAws, rig: Rig, tmp_path: Path) -> None:
    launch = scene(aws, tmp_path, NEVER, NEVER)
    run = watched(rig, launch)
    rig.ask(run, RequestKind.ABORT)
    rig.until_state(run, State.EXPORTED, every=timedelta(minutes=5))
    assert labelling(aws) == []
    own, _ = rig.split(launch)
    assert leftovers(own) == {}
