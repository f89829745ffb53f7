"""The faults, each a row of the table: how it strikes, what it needs of the stack, where it must be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.faults import strikes
from tests.faults.service import Service
from tests.faults.stack import Shape
from tests.faults.strikes import POISON, STORM_NAMESPACE, Scene, sqs


@dataclass(frozen=True)
class Sign:
    """A metric of ours that must move when the fault strikes: nothing happens unseen."""

    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return f"{self.metric}{{{labels}}}" if labels else self.metric


@dataclass(frozen=True)
class Fault:
    """A row of the table. `may_tell`: what is lost must only be told; `dead`: dead letters afterwards;
    `fifo_too`: it concerns the poller, so that it is a row on a FIFO queue as well.
    """

    name: str
    strike: Callable[[Scene], None]
    shape: Shape = field(default_factory=Shape)
    sign: Sign | None = None
    may_tell: bool = False
    dead: int = 0
    fifo_too: bool = False

    def noted(self, services: Sequence[Service]) -> float:
        """Return what the sign shows now."""
        if self.sign is None:
            return 0
        return sum(service.total(self.sign.metric, **self.sign.labels) for service in services)

    def on_fifo(self) -> "Fault":
        """Return the same on a FIFO queue."""
        return replace(self, name=f"{self.name} (FIFO)", shape=replace(self.shape, fifo=True))


def failures(call: str, reason: str) -> Sign:
    return Sign("queuecast_poller_sqs_failures_total", {"call": call, "reason": reason})


RESUMED = Sign("queuecast_gateway_bus_resumes_total")
REWOUND = Sign("queuecast_gateway_bus_gaps_total", {"reason": "rewound"})
UNPUBLISHED = Sign("queuecast_poller_publish_failures_total")
DUPLICATES = Sign("queuecast_poller_duplicates_total")
ALTERED = Sign("queuecast_poller_left_total", {"reason": "altered"})
NOT_JSON = Sign("queuecast_poller_left_total", {"reason": "not_json"})
SLOW = Sign("queuecast_gateway_disconnects_total", {"reason": "slow"})
RECOVERED = Sign("queuecast_gateway_recoveries_total", {"outcome": "recovered"})
VANISHED = Sign("queuecast_gateway_disconnects_total", {"reason": "ping_timeout"})

SHORT_BUFFER = {
    "QUEUECAST_MAX_BUFFERED_BYTES": str(1 << 16),
    "QUEUECAST_MAX_RECORD_BYTES": str(1 << 15),
    "QUEUECAST_MAX_REPLAY_BYTES": str(1 << 15),
}
SHORT_PING = {"QUEUECAST_PING_INTERVAL_SECONDS": "2", "QUEUECAST_PING_TIMEOUT_SECONDS": "2"}
ROOM_FOR_A_STORM = {"QUEUECAST_NAMESPACES": f"/,{STORM_NAMESPACE}"}
UNTIL_ALL_HANG_SECONDS = 5
"""Every receive of the poller is under way then; each is given up eleven seconds after it began."""

STANDARD = (
    Fault("nothing happens", strikes.nothing, fifo_too=True),
    Fault("Redis restarts with its data", strikes.redis_restarts, sign=RESUMED, fifo_too=True),
    Fault("Redis is cut off silently for 30 s", strikes.redis_falls_silent, sign=RESUMED, fifo_too=True),
    Fault(
        "every connection of Redis is killed",
        strikes.redis_connections_are_killed,
        sign=RESUMED,
        fifo_too=True,
    ),
    Fault("Redis stalls for 10 s", strikes.redis_stalls, sign=UNPUBLISHED, fifo_too=True),
    Fault("Redis is full for 5 s", strikes.redis_is_full, sign=UNPUBLISHED, fifo_too=True),
    Fault(
        "Redis loses its data",
        strikes.redis_loses_its_data,
        Shape(keeps_data=False),
        REWOUND,
        may_tell=True,
        fifo_too=True,
    ),
    Fault("a gateway gets SIGTERM", strikes.a_gateway_is_told_to_stop, sign=RECOVERED),
    Fault("a gateway is killed", strikes.a_gateway_is_killed, sign=RECOVERED),
    Fault("a gateway stands still for 10 s", strikes.a_gateway_stands_still),
    Fault(
        "a poller is killed between publish and delete",
        strikes.a_poller_dies_before_it_deletes,
        sign=DUPLICATES,
        fifo_too=True,
    ),
    Fault("a poller gets SIGTERM under load", strikes.a_poller_is_told_to_stop, fifo_too=True),
    Fault("one of two pollers is killed", strikes.one_of_two_pollers_dies, Shape(pollers=2), fifo_too=True),
    Fault(
        "SQS answers 500",
        sqs("status", status=500, chance=0.7),
        sign=failures("receive", "server_error"),
        fifo_too=True,
    ),
    Fault(
        "SQS answers 503", sqs("status", status=503), sign=failures("receive", "server_error"), fifo_too=True
    ),
    Fault(
        "SQS throttles",
        sqs("error", status=400, code="RequestThrottled", chance=0.7),
        sign=failures("receive", "throttled"),
        fifo_too=True,
    ),
    Fault(
        "SQS hangs past the read timeout",
        sqs("hang", "ReceiveMessage", UNTIL_ALL_HANG_SECONDS, seconds=60),
        sign=failures("receive", "timeout"),
        fifo_too=True,
    ),
    Fault(
        "receives are reset after the action",
        sqs("reset_after", "ReceiveMessage", 5, chance=0.3),
        sign=failures("receive", "connection"),
        fifo_too=True,
    ),
    Fault(
        "batch deletes fail in parts",
        sqs("fail_entries", "DeleteMessageBatch", 5),
        sign=failures("delete", "server_error"),
        fifo_too=True,
    ),
    Fault(
        "SQS delivers twice",
        sqs("duplicate", "ReceiveMessage", 5, chance=0.3),
        sign=DUPLICATES,
        fifo_too=True,
    ),
    Fault("SQS alters a body", sqs("corrupt", "ReceiveMessage", 5, chance=0.3), sign=ALTERED, fifo_too=True),
    Fault(
        "credentials are expired for 20 s",
        sqs("error", lasts=20, status=403, code="ExpiredToken"),
        sign=failures("receive", "credentials"),
        fifo_too=True,
    ),
    Fault(
        "poison among good messages",
        strikes.poison_is_sent,
        Shape(max_receives=3),
        NOT_JSON,
        dead=POISON,
        fifo_too=True,
    ),
    Fault("a client stops reading", strikes.a_client_stops_reading, Shape(gateway=SHORT_BUFFER), SLOW),
    Fault("20 connections vanish half-open", strikes.connections_vanish, Shape(gateway=SHORT_PING), VANISHED),
    Fault("500 clients connect in a second", strikes.a_storm_of_connects, Shape(gateway=ROOM_FOR_A_STORM)),
)
FAULTS = (*STANDARD, *(fault.on_fifo() for fault in STANDARD if fault.fifo_too))
