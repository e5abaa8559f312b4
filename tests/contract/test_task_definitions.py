"""Task definitions (Amazon ECS API Reference: ListTaskDefinitions, DeregisterTaskDefinition)."""

from dcp_engine.aws import operations as op
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.LIST_TASK_DEFINITIONS)
def test_there_are_none_of_a_family_that_never_was(scene: Scene) -> None:
    scene.make_task_definition(f"{scene.names.task_family}_v2")
    assert scene.aws.service.task_definitions() == ()


@calls(op.LIST_TASK_DEFINITIONS)
def test_all_pages_are_read_and_no_similar_family_is_taken(scene: Scene) -> None:
    own = {scene.make_task_definition() for _ in range(103)}
    for other in (f"{scene.names.task_family}_v2", f"A{scene.names.task_family}"):
        scene.make_task_definition(other)
    assert set(scene.aws.service.task_definitions()) == own


@calls(op.LIST_TASK_DEFINITIONS, op.DEREGISTER_TASK_DEFINITION)
def test_deregistering_is_for_once_and_for_all(scene: Scene) -> None:
    first, second = scene.make_task_definition(), scene.make_task_definition()
    never = f"{first.rpartition(':')[0]}:99"
    scene.record(task_definitions=(first, second, never))
    for arn in (first, first, never):
        scene.aws.service.deregister_task_definition(arn)
    assert scene.aws.service.task_definitions() == (second,)
