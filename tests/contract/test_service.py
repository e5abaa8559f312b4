"""The service (Amazon ECS API Reference: DescribeServices, UpdateService, DeleteService)."""

import pytest

from dcp_engine.aws import operations as op
from dcp_engine.errors import Busy
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.DESCRIBE_SERVICES)
def test_a_service_in_a_cluster_that_never_was_is_none(scene: Scene) -> None:
    assert scene.aws.service.describe() is None


@calls(op.DESCRIBE_SERVICES)
def test_a_service_that_never_was_is_none(scene: Scene) -> None:
    scene.make_cluster()
    assert scene.aws.service.describe() is None


@calls(op.DESCRIBE_SERVICES)
def test_a_live_one_is_told_with_its_identity(scene: Scene) -> None:
    scene.make_cluster()
    before = scene.backend.now().replace(microsecond=0)
    revision = scene.make_service(2)
    facts = scene.aws.service.describe()
    assert facts is not None
    assert (facts.status, facts.desired, facts.task_definition) == ("ACTIVE", 2, revision)
    assert before <= facts.created_at <= scene.backend.now()


@calls(op.UPDATE_SERVICE, op.DELETE_SERVICE, op.DESCRIBE_SERVICES)
def test_it_ends_from_a_desired_count_of_zero(scene: Scene) -> None:
    scene.make_cluster()
    scene.make_service(2)
    with pytest.raises(Busy):
        scene.aws.service.delete()
    scene.aws.service.scale_to_zero()
    facts = scene.aws.service.describe()
    assert facts is not None
    assert (facts.status, facts.desired) == ("ACTIVE", 0)
    scene.aws.service.delete()
    facts = scene.aws.service.describe()
    assert facts is None or facts.status in {"DRAINING", "INACTIVE"}


@calls(op.UPDATE_SERVICE, op.DELETE_SERVICE, op.DESCRIBE_SERVICES)
def test_ending_one_that_has_ended_is_fine(scene: Scene) -> None:
    scene.make_cluster()
    scene.make_service(0)
    scene.aws.service.delete()
    scene.backend.wait(120)
    facts = scene.aws.service.describe()
    assert facts is None or facts.status == "INACTIVE"
    scene.aws.service.scale_to_zero()
    scene.aws.service.delete()
    facts = scene.aws.service.describe()
    assert facts is None or facts.status == "INACTIVE"


@calls(op.UPDATE_SERVICE, op.DELETE_SERVICE)
@pytest.mark.parametrize("cluster", [True, False], ids=["cluster", "no-cluster"])
def test_ending_one_that_never_was_is_fine(scene: Scene, cluster: bool) -> None:
    if cluster:
        scene.make_cluster()
    scene.aws.service.scale_to_zero()
    scene.aws.service.delete()
    assert scene.aws.service.describe() is None
