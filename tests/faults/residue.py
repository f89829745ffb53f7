"""What a fault leaves behind in the services: memory, descriptors, connections, messages in hand."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.service import Service

CONNECTIONS = "queuecast_gateway_connections"
IN_FLIGHT = "queuecast_poller_in_flight"


@dataclass(frozen=True, slots=True)
class Burden:
    """What one process carries; `descriptors` without those of browsers."""

    resident_kib: int
    descriptors: int


def burdens(services: Sequence[Service]) -> dict[int, Burden]:
    """Return what each process carries now, by its id."""
    return {
        service.process.pid: Burden(
            service.resident_kib, service.descriptors - round(service.total(CONNECTIONS))
        )
        for service in services
    }


def growth(before: dict[int, Burden], after: dict[int, Burden]) -> Burden:
    """Return by how much that of one process has grown at most; who is new or gone does not count."""
    stayed = before.keys() & after.keys()
    return Burden(
        max((after[pid].resident_kib - before[pid].resident_kib for pid in stayed), default=0),
        max((after[pid].descriptors - before[pid].descriptors for pid in stayed), default=0),
    )


def total(services: Sequence[Service], metric: str, **labels: str) -> float:
    """Return the sum of a metric over services."""
    return sum(service.total(metric, **labels) for service in services)
