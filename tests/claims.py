"""Claims that take a moment to come true: polled with a deadline, never with a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

POLL_SECONDS = 0.02
WITHIN_SECONDS = 60.0
"""Far longer than anything takes if it works, so that a busy machine fails no test."""


def eventually(claim: Callable[[], Answer | None], seconds: float = WITHIN_SECONDS) -> Answer:
    """Return what `claim` returns once that is true; fail with its last answer if it never is."""
    deadline = time.monotonic() + seconds
    while True:
        answer = claim()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"still not true after {seconds:.0f} s: {answer!r}"
        time.sleep(POLL_SECONDS)
