"""Events that browsers have to acknowledge: what their records carry, and what gateways report. Pure.

The packet of such an event has an id, so that a stock client gives its handler a callback. The id comes with
the record and is the same on every replica: an acknowledgement counts on whichever replica it arrives.
https://socket.io/docs/v4/socket-io-protocol/#event-packet
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from queuecast_bus.errors import BadRecord

FIRST_ID, LAST_ID = 1 << 30, (1 << 31) - 1
"""The ids of packets. Some clients have 32 bits for them, and python-socketio counts its own from 1."""

MAX_NAMED = 1_000
"""Most sessions that one report names. Those beyond it count as not having answered."""


class AckMode(StrEnum):
    """Who has to acknowledge an event."""

    ANY = "any"
    """One browser."""
    ALL = "all"
    """Every browser that was sent it when it came, on all replicas."""


class AckWanted(NamedTuple):
    """The acknowledgement that a record asks for.

    `ack_id` is the id of its packet, and distinguishes the poller's tries. Gateways report to `inbox` what
    has been acknowledged within `limit_ms` after Redis stored the record, by Redis's clock.
    """

    mode: AckMode
    ack_id: int
    inbox: str
    limit_ms: int

    def to_text(self) -> bytes:
        """Return the record's field."""
        return f"{self.mode} {self.ack_id} {self.inbox} {self.limit_ms}".encode()

    @classmethod
    def from_text(cls, text: bytes) -> "AckWanted":
        """Return what a record's field says. Raises `BadRecord`."""
        try:
            mode, ack_id, inbox, limit_ms = text.decode("ascii").split(" ")
            wanted = cls(AckMode(mode), int(ack_id), inbox, int(limit_ms))
        except ValueError as exc:
            raise BadRecord(f"not a wish for an acknowledgement: {text[:80]!r}") from exc
        if not FIRST_ID <= wanted.ack_id <= LAST_ID or not inbox:
            raise BadRecord(f"not a wish for an acknowledgement: {text[:80]!r}")
        return wanted


class AckReport(NamedTuple):
    """What one replica knows of one event; each report replaces the replica's one before.

    It was `delivered` to so many sessions, of which so many have `answered`. `gone` are those that went
    before they did, and `strays` are sessions that answered here and were sent the event elsewhere. Of a roll
    call, `strays` are the places in which somebody is.
    """

    ack_id: int
    replica: str
    delivered: int
    answered: int
    gone: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Return it as JSON."""
        return json.dumps(self, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: bytes) -> "AckReport":
        """Return the report in a text. Raises `BadRecord`."""
        try:
            ack_id, replica, delivered, answered, gone, strays = json.loads(text)
            numbers = (ack_id, delivered, answered)
            if not isinstance(replica, str) or any(type(number) is not int for number in numbers):
                raise TypeError("not a replica and its numbers")  # one way out for all flaws
            return cls(ack_id, replica, delivered, answered, _names(gone), _names(strays))
        except (ValueError, TypeError, RecursionError) as exc:
            raise BadRecord(f"not a report of acknowledgements: {text[:80]!r}") from exc


def _names(value: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError("not a list of sessions")
    return tuple(value)
