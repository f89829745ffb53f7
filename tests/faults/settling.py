"""What must be true once the load has ended: nothing is under way, and nobody is missing."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.claims import eventually
from tests.faults.crowd import Crowd
from tests.faults.residue import BEHIND, CONNECTIONS, IN_FLIGHT, Counting, total

SETTLE_SECONDS = 90.0
QUIET_SECONDS = 1.5
NOT_BEHIND_SECONDS = 0.5


class Replica(Counting, Protocol):
    """One process of a service."""

    @property
    def running(self) -> bool: ...


class Depth(Protocol):
    """A queue that says how many messages are on it."""

    def depth(self) -> int: ...


class Settling(Protocol):
    """The services and their queue."""

    @property
    def gateways(self) -> Sequence[Replica]: ...
    @property
    def pollers(self) -> Sequence[Replica]: ...
    @property
    def queue(self) -> Depth: ...


def unsettled(stack: Settling, crowd: Crowd) -> list[str]:
    """Wait until nothing is under way any more; return what does not settle."""
    gateways = [service for service in stack.gateways if service.running]
    pollers = [service for service in stack.pollers if service.running]
    claims: dict[str, Callable[[], bool]] = {
        "the queue is not empty": lambda: stack.queue.depth() == 0,
        "clients are missing": lambda: crowd.status().joined == crowd.clients,
        "gateways have not read everything": lambda: total(gateways, BEHIND) < NOT_BEHIND_SECONDS,
        "clients still receive": _Quiet(crowd),
        "gateways count connections without a client": lambda: total(gateways, CONNECTIONS) == crowd.clients,
        "pollers hold messages": lambda: total(pollers, IN_FLIGHT) == 0,
    }
    return [trouble for trouble, claim in claims.items() if not comes_true(claim)]


class _Quiet:
    """True once no client has received anything for a while."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._deliveries = -1
        self._since = 0.0

    def __call__(self) -> bool:
        deliveries, now = self._crowd.status().deliveries, time.monotonic()
        if deliveries != self._deliveries:
            self._deliveries, self._since = deliveries, now
        return now - self._since > QUIET_SECONDS


def comes_true(claim: Callable[[], bool]) -> bool:
    """Say whether this becomes true within the time that everything has to settle."""
    try:
        return eventually(claim, SETTLE_SECONDS)
    except AssertionError:
        return False
