"""What is told of a message that is left on its queue: a line in the log, and metrics."""

import logging

from queuecast_poller.metrics import QueueMetrics
from queuecast_poller.retry import is_dead_letter
from queuecast_poller.verdict import Leave, Reason

log = logging.getLogger(__name__)


def tell_left(verdict: Leave, max_receive_count: int | None, metrics: QueueMetrics) -> None:
    """Count a message that is left, and log it in one line with fields of its own."""
    metrics.left[verdict.reason].inc()
    metrics.in_flight.dec()
    if is_dead_letter(verdict, max_receive_count):
        metrics.dead_letters[verdict.reason].inc()
    # What waits for the one before it has nothing wrong with it.
    level = logging.DEBUG if verdict.reason is Reason.GROUP_BLOCKED else logging.WARNING
    message = verdict.message
    log.log(
        level,
        "message %s is left, receive %d of %s: %s: %s",
        message.id,
        message.receives,
        max_receive_count or "any number",
        verdict.reason,
        verdict.detail,
        extra={
            "message_id": message.id,
            "receives": message.receives,
            "max_receives": max_receive_count,
            "reason": verdict.reason,
            "group": message.group,
        },
    )
