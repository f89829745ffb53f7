"""What a crowd expects and what it has received besides, shared by its members."""

import re
import time
from collections.abc import Sequence

from bench.addressed import Addressed

MISTAKES = 10
"""How many mistakes are kept for the report; more would say nothing new."""

NEVER = b"\xff"
"""No message begins with it, so nothing matches after the last expected event."""

_OFFSET = re.compile(rb'"([0-9]+-[0-9]+)"\]$')
"""The last argument of an event from a server that recovers sessions."""


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
        self.mark_sid = ""
        self.offset = ""
        self.addressed: Addressed | None = None
        self._mistakes: list[str] = []
        self.epoch_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the time in the form that events carry."""
        return time.monotonic_ns() - self.epoch_ns

    def expect(self, heads: Sequence[bytes]) -> None:
        """From now on, expect the events that begin like this, once each and in order."""
        self.heads = [*heads, NEVER]
        self.head_length = len(heads[0])
        self.latencies_ns.clear()

    def mark(self, sid: str) -> None:
        """Note that a member received a mark, which is for one room only."""
        self.marks += 1
        if sid != self.mark_sid:
            self.note("a client heard what was for another one's room")

    def warmed(self, message: bytes) -> None:
        """Note that a member received a warm event, and the offset in it, if the server recovers sessions."""
        self.warm += 1
        if found := _OFFSET.search(message):
            self.offset = found[1].decode()

    def note(self, mistake: str) -> None:
        """Record a mistake."""
        if len(self._mistakes) < MISTAKES:
            self._mistakes.append(mistake)

    def check(self) -> None:
        """Raise `WrongCount` if a member received something unexpected, or was cut off."""
        mistakes = self._mistakes + (self.addressed.mistakes if self.addressed else [])
        if mistakes:
            raise WrongCount("; ".join(mistakes[:MISTAKES]))
