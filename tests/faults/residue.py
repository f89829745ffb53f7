"""What a fault leaves behind in the services: memory, descriptors, connections, messages in flight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.faults.service import Service

CONNECTIONS = "queuecast_gateway_connections"
IN_FLIGHT = "queuecast_poller_in_flight"
BEHIND = "queuecast_gateway_behind_seconds"
HOLDS = "queuecast_poller_holds_total"


class Counting(Protocol):
    """Whatever has metrics."""

    def total(self, metric: str, **labels: str) -> float: ...


@dataclass(frozen=True, slots=True)
class Footprint:
    """One process's memory and open descriptors, without those of browsers."""

    resident_kib: int
    descriptors: int


def footprints(services: Sequence[Service]) -> dict[int, Footprint]:
    """Return the footprint of each process, by its id."""
    return {
        service.process.pid: Footprint(
            service.resident_kib, service.descriptors - round(service.total(CONNECTIONS))
        )
        for service in services
    }


def growth(before: dict[int, Footprint], after: dict[int, Footprint]) -> Footprint:
    """Return the largest growth of any process; those that started or ended meanwhile do not count."""
    stayed = before.keys() & after.keys()
    return Footprint(
        max((after[pid].resident_kib - before[pid].resident_kib for pid in stayed), default=0),
        max((after[pid].descriptors - before[pid].descriptors for pid in stayed), default=0),
    )


def total(services: Sequence[Counting], metric: str, **labels: str) -> float:
    """Return the sum of a metric over services."""
    return sum(service.total(metric, **labels) for service in services)
