"""How many receives should be under way on one queue. Pure."""

from queuecast_poller.sqs.message import BATCH

AT_ONCE_SECONDS = 0.2
"""A receive that is answered faster than this found its messages there, and did not wait for them."""


def has_backlog(received: int, requested: int, took_seconds: float) -> bool:
    """Return whether a receive that brought so many messages shows that more are waiting.

    A full batch does. Under a rate limit a receive requests fewer, down to one, and a single message at a
    quiet time may be all that was requested. Then only an immediate answer is a sign of a backlog.
    """
    return received == requested and (requested == BATCH or took_seconds < AT_ONCE_SECONDS)


MAX_RECEIVED_BYTES = 32 << 20
"""What all receives of a queue together should bring. Handling it takes about five times that memory."""


def wanted_receives(under_way: int, received: int, most: int, size: int = 0) -> int:
    """Return how many receives there should be after one of `under_way` brought `received` messages.

    A full batch means that an unknown number is waiting. The number of receives doubles, so that a backlog
    has all of them after a few answers. Less than half a batch means that fewer receives would bring the same
    messages, and one is closed: each call costs money, and CPU in every stage behind it. The last one is
    never closed: it is the long poll for the next message. `size` is the size of all bodies in bytes; with
    large ones there are fewer receives.
    """
    if size:
        most = min(most, max(1, MAX_RECEIVED_BYTES // size))
        under_way = min(under_way, most)
    if received >= BATCH:
        return min(2 * under_way, most)
    if 2 * received < BATCH:
        return max(under_way - 1, 1)
    return under_way
