"""When a message that cannot be published becomes visible again. Pure.

A queue delivers a message again when its visibility timeout ends, whatever is wrong with it. For a permanent
fault another time is better, sooner or later than that.
"""

from collections.abc import Iterable

from queuecast_poller.judge.verdict import Leave, Reason

BACKOFF_CAP_SECONDS = 900
"""Longest time between two receives of a message that no redrive policy moves away, and so the longest delay
until it is judged again after an operator has fixed the cause."""


def visibility_changes(
    left: Iterable[Leave], *, visibility_seconds: int, max_receive_count: int | None
) -> dict[int, list[str]]:
    """Return the receipt handles of messages whose visibility timeout is to change.

    The key is after how many seconds from now they become visible again; 0 is at once.
    """
    changes: dict[int, list[str]] = {}
    for leave in left:
        seconds = _seconds(leave, max(1, visibility_seconds), max_receive_count)
        if seconds is not None:
            changes.setdefault(seconds, []).append(leave.message.receipt_handle)
    return changes


def is_dead_letter(leave: Leave, max_receive_count: int | None) -> bool:
    """Return whether this was the message's last receive: SQS then moves it to the dead-letter queue."""
    return leave.message.receives == max_receive_count


def _seconds(leave: Leave, visibility_seconds: int, max_receive_count: int | None) -> int | None:
    """Return after how many seconds a message becomes visible again; None keeps its visibility timeout.

    * With a permanent fault it is returned at once if a redrive policy will move it away: the receives before
      that would bring nothing new, and on a FIFO queue its group waits for it. The messages behind it in its
      group go back with it, or SQS would keep the group blocked. They come again in their order: SQS
      delivers none of a group while one of its messages is in flight.
    * After its last receive it is returned at once whatever the fault: SQS will not deliver it again.
    * If it was received more often than the policy allows, the policy does not move it. It is hidden with
      exponential back-off, as without a policy. The messages behind it cannot come before it.
    * With a fault that may be gone the next time, it waits for the queue's own visibility timeout.
    """
    receives = leave.message.receives
    if max_receive_count is not None and receives <= max_receive_count:
        return 0 if leave.permanent or receives == max_receive_count else None
    if not leave.permanent or leave.reason is Reason.GROUP_BLOCKED:
        return None
    # The exponent is bounded because receives add up for days on a queue without a redrive policy.
    seconds = min(BACKOFF_CAP_SECONDS, visibility_seconds * 2 ** min(receives - 1, 10))
    return seconds if seconds > visibility_seconds else None
