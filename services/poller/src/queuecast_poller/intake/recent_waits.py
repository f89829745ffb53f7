"""The messages that wait for acknowledgements or for somebody to come, or waited last, for the live board."""

from enum import StrEnum
from typing import Any

from queuecast_poller.judge.verdict import Publish

RECENT = 20
"""Messages that are remembered."""

DETAIL = 300
"""Characters of why it is so."""

ROOMS = 5
"""Rooms of each that are listed."""


class WaitState(StrEnum):
    """What a message waits for, or what came of it."""

    HELD = "held"
    AWAITED = "awaited"
    ACKNOWLEDGED = "acknowledged"
    UNANSWERED = "unanswered"
    NOBODY_THERE = "nobody_there"
    DELIVERED = "delivered"
    LEFT = "left"
    DROPPED = "dropped"
    FORWARDED = "forwarded"
    RETURNED = "returned"


class RecentWaits:
    """The last ones of one queue, the oldest change first."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[str, Any]] = {}

    @property
    def recent(self) -> list[dict[str, Any]]:
        return list(self._by_id.values())

    def note(
        self, verdict: Publish, state: WaitState, now: float, *, until: float | None = None, detail: str = ""
    ) -> None:
        """Remember how a message is now (Unix time), and until when it may wait."""
        message, record = verdict.message, verdict.record
        self._by_id.pop(message.id, None)
        self._by_id[message.id] = {
            "id": message.id,
            "at_ms": round(1000 * now),
            "state": state,
            "detail": detail[:DETAIL],
            "event": record.event,
            "rooms": list(record.rooms[:ROOMS]),
            "more_rooms": max(0, len(record.rooms) - ROOMS),
            "ack": verdict.ack,
            "until_ms": None if until is None else round(1000 * until),
        }
        if len(self._by_id) > RECENT:
            del self._by_id[next(iter(self._by_id))]
