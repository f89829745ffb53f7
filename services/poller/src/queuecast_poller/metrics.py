"""The poller's metrics: declared here, updated where things happen. All exist with 0 from the start.

For each queue: received = published + duplicates + left + dropped + returned + in flight.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from queuecast_edge.metrics import LATENCY_BUCKETS
from queuecast_poller.judge.verdict import DropReason, Reason
from queuecast_poller.sqs.failure import Call, Failed, Failure, QueueUnavailable

CALLS: tuple[Call, ...] = tuple(call for call in Call if call is not Call.MOVE)
LOAD_OUTCOMES = ("taken", "refused")
CAUSES = ("rate", "lag")
DIRECTIONS = ("forward", "back")
"""Why receives wait: for the queue's rate limit, or for gateways that are behind."""
BUS_CALLS = ("publish", "namespaces", "acks")
"""Requests to Redis that messages wait for."""
DRAIN_ENDS = ("drained", "seconds", "messages", "bytes", "stop")
"""What ends a drain: a receive that shows no backlog, a limit, or the poller's shutdown."""
ACK_OUTCOMES = ("acknowledged", "unanswered", "nobody_there", "returned")
HOLD_OUTCOMES = ("held", "came", "expired", "returned", "full")
RECEIVE_OUTCOMES = ("messages", "empty", "error")


class Metrics:
    """All metrics of the poller; `for_queue` returns those of one queue."""

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
        self.redelivered = counter("redelivered", "Received messages that SQS had handed out before")
        self.published = counter(
            "published", "Messages stored on the bus and, if they wait for that, acknowledged by browsers"
        )
        self.duplicates = counter("duplicates", "Messages that the bus had already stored")
        self.left = counter("left", "Messages left on the queue, counted at each receive", "reason")
        self.dead_letters = counter(
            "dead_letters", "Messages left at their last receive; they go to the dead-letter queue", "reason"
        )
        self.dropped = counter("dropped", "Messages deleted without being shown to anybody", "reason")
        self.returned = counter(
            "returned",
            "Messages returned unpublished, because the poller stops or lost them, or to be received again "
            "after they were held",
        )
        self.publish_failures = counter(
            "publish_failures",
            "Requests that Redis did not confirm while messages waited: to store them, or to find out "
            "whether a gateway serves their namespace or whether they were acknowledged before",
            "call",
        )
        self.rewinds = counter(
            "rewinds", "Times that Redis had lost messages that it had confirmed; all browsers were told"
        )
        self.clock_steps = counter(
            "redis_clock_steps", "Times that Redis's clock was put forward or back, by direction", "direction"
        )
        self.deleted = counter("deleted", "Messages deleted from the queue")
        self.delete_failures = counter(
            "delete_failures", "Messages that could not be deleted; they come back"
        )
        self.extended = counter("extended", "Messages kept hidden after half their visibility timeout")
        self.sqs_failures = counter(
            "sqs_failures",
            "Failed calls to SQS, and batch entries that SQS refused",
            "call",
            "reason",
        )
        self.throttled_seconds = counter(
            "throttled_seconds", "Seconds that receives were paused, by cause", "cause"
        )
        self.drains = counter(
            "drains", "Times that messages waited for newer ones of their `latest`, by what ended it", "cause"
        )
        self.latest_keys = gauge(
            "latest_keys", "Keys of `latest` whose newest message the poller remembers; 10,000 at most"
        )
        self.acks = counter(
            "acks",
            "Messages that waited for acknowledgements of browsers, by what came of it; all but the "
            "`acknowledged` ones come back",
            "outcome",
        )
        self.holds = counter(
            "holds",
            "Messages with `hold` for which nobody was there: `held`, and awake again because somebody "
            "`came`, their time `expired`, or the poller stopped (`returned`); `full`: left, since too many "
            "are held",
            "outcome",
        )
        self.held = gauge("held", "Messages that are held now, until somebody comes")
        self.awaited = gauge("awaited", "Messages that wait for acknowledgements now")
        self.canaries = counter("canaries_sent", "Canaries that the poller put on the queue")
        self.in_flight = gauge(
            "in_flight", "Messages received but not yet published, left, dropped or returned"
        )
        self.open_receives = gauge("open_receives", "Receives under way or about to start")
        self.loop_tick = gauge("loop_tick_timestamp_seconds", "When the queue's loop last made progress")
        self.queue_wait = latency(
            "queue_wait",
            "From when a message could be received until it was, without the time that the queue's rate "
            "limit held it back; first deliveries only",
        )
        self.handling = latency(
            "handling", "From received to stored on the bus (judge and publish), per batch"
        )
        self.publish_duration = latency("publish", "One confirmed publish of a batch")
        self.ack_time = latency(
            "ack", "From stored on the bus to acknowledged by browsers, for messages that wait for that"
        )
        self.loop_lag = latency("loop_lag", "Delay of the queue's event loop, measured twice a second")

        self.clock_skew = gauge(
            "clock_skew_seconds", "How far this host's clock is ahead of Redis's; negative if it is behind"
        )
        self.evicts = gauge(
            "redis_evicts", "1 if Redis removes keys when it is full, 0 if not or if the user may not ask"
        )

        self.routes = RoutesMetrics(registry)

    def for_queue(self, queue: str) -> "QueueMetrics":
        """Return the metrics with the label of this queue."""
        return QueueMetrics(self, queue)


class RoutesMetrics:
    """The metrics of the routes file, which all queues share."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "queuecast_poller_routes"
        self._loads = Counter(f"{name}_loads", "Reads of the routes file", ("outcome",), registry=registry)
        self._loaded = Gauge(
            f"{name}_loaded_timestamp_seconds",
            "When the current routes were read; 0 without a routes file",
            registry=registry,
        )
        self._wrong = Gauge(
            f"{name}_wrong", "1 while the routes file is invalid and an older one is used", registry=registry
        )
        for outcome in LOAD_OUTCOMES:
            self._loads.labels(outcome)

    def taken(self, now: float) -> None:
        """Count a file that is used from now on (Unix time in seconds)."""
        self._loads.labels("taken").inc()
        self._loaded.set(now)
        self._wrong.set(0)

    def refused(self) -> None:
        """Count an invalid file."""
        self._loads.labels("refused").inc()
        self._wrong.set(1)


class QueueMetrics:
    """The metrics of one queue, with its label filled in."""

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
        self.publish_failures = by(metrics.publish_failures, BUS_CALLS)
        self.rewinds = metrics.rewinds.labels(queue)
        self.deleted = metrics.deleted.labels(queue)
        self.delete_failures = metrics.delete_failures.labels(queue)
        self.extended = metrics.extended.labels(queue)
        self.sqs_failures = {
            (call, reason): metrics.sqs_failures.labels(queue, call, reason)
            for call in CALLS
            for reason in Failure
        }
        self.throttled_seconds = by(metrics.throttled_seconds, CAUSES)
        self.clock_steps = by(metrics.clock_steps, DIRECTIONS)
        self.drains = by(metrics.drains, DRAIN_ENDS)
        self.latest_keys = metrics.latest_keys.labels(queue)
        self.acks = by(metrics.acks, ACK_OUTCOMES)
        self.awaited = metrics.awaited.labels(queue)
        self.holds = by(metrics.holds, HOLD_OUTCOMES)
        self.held = metrics.held.labels(queue)
        self.canaries = metrics.canaries.labels(queue)
        self.in_flight = metrics.in_flight.labels(queue)
        self.open_receives = metrics.open_receives.labels(queue)
        self.loop_tick = metrics.loop_tick.labels(queue)
        self.queue_wait = metrics.queue_wait.labels(queue)
        self.handling = metrics.handling.labels(queue)
        self.publish_duration = metrics.publish_duration.labels(queue)
        self.ack_time = metrics.ack_time.labels(queue)
        self.loop_lag = metrics.loop_lag.labels(queue)
        self.clock_skew = metrics.clock_skew.labels(queue)
        self.evicts = metrics.evicts.labels(queue)

    def failed(self, exc: QueueUnavailable) -> None:
        """Count a failed call."""
        self.sqs_failures[exc.call, exc.reason].inc()

    def refused(self, call: Call, entries: Iterable[Failed]) -> None:
        """Count the entries that SQS refused in a successful call."""
        for entry in entries:
            self.sqs_failures[call, entry.reason].inc()
