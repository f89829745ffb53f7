"""A steady load of messages and of browsers' own events."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.e2e.queue import Queue

from .browser import Browser

BATCH = 10
PAUSE_SECONDS = 0.25


@contextmanager
def load(queue: Queue, browsers: Sequence[Browser]) -> Iterator[None]:
    """Four times a second, put ten messages on the queue and let each browser send an event."""
    stop = threading.Event()
    failures: list[Exception] = []

    def send() -> None:
        numbers = itertools.count()
        try:
            while not stop.wait(PAUSE_SECONDS):
                queue.put([{"id": next(numbers)} for _ in range(BATCH)])
                for browser in browsers:
                    browser.emit("item_removed", {"id": next(numbers)})
        except Exception as exc:  # raised below, in the test's own thread
            failures.append(exc)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join(10)
    assert not failures, failures
