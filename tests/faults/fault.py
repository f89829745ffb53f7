"""A fault and the metric that shows it: a row of the table is one of these. `faults` has all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.faults.service import Service
from tests.faults.stack import Shape
from tests.faults.strikes import Scene


@dataclass(frozen=True)
class Sign:
    """A metric that must move when the fault strikes, so that no fault goes unseen."""

    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.metric}{{{labels}}}" if labels else self.metric


@dataclass(frozen=True)
class Fault:
    """A row of the table. `may_tell`: events may be lost if clients are told; `dead`: expected dead letters;
    `keeps_all`: every message must be on the bus at the end; `may_repeat`: what the old server had, but not
    confirmed, may come again, and clients are told; `forgets`: Redis removes messages before they are read,
    and their ids;
    `fifo_too`: it concerns the poller, so it has another row with a FIFO queue; `past`: clients subscribe
    with past events, again and again; with `latest` only the newest of each key counts; `presence`: they come
    and go in rooms where they watch who is there, and are told the right count at the end; `acks`: most of
    the messages have to be acknowledged, and may come again if they say so; `holds`: each client has a room
    of its own, comes to it late, and half of them leave again and again: what is for them is held.
    """

    name: str
    strike: Callable[[Scene], None]
    shape: Shape = field(default_factory=Shape)
    sign: Sign | None = None
    may_tell: bool = False
    dead: int = 0
    keeps_all: bool = False
    may_repeat: bool = False
    forgets: bool = False
    fifo_too: bool = False
    past: bool | Literal["latest"] = False
    presence: bool = False
    acks: bool = False
    holds: bool = False

    def noted(self, services: Sequence[Service]) -> dict[int, float]:
        """Return the current value of the sign in each process, by its id."""
        if self.sign is None:
            return {}
        return {
            service.process.pid: service.total(self.sign.metric, **self.sign.labels) for service in services
        }

    def on_fifo(self) -> "Fault":
        """Return the same fault on a FIFO queue."""
        return replace(self, name=f"{self.name} (FIFO)", shape=replace(self.shape, fifo=True))

    def with_replicas_ack(self) -> "Fault":
        """Return the same fault where replicas confirm every record: then Redis may lose nothing."""
        waits = {"QUEUECAST_REPLICAS_ACK": "1"}
        shape = replace(
            self.shape, gateway={**self.shape.gateway, **waits}, poller={**self.shape.poller, **waits}
        )
        name = f"{self.name}, replicas confirm"
        return replace(self, name=name, shape=shape, sign=UNPUBLISHED, keeps_all=True, may_repeat=True)

    def with_min_replicas(self) -> "Fault":
        """Return the same fault where a primary without a replica takes no writes: nothing is repeated."""
        name = f"{self.name}, min-replicas-to-write"
        shape = replace(self.shape, never_alone=True)
        return replace(self, name=name, shape=shape, may_repeat=False, may_tell=False)


def failures(call: str, reason: str) -> Sign:
    return Sign("queuecast_poller_sqs_failures_total", {"call": call, "reason": reason})


RESUMED = Sign("queuecast_gateway_bus_resumes_total")
GAPS = Sign("queuecast_gateway_bus_gaps_total")
REWOUND = Sign("queuecast_gateway_bus_gaps_total", {"reason": "rewound"})
UNPUBLISHED = Sign("queuecast_poller_publish_failures_total")
REDELIVERED = Sign("queuecast_poller_redelivered_total")
DUPLICATES = Sign("queuecast_poller_duplicates_total")
ALTERED = Sign("queuecast_poller_left_total", {"reason": "altered"})
NOT_JSON = Sign("queuecast_poller_left_total", {"reason": "not_json"})
SLOW = Sign("queuecast_gateway_disconnects_total", {"reason": "slow"})
RECOVERED = Sign("queuecast_gateway_recoveries_total", {"outcome": "recovered"})
UNAVAILABLE = Sign("queuecast_gateway_api_requests_total", {"status": "503"})
CAME = Sign("queuecast_poller_holds_total", {"outcome": "came"})
VANISHED = Sign("queuecast_gateway_disconnects_total", {"reason": "ping_timeout"})
