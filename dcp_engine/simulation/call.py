"""A call of a simulated operation, and what its handler can do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dcp_engine.simulation.service_error import AwsError
from dcp_engine.simulation.world import World


@dataclass(frozen=True)
class Call:
    """One call, with its parameters named as in boto3."""

    world: World
    service: str
    operation: str
    region: str
    access_key: str
    params: Mapping[str, Any]

    def moto(self, **changed: Any) -> dict[str, Any]:
        """moto's answer to the same call; `changed` parameters replace, None leaves one out."""
        params = {**self.params, **changed}
        given = {name: value for name, value in params.items() if value is not None}
        answer: dict[str, Any] = self.world.moto.client(self.service, self.region).call(
            self.operation, given
        )
        return answer

    def moment(self, name: str, default: datetime | None = None) -> datetime:
        """A parameter that is a moment, in UTC whatever the protocol makes of it."""
        found = self.params.get(name, default)
        assert isinstance(found, datetime)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def backend(self) -> Any:
        """moto's own objects of the service."""
        return self.world.moto.backend(self.service, self.region)


Handler = Callable[[Call], dict[str, Any]]
"""Carries out a call and gives its result keyed as in boto3, or raises AwsError."""


def page_of(
    items: Sequence[Any], token: str | None, size: int, *, bad_token: AwsError
) -> tuple[list[Any], str | None]:
    """One page and the token of the next; a token is the position it goes on from."""
    start = 0
    if token:
        if not token.startswith("page-") or not token[5:].isdigit():
            raise bad_token
        start = int(token[5:])
    end = start + size
    return list(items[start:end]), f"page-{end}" if end < len(items) else None
