"""Counts the messages of a batch when they are received and stored; `left_messages` counts those left."""

from collections.abc import Sequence

from queuecast_bus import Stored
from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.sqs.message import Message


def count_received(messages: Sequence[Message], now: float, metrics: QueueMetrics) -> None:
    """Count one receive and its messages, and measure their time on the queue; `now` is Unix time."""
    metrics.receives["messages"].inc()
    metrics.received.inc(len(messages))
    metrics.in_flight.inc(len(messages))
    for message in messages:
        if message.receives > 1:
            metrics.redelivered.inc()
        elif (available_ms := message.available_ms) is not None:
            metrics.queue_wait.observe(max(0.0, now - available_ms / 1000))


def count_stored(stored: Sequence[Stored], metrics: QueueMetrics) -> None:
    """Count records that Redis confirmed."""
    duplicates = sum(answer.duplicate for answer in stored)
    metrics.published.inc(len(stored) - duplicates)
    metrics.duplicates.inc(duplicates)
    metrics.in_flight.dec(len(stored))
