"""Every operation by itself: who has it, who may make it, and how a refusal is understood.

ministack checks keys, signatures and policies by an IAM of its own, in each service's own spelling
(AWS IAM User Guide, "Policy evaluation logic").
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator

import pytest

import tests.contract
from dcp_engine.aws import operations as op
from dcp_engine.aws.operations import OPERATIONS, Operation
from dcp_engine.errors import AwsError, Credentials, Denied, Invalid
from tests.contract.asker import USER, Asker
from tests.contract.backends import OnMinistack
from tests.contract.calls import on
from tests.contract.lacking import LACKING, SAYS_UNKNOWN
from tests.contract.scene import Scene

Askers = Callable[[dict[str, str]], Asker]

BY_LABEL = {each.label: each for each in reversed(OPERATIONS)}
GRANTED = [each.label for each in BY_LABEL.values() if each.permission is not None]
ONLY_MINISTACK = pytest.mark.parametrize("backend", [OnMinistack.name], indirect=True)


@pytest.fixture
def file(scene: Scene) -> None:
    """The monitor file: S3 tells a missing one from a forbidden one only to who may list."""
    s3 = scene.client("s3")
    s3.create_bucket(Bucket=scene.names.bucket)
    s3.put_object(Bucket=scene.names.bucket, Key=scene.names.monitor_key, Body=b"{}")


def _covered() -> Iterator[tuple[str, Operation]]:
    """(emulator, operation) for everything that a test of this package says it is about."""
    for module in pkgutil.iter_modules(tests.contract.__path__, "tests.contract."):
        for member in vars(importlib.import_module(module.name)).values():
            for mark in getattr(member, "pytestmark", []):
                if mark.args[:1] == ("backend",):
                    for name in mark.args[1]:
                        yield from ((name, each) for each in getattr(member, "operations", ()))


def test_every_operation_is_tested_on_every_emulator_that_has_it() -> None:
    needed = {(name, each.label) for each in OPERATIONS for name in on(each)}
    assert {(name, each.label) for name, each in _covered()} == needed


@ONLY_MINISTACK
def test_what_it_lacks(scene: Scene, asker: Askers) -> None:
    root = asker(scene.backend.environment())
    unknown = set()
    for operation in OPERATIONS:
        answer = root.ask(operation)
        if isinstance(answer, AwsError) and answer.code in SAYS_UNKNOWN:
            assert type(answer) is Invalid
            unknown.add(operation)
    assert unknown == LACKING


@ONLY_MINISTACK
@pytest.mark.matrix("label", GRANTED, sample=4)
def test_without_its_permission_it_is_denied_in_words(
    label: str,
    scene: Scene,
    on_ministack: OnMinistack,
    user: dict[str, str],
    asker: Askers,
    file: None,
) -> None:
    operation = BY_LABEL[label]
    others = {each.permission for each in OPERATIONS if each.permission}
    others -= {operation.permission}
    on_ministack.allow(USER, _policy(*others, "s3:ListBucket"))
    answer = asker(user).ask(operation)
    assert type(answer) is Denied
    assert f"grant {operation.permission}" in str(answer)


@ONLY_MINISTACK
@pytest.mark.matrix("label", GRANTED, sample=4)
def test_its_permission_is_all_it_needs(
    label: str,
    scene: Scene,
    on_ministack: OnMinistack,
    user: dict[str, str],
    asker: Askers,
    file: None,
) -> None:
    operation = BY_LABEL[label]
    assert operation.permission is not None
    on_ministack.allow(USER, _policy(operation.permission))
    assert not isinstance(asker(user).ask(operation), Denied | Credentials)


@ONLY_MINISTACK
def test_everybody_may_ask_who_they_are(
    scene: Scene, on_ministack: OnMinistack, user: dict[str, str], asker: Askers
) -> None:
    on_ministack.allow(USER, _policy("sqs:GetQueueUrl"))
    answer = asker(user).ask(op.GET_CALLER_IDENTITY)
    assert not isinstance(answer, AwsError)
    assert answer["Account"] == scene.backend.account


@ONLY_MINISTACK
@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
@pytest.mark.matrix("label", [*BY_LABEL], sample=4)
def test_keys_that_are_not_accepted_are_a_matter_of_logging_in(
    label: str, wrong: str, scene: Scene, user: dict[str, str], asker: Askers, file: None
) -> None:
    operation = BY_LABEL[label]
    answer = asker({**user, wrong: "AKIANOBODYNOBODYNOBO"}).ask(operation)
    # HEAD has no body to tell why (Amazon S3 API Reference, HeadObject).
    assert type(answer) is (Denied if operation == op.HEAD_OBJECT else Credentials)
    assert "AKIANOBODY" not in str(answer)


def _policy(*actions: str) -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
