"""Metrics as text, and back: both by the official library."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Name and labels → value."""


class _Given(Collector):
    """Collects what it was given."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def text_of(families: Iterable[Metric]) -> str:
    """OpenMetrics text of these and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


def values_in(text: str) -> Samples:
    """Every sample in an OpenMetrics text. Raises ValueError where it is none."""
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
