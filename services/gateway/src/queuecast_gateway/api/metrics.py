"""The metrics of the HTTP API. They exist only where there is an API."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_gateway.api.operations import NO_ROUTE, NO_ROUTE_STATUSES, OPERATIONS

EVENT_OUTCOMES = ("stored", "duplicate")


class ApiMetrics:
    """The API's metrics of one gateway. All exist with 0 from the start."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "queuecast_gateway_api_requests",
            "Requests to the HTTP API, by operation and status; `none` is what was no request for any",
            ("route", "status"),
            registry=registry,
        )
        for operation in OPERATIONS:
            for status in operation.statuses:
                self.requests.labels(operation.name, str(status))
        for status in NO_ROUTE_STATUSES:
            self.requests.labels(NO_ROUTE, str(status))
        self.seconds = Histogram(
            "queuecast_gateway_api_seconds",
            "From the head of a request to the HTTP API to its answer",
            ("route",),
            registry=registry,
            buckets=LATENCY_BUCKETS,
        )
        for operation in OPERATIONS:
            self.seconds.labels(operation.name)
        self.events = Counter(
            "queuecast_gateway_api_events",
            "Events and commands of the HTTP API that Redis has: stored now, or stored before with the same "
            "Idempotency-Key",
            ("outcome",),
            registry=registry,
        )
        for outcome in EVENT_OUTCOMES:
            self.events.labels(outcome)
