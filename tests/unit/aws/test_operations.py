"""The table of operations agrees with AWS's own models, and the gate with the table."""

from typing import Any

import botocore.session
import msgspec
import pytest

from dcp_engine.aws.operations import OPERATIONS, Operation
from dcp_engine.errors import NotOurs


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_it_is_as_aws_models_it(operation: Operation) -> None:
    service = botocore.session.get_session().get_service_model(operation.service)
    model = service.operation_model(operation.name)
    members: dict[str, Any] = dict(model.output_shape.members) if model.output_shape else {}
    assert set(operation.required) <= set(members)
    assert operation.token is None or operation.token in members
    asked: dict[str, Any] = dict(model.input_shape.members) if model.input_shape else {}
    assert operation.token is None or operation.token in asked
    has_token = {"nextToken", "NextToken"} & set(members)
    assert bool(has_token) == (operation.token is not None)


def test_each_is_declared_once() -> None:
    assert len({(each.label, each.purpose) for each in OPERATIONS}) == len(OPERATIONS)


def test_two_uses_of_one_operation_need_the_same() -> None:
    for one in OPERATIONS:
        twin = next(each for each in OPERATIONS if each.label == one.label)
        assert msgspec.structs.replace(one, purpose="") == msgspec.structs.replace(twin, purpose="")


CHANGES = [operation for operation in OPERATIONS if operation.changes]


@pytest.mark.parametrize("operation", CHANGES, ids=lambda operation: operation.label)
def test_every_change_has_a_rule_and_needs_all_its_parameters(
    bench: Any, operation: Operation
) -> None:
    with pytest.raises(NotOurs) as caught:
        bench.edge.once(operation)
    assert "the rule knows" in str(caught.value)


def test_a_change_without_a_rule_is_refused(bench: Any) -> None:
    stop = Operation(service="ec2", name="StopInstances", changes=True, permission=None)
    with pytest.raises(NotOurs, match="no rule"):
        bench.edge.once(stop, InstanceIds=[bench.MACHINES[0]])
    assert bench.line.calls == []


def test_reads_are_named_as_reads() -> None:
    reads = ("Get", "Describe", "List", "Head", "Filter")
    for operation in OPERATIONS:
        assert operation.changes != operation.name.startswith(reads)
