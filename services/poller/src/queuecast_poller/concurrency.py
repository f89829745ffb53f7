"""How many receives should be under way on one queue. Pure."""

BATCH = 10
"""Most messages that one receive returns."""

AT_ONCE_SECONDS = 0.2
"""A receive that was answered within this time found its messages there: it did not wait for them."""


def has_backlog(received: int, asked_for: int, took_seconds: float) -> bool:
    """Say whether a receive that brought so many messages shows that more are waiting.

    A full batch does. Under a rate limit a receive asks for fewer, down to one: then a single message that
    comes at a quiet time is as many as were asked for, and only what came at once is a sign.
    """
    return received == asked_for and (asked_for == BATCH or took_seconds < AT_ONCE_SECONDS)


MAX_RECEIVED_BYTES = 32 << 20
"""What all receives of a queue should bring at a time; what is worked on takes some five times that."""


def wanted_receives(under_way: int, received: int, most: int, size: int = 0) -> int:
    """Return how many receives there should be after one of `under_way` brought `received` messages.

    A full batch says that more is waiting, nobody knows how much: as many receives are opened as there are
    already, so that a backlog has all of them after a few answers. An empty one says that the queue is
    drained, so one is closed. The last never is: it is the long poll that waits for the next message.
    `size` is what the bodies had in all: of large ones fewer are received at a time.
    """
    if size:
        most = min(most, max(1, MAX_RECEIVED_BYTES // size))
        under_way = min(under_way, most)
    if received >= BATCH:
        return min(2 * under_way, most)
    if received == 0:
        return max(under_way - 1, 1)
    return under_way
