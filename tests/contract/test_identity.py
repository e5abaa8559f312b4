"""Who we are (AWS Security Token Service API Reference, GetCallerIdentity)."""

from dcp_engine.aws import operations as op
from tests.contract.calls import calls
from tests.contract.scene import Scene


@calls(op.GET_CALLER_IDENTITY)
def test_the_account_is_that_of_the_key(scene: Scene) -> None:
    assert scene.aws.identity.account() == scene.backend.account
