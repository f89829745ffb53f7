"""Everything that the two services expose, from their own registries, before anything has happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from prometheus_client import CollectorRegistry

from queuecast_edge.metrics import new_registry
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_poller.metrics import Metrics as PollerMetrics


@dataclass
class Known:
    """A metric in a registry: its type, and the values of each label."""

    type: str
    labels: dict[str, set[str]] = field(default_factory=dict)


@cache
def known() -> Mapping[str, Known]:
    """Return everything that the two services expose, by sample name."""
    found: dict[str, Known] = {}
    for registry in (_registry("queuecast_gateway"), _registry("queuecast_poller")):
        for family in registry.collect():
            for sample in family.samples:
                one = found.setdefault(sample.name, Known(family.type))
                for label, value in sample.labels.items():
                    one.labels.setdefault(label, set()).add(value)
                    if label == "le":
                        # OpenTelemetry's receivers and collectors write whole numbers this way.
                        one.labels[label].add(value.removesuffix(".0"))
    return found


def _registry(package: str) -> CollectorRegistry:
    registry = new_registry(package, "unknown")
    if package == "queuecast_gateway":
        GatewayMetrics(registry)
        ApiMetrics(registry)
    else:
        PollerMetrics(registry).for_queue("orders")
    return registry
