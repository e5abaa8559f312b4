"""Spot fleets (Amazon EC2 API Reference: the operations that are named)."""

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.driver_tag import KEY
from dcp_engine.errors import Missing
from dcp_engine.model import Cancelled
from tests.contract.calls import calls
from tests.contract.scene import Scene

NEVER = "sfr-00000000-0000-4000-8000-ffffffffffff"


@calls(op.DESCRIBE_FLEETS, op.DESCRIBE_FLEET_INSTANCES, op.DESCRIBE_FLEET_HISTORY)
def test_one_that_aws_does_not_know_spoils_nothing_for_the_others(scene: Scene) -> None:
    fleet_id, machines = scene.backend.fleet(2)
    facts = scene.aws.capacity.describe([NEVER, fleet_id])
    assert facts[NEVER] is None
    known = facts[fleet_id]
    assert known is not None
    assert (known.state, known.type, known.target) == ("active", "maintain", 2)
    assert set(scene.aws.capacity.machines(fleet_id)) == set(machines)
    assert scene.aws.capacity.troubles(fleet_id, scene.run.earliest_start) == ()
    with pytest.raises(Missing):
        scene.aws.capacity.machines(NEVER)
    with pytest.raises(Missing):
        scene.aws.capacity.troubles(NEVER, scene.run.earliest_start)


@calls(op.MODIFY_FLEET, op.CANCEL_FLEETS)
def test_it_is_lowered_without_ending_a_machine_and_then_cancelled(scene: Scene) -> None:
    fleet_id, machines = scene.backend.fleet(3)
    scene.own_fleets(fleet_id, NEVER)
    assert scene.aws.capacity.lower_target(fleet_id, 1) == (3, 1)
    scene.backend.wait(60)
    assert set(scene.aws.capacity.machines(fleet_id)) == set(machines)
    cancelled = scene.aws.capacity.cancel([NEVER, fleet_id])
    assert cancelled == {NEVER: Cancelled.UNKNOWN, fleet_id: Cancelled.ACCEPTED}
    scene.backend.wait(60)
    assert set(scene.aws.machines.states(machines).values()) <= {"shutting-down", "terminated"}


@calls(op.CREATE_TAGS, op.DELETE_TAGS)
def test_the_mark_of_who_drives_replaces_another_and_goes_again(scene: Scene) -> None:
    fleet_id, _ = scene.backend.fleet(1)
    scene.own_fleets(fleet_id)
    scene.client("ec2").create_tags(Resources=[fleet_id], Tags=[{"Key": "Name", "Value": "mine"}])
    before = scene.backend.tags(fleet_id)
    scene.aws.capacity.claim([fleet_id], "first")
    scene.aws.capacity.claim([fleet_id], "second")
    assert scene.backend.tags(fleet_id) == {**before, KEY: "second"}
    scene.aws.capacity.disclaim([fleet_id], "second")
    scene.aws.capacity.disclaim([fleet_id], "second")
    assert scene.backend.tags(fleet_id) == before
