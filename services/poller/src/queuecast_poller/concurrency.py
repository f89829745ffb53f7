"""How many receives should be under way on one queue. Pure."""

BATCH = 10
"""Most messages that one receive returns."""


def wanted_receives(under_way: int, received: int, most: int) -> int:
    """Return how many receives there should be after one of `under_way` brought `received` messages.

    A full batch says that more is waiting, so one more receive is opened; an empty one says that the queue is
    drained, so one is closed. The last never is: it is the long poll that waits for the next message.
    """
    if received >= BATCH:
        return min(under_way + 1, most)
    if received == 0:
        return max(under_way - 1, 1)
    return under_way
