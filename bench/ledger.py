"""What a crowd expects and what it has received besides, shared by its members."""

import time
from collections.abc import Sequence

MISTAKES = 10
"""How many mistakes are kept for the report; more would say nothing new."""

NEVER = b"\xff"
"""No message begins with it, so nothing matches after the last expected event."""


class WrongCount(Exception):
    """A client did not receive each event exactly once, so there is no row to report."""


class Ledger:
    """The books of one crowd. Every event must come exactly once and in order; anything else is a mistake."""

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
        """Return the time in the form that events carry."""
        return time.monotonic_ns() - self._epoch_ns

    def expect(self, heads: Sequence[bytes]) -> None:
        """From now on, expect the events that begin like this, once each and in order."""
        self.heads = [*heads, NEVER]
        self.head_length = len(heads[0])
        self.latencies_ns.clear()

    def mark(self, sid: str) -> None:
        """Note that a member received a mark, which is for one room only."""
        self.marks += 1
        if sid != self.mark_room:
            self.note("a client heard what was for another one's room")

    def note(self, mistake: str) -> None:
        """Record a mistake."""
        if len(self._mistakes) < MISTAKES:
            self._mistakes.append(mistake)

    def check(self) -> None:
        """Raise `WrongCount` if a member received something unexpected, or was cut off."""
        if self._mistakes:
            raise WrongCount("; ".join(self._mistakes))
