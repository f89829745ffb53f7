"""When a message that cannot be published is to come again. Pure.

A queue hands a message out again when its visibility timeout is over, whatever is wrong with it. Where that
would be wrong for ever, this is said sooner or later than that.
"""

from collections.abc import Iterable

from queuecast_poller.verdict import Leave, Reason

BACKOFF_CAP_SECONDS = 900
"""Longest time between two receives of a message that no redrive policy takes away: how late, at worst, it is
looked at again once whoever runs the poller has mended what was wrong with it."""


def visibility_changes(
    left: Iterable[Leave], *, visibility_seconds: int, max_receive_count: int | None
) -> dict[int, list[str]]:
    """Return the receipt handles of those that are not to wait for their visibility timeout.

    The key says in how many seconds from now they shall be visible again; 0 is at once.
    """
    changes: dict[int, list[str]] = {}
    for leave in left:
        seconds = _seconds(leave, max(1, visibility_seconds), max_receive_count)
        if seconds is not None:
            changes.setdefault(seconds, []).append(leave.message.receipt_handle)
    return changes


def is_dead_letter(leave: Leave, max_receive_count: int | None) -> bool:
    """Say whether SQS takes the message to the dead-letter queue at the next receive: this was its last."""
    return leave.message.receives == max_receive_count


def _seconds(leave: Leave, visibility_seconds: int, max_receive_count: int | None) -> int | None:
    """Return when the message shall be visible again; None is when its visibility timeout is over.

    * One whose fault is permanent is handed back at once where a redrive policy will take it away: each
      receive before that tells nothing new, and on a FIFO queue its group waits for it. What was left only
      because it follows it in its group goes back with it, or SQS would keep the group blocked. They come
      again in their order: SQS hands out none of a group while one of it is in flight.
    * After the last receive that holds for any fault: SQS will not hand it out again.
    * A message that was received more often than the policy allows is proof that the policy does not take it.
      It is hidden with exponential back-off, as without a policy; its followers cannot come before it.
    * A fault that may be gone by the next time waits for that as long as the queue's owner has said.
    """
    receives = leave.message.receives
    if max_receive_count is not None and receives <= max_receive_count:
        return 0 if leave.permanent or receives == max_receive_count else None
    if not leave.permanent or leave.reason is Reason.GROUP_BLOCKED:
        return None
    # The exponent is bounded because a queue without a redrive policy counts on for days.
    seconds = min(BACKOFF_CAP_SECONDS, visibility_seconds * 2 ** min(receives - 1, 10))
    return seconds if seconds > visibility_seconds else None
