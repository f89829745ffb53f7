"""How many receives should be under way on one queue. Pure."""

BATCH = 10
"""Most messages that one receive returns."""


def wanted_receives(under_way: int, received: int, most: int) -> int:
    """Return how many receives there should be after one of `under_way` brought `received` messages.

    A full batch says that more is waiting, nobody knows how much: as many receives are opened as there are
    already, so that a backlog has all of them after a few answers. An empty one says that the queue is
    drained, so one is closed. The last never is: it is the long poll that waits for the next message.
    """
    if received >= BATCH:
        return min(2 * under_way, most)
    if received == 0:
        return max(under_way - 1, 1)
    return under_way
