"""botocore's service models, as moto loads them."""

from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model


class ServiceModels:
    """Keeps the models it has loaded, and what was looked up in them."""

    def __init__(self) -> None:
        self._services: dict[str, Any] = {}
        self._operations: dict[tuple[str, str], Any] = {}

    def service(self, service: str) -> Any:
        """The model of a service, by boto3's name for it."""
        if service not in self._services:
            self._services[service] = get_service_model(service)
        return self._services[service]

    def operation(self, service: str, operation: str) -> Any:
        """The model of an operation, by its API name."""
        key = (service, operation)
        if key not in self._operations:
            self._operations[key] = self.service(service).operation_model(operation)
        return self._operations[key]

    def protocol(self, service: str) -> str:
        """The protocol boto3 speaks where moto does too: CloudWatch's is JSON, not CBOR."""
        protocol = str(self.service(service).metadata.get("protocol"))
        return protocol if protocol in PROTOCOL_PARSERS else "json"
