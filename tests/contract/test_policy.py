"""The policy that `dcp-engine iam-policy` prints, judged by ministack's IAM.

Which actions it grants is judged for every operation. Whose things it grants them for is judged
for queues and objects: only for those does ministack find out what a request is about (a request
of CloudWatch is about anything to it, one of ECS about the cluster, whatever it names).
"""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dcp_engine.aws import operations as op
from dcp_engine.aws.operations import OPERATIONS
from dcp_engine.errors import Denied
from dcp_engine.permissions import Scope, policy
from tests.contract.asker import USER, Asker
from tests.contract.backends import OnMinistack
from tests.contract.scene import Scene, names_of

Askers = Callable[[dict[str, str]], Asker]
pytestmark = pytest.mark.parametrize("backend", [OnMinistack.name], indirect=True)

NARROWED = frozenset(
    {
        op.GET_QUEUE_URL,
        op.GET_QUEUE_ATTRIBUTES,
        op.DELETE_QUEUE,
        op.HEAD_OBJECT,
        op.DELETE_OBJECT,
    }
)


@pytest.fixture
def buckets(scene: Scene) -> None:
    """The run's and a similar run's: S3 denies nothing in a bucket that does not exist."""
    for names in (scene.names, names_of(f"{scene.names.app_name}0")):
        scene.client("s3").create_bucket(Bucket=names.bucket)


def _anywhere(printed: dict[str, Any]) -> dict[str, Any]:
    """The same actions for anybody's things."""
    statements = [
        {key: each[key] for key in ("Effect", "Action")} | {"Resource": "*"}
        for each in printed["Statement"]
    ]
    return {**printed, "Statement": statements}


def _denied(asker: Asker) -> set[str]:
    return {each.label for each in OPERATIONS if isinstance(asker.ask(each), Denied)}


def test_it_grants_every_operation(
    scene: Scene, on_ministack: OnMinistack, user: dict[str, str], asker: Askers, buckets: None
) -> None:
    on_ministack.allow(USER, _anywhere(policy(Scope.of_run(scene.run))))
    assert _denied(asker(user)) == set()


def test_the_read_only_one_grants_no_change(
    scene: Scene, on_ministack: OnMinistack, user: dict[str, str], asker: Askers, buckets: None
) -> None:
    on_ministack.allow(USER, _anywhere(policy(Scope.of_run(scene.run), read_only=True)))
    denied = _denied(asker(user))
    assert {each.label for each in OPERATIONS if each.changes} <= denied
    counting = {op.GET_QUEUE_URL.label, op.GET_QUEUE_ATTRIBUTES.label, op.DESCRIBE_FLEETS.label}
    assert denied.isdisjoint(counting)


def test_it_is_for_the_run_s_own_things(
    scene: Scene, on_ministack: OnMinistack, user: dict[str, str], asker: Askers, buckets: None
) -> None:
    dead = f"arn:aws:sqs:{scene.run.region}:{scene.run.account}:{scene.names.app_name}DeadMessages"
    scene.record(dead_letter_queue_arn=dead)
    on_ministack.allow(USER, policy(Scope.of_run(scene.run)))
    narrowed = {each.label for each in NARROWED}
    assert _denied(asker(user)).isdisjoint(narrowed)
    # The same requests about a run whose name begins like this one's.
    scene.names = names_of(f"{scene.names.app_name}0")
    scene.run = msgspec.structs.replace(scene.run, names=scene.names)
    assert narrowed <= _denied(asker(user))
