"""Reports messages that are left on their queue, in the log and in metrics, and remembers the last ones."""

import logging
from collections import deque
from typing import Any

from queuecast_poller.intake.retry import is_dead_letter
from queuecast_poller.judge.verdict import Leave, Reason
from queuecast_poller.metrics import QueueMetrics

log = logging.getLogger(__name__)


RECENT = 20
"""Messages that are remembered."""

DETAIL = 300
"""Characters of why one was left."""


class LeftMessages:
    """The messages of a queue that were left last, as the live board lists them, oldest first."""

    def __init__(self) -> None:
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)

    @property
    def recent(self) -> list[dict[str, Any]]:
        return list(self._recent)

    def add(self, verdict: Leave, max_receive_count: int | None, now: float) -> None:
        """Remember a message that was left now (Unix time). It takes the place of its last receive."""
        message = verdict.message
        if verdict.reason is Reason.GROUP_BLOCKED:
            return  # nothing is wrong with it
        for known in self._recent:
            if known["id"] == message.id:
                self._recent.remove(known)
                break
        self._recent.append(
            {
                "id": message.id,
                "at_ms": round(1000 * now),
                "reason": verdict.reason,
                "why": verdict.detail[:DETAIL],
                "receives": message.receives,
                "max_receives": max_receive_count,
                "dead": is_dead_letter(verdict, max_receive_count),
            }
        )


def report_left(verdict: Leave, max_receive_count: int | None, metrics: QueueMetrics) -> None:
    """Count a left message, and log it in one line with structured fields."""
    metrics.left[verdict.reason].inc()
    metrics.in_flight.dec()
    if is_dead_letter(verdict, max_receive_count):
        metrics.dead_letters[verdict.reason].inc()
    # Nothing is wrong with a message that only waits for the one before it.
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
