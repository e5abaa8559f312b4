"""Makes every single operation, as whoever a test says."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from dcp_engine.aws import operations as op
from dcp_engine.aws.edge import Edge
from dcp_engine.aws.gate import Gate
from dcp_engine.aws.operations import Operation
from dcp_engine.aws.session import Sessions
from dcp_engine.errors import AwsError
from dcp_engine.model import Run, State
from tests.contract.requests import own
from tests.contract.scene import Scene

USER = "engine"
_FOR_THE_LIVING = (op.PUT_ALARM, op.LABEL_MACHINES, op.END_UNJOINED)


class Asker:
    """The engine's edge with one person's credentials."""

    def __init__(
        self,
        scene: Scene,
        sessions: Sessions,
        environment: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`environment` has the credentials in it, from which clients are made."""
        self._scene = scene
        self._state = scene.run.state
        self._requests = own(scene)
        self._environment = environment
        self._edge = Edge(
            lambda service: sessions.client(service, scene.run.region),
            gate=Gate(self._run, lambda: scene.machines, end_unjoined=True),
            guard=lambda: None,
            clock=scene.backend.clock,
            rng=random.Random(5),
            deadline=1e9,
        )

    def ask(self, operation: Operation) -> dict[str, Any] | AwsError:
        """The answer, or what the engine made of a refusal."""
        self._state = State.RUNNING if operation in _FOR_THE_LIVING else State.TEARDOWN
        with self._environment():
            try:
                return self._edge.call(operation, **self._requests[operation])
            except AwsError as error:
                return error

    def _run(self) -> Run:
        """The run, in a state in which the operation is allowed."""
        return msgspec.structs.replace(self._scene.run, state=self._state)
