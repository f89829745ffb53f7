"""What a crowd expects to hear and what it has heard besides, shared by its members."""

import time
from collections.abc import Sequence

MISTAKES = 10
"""So many are kept for the report; more say nothing new."""

NEVER = b"\xff"
"""Begins no message: what comes after the last expected event matches nothing."""


class WrongCount(Exception):
    """Somebody did not hear each event exactly once: there is no row to report."""


class Ledger:
    """The books of one crowd. Every event must come exactly once and in order; all else is a mistake."""

    def __init__(self) -> None:
        self.heads: list[bytes] = [NEVER]
        self.head_length = 0
        self.latencies_ns: list[int] = []
        self.warm = 0
        self.marks = 0
        self.mark_room = ""
        self._mistakes: list[str] = []
        self._epoch_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the moment, as events carry it."""
        return time.monotonic_ns() - self._epoch_ns

    def expect(self, heads: Sequence[bytes]) -> None:
        """From now on the events that begin so are right, once each and in this order."""
        self.heads = [*heads, NEVER]
        self.head_length = len(heads[0])
        self.latencies_ns.clear()

    def mark(self, sid: str) -> None:
        """A member heard a mark, which is for one room only."""
        self.marks += 1
        if sid != self.mark_room:
            self.note("a client heard what was for another one's room")

    def note(self, mistake: str) -> None:
        """Write down what should not have happened."""
        if len(self._mistakes) < MISTAKES:
            self._mistakes.append(mistake)

    def check(self) -> None:
        """Raise `WrongCount` if anybody heard something that was not expected, or was cut off."""
        if self._mistakes:
            raise WrongCount("; ".join(self._mistakes))
