"""The poller's metrics: declared here, counted where things happen. All exist with 0 from the start.

For each queue: received = published + duplicates + left + dropped + returned + in flight.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_poller.failure import Call, Failed, Failure, QueueUnavailable
from queuecast_poller.verdict import DropReason, Reason

CALLS: tuple[Call, ...] = tuple(call for call in Call if call is not Call.MOVE)
LOAD_OUTCOMES = ("taken", "refused")
CAUSES = ("rate", "lag")
"""What receives wait for: the queue's rate limit, or gateways that are behind."""
DRAIN_ENDS = ("drained", "seconds", "messages", "bytes", "stop")
"""What ends a drain: a receive that shows no backlog, a bound, or that the poller stops."""
RECEIVE_OUTCOMES = ("messages", "empty", "error")


class Metrics:
    """Every metric of the poller; `of` gives those of one queue."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"queuecast_poller_{name}", text, ("queue", *labels), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"queuecast_poller_{name}", text, ("queue",), registry=registry)

        def latency(name: str, text: str) -> Histogram:
            return Histogram(
                f"queuecast_poller_{name}_seconds",
                text,
                ("queue",),
                registry=registry,
                buckets=LATENCY_BUCKETS,
            )

        self.receives = counter("receives", "Receive calls, by outcome", "outcome")
        self.received = counter("received", "Messages that SQS handed out")
        self.redelivered = counter("redelivered", "Received messages that had been handed out before")
        self.published = counter("published", "Messages stored on the bus")
        self.duplicates = counter("duplicates", "Messages that the bus had stored before")
        self.left = counter("left", "Messages left on the queue, once for each receive", "reason")
        self.dead_letters = counter(
            "dead_letters", "Messages left at their last receive: they go to the dead-letter queue", "reason"
        )
        self.dropped = counter("dropped", "Messages deleted that are for nobody", "reason")
        self.returned = counter(
            "returned", "Messages given back unpublished, as the poller stops or lost them"
        )
        self.publish_failures = counter("publish_failures", "Tries to publish that Redis did not confirm")
        self.deleted = counter("deleted", "Messages deleted from the queue")
        self.delete_failures = counter("delete_failures", "Messages given up undeleted; they come back")
        self.extended = counter("extended", "Messages kept hidden, held for half their visibility timeout")
        self.sqs_failures = counter(
            "sqs_failures",
            "Calls to SQS that failed, and entries of batches that it refused",
            "call",
            "reason",
        )
        self.throttled_seconds = counter(
            "throttled_seconds", "Seconds for which receives waited, by what they waited for", "cause"
        )
        self.drains = counter(
            "drains", "Times that messages waited for newer ones of their `latest`, by what ended it", "cause"
        )
        self.latest_keys = gauge(
            "latest_keys", "Keys of `latest` of which it is known what was published last; 10,000 at most"
        )
        self.canaries = counter("canaries_sent", "Messages of the poller's own that it put on the queue")
        self.in_flight = gauge(
            "in_flight", "Messages received and not yet published, left, dropped or returned"
        )
        self.open_receives = gauge("open_receives", "Receives that are under way or about to be")
        self.loop_tick = gauge("loop_tick_timestamp_seconds", "When the intake loop last made a step")
        self.queue_wait = latency(
            "queue_wait", "From when a message could be received to received, first deliveries only"
        )
        self.handling = latency("handling", "From received to stored on the bus: judge and publish, a batch")
        self.publish_duration = latency("publish", "One confirmed publish of a batch")
        self.loop_lag = latency("loop_lag", "How late the loop of a queue's thread was, twice a second")

        self.routes = RoutesMetrics(registry)

    def of(self, queue: str) -> "QueueMetrics":
        return QueueMetrics(self, queue)


class RoutesMetrics:
    """The metrics of the routes file, which is one for all queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "queuecast_poller_routes"
        self._loads = Counter(f"{name}_loads", "Routes files that were read", ("outcome",), registry=registry)
        self._loaded = Gauge(
            f"{name}_loaded_timestamp_seconds",
            "When the routes in force were read; 0 without",
            registry=registry,
        )
        self._wrong = Gauge(
            f"{name}_wrong", "1 while the routes file is wrong, and an older one in force", registry=registry
        )
        for outcome in LOAD_OUTCOMES:
            self._loads.labels(outcome)

    def taken(self, now: float) -> None:
        """Count a file that is in force now (Unix time in seconds)."""
        self._loads.labels("taken").inc()
        self._loaded.set(now)
        self._wrong.set(0)

    def refused(self) -> None:
        """Count a file that is wrong."""
        self._loads.labels("refused").inc()
        self._wrong.set(1)


class QueueMetrics:
    """The metrics of one queue, its label filled in."""

    def __init__(self, metrics: Metrics, queue: str) -> None:
        def by(counter: Counter, values: Iterable[str]) -> dict[str, Counter]:
            return {value: counter.labels(queue, value) for value in values}

        self.receives = by(metrics.receives, RECEIVE_OUTCOMES)
        self.received = metrics.received.labels(queue)
        self.redelivered = metrics.redelivered.labels(queue)
        self.published = metrics.published.labels(queue)
        self.duplicates = metrics.duplicates.labels(queue)
        self.left = by(metrics.left, Reason)
        self.dead_letters = by(metrics.dead_letters, Reason)
        self.dropped = by(metrics.dropped, DropReason)
        self.returned = metrics.returned.labels(queue)
        self.publish_failures = metrics.publish_failures.labels(queue)
        self.deleted = metrics.deleted.labels(queue)
        self.delete_failures = metrics.delete_failures.labels(queue)
        self.extended = metrics.extended.labels(queue)
        self.sqs_failures = {
            (call, reason): metrics.sqs_failures.labels(queue, call, reason)
            for call in CALLS
            for reason in Failure
        }
        self.throttled_seconds = by(metrics.throttled_seconds, CAUSES)
        self.drains = by(metrics.drains, DRAIN_ENDS)
        self.latest_keys = metrics.latest_keys.labels(queue)
        self.canaries = metrics.canaries.labels(queue)
        self.in_flight = metrics.in_flight.labels(queue)
        self.open_receives = metrics.open_receives.labels(queue)
        self.loop_tick = metrics.loop_tick.labels(queue)
        self.queue_wait = metrics.queue_wait.labels(queue)
        self.handling = metrics.handling.labels(queue)
        self.publish_duration = metrics.publish_duration.labels(queue)
        self.loop_lag = metrics.loop_lag.labels(queue)

    def failed(self, exc: QueueUnavailable) -> None:
        """Count a call that failed."""
        self.sqs_failures[exc.call, exc.reason].inc()

    def refused(self, call: Call, entries: Iterable[Failed]) -> None:
        """Count the entries that SQS refused in a call that did not fail."""
        for entry in entries:
            self.sqs_failures[call, entry.reason].inc()
