"""The messages that wait for acknowledgements or for somebody to come, or waited last, for the live board."""

from collections.abc import Callable
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
    """The last ones of one queue, the oldest change first. `clock` returns the Unix time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_id: dict[str, dict[str, Any]] = {}

    @property
    def recent(self) -> list[dict[str, Any]]:
        return list(self._by_id.values())

    def note(
        self, verdict: Publish, state: WaitState, detail: str = "", *, seconds: float | None = None
    ) -> None:
        """Remember how a message is now, and for how long it may wait."""
        message, record, now = verdict.message, verdict.record, self._clock()
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
            "until_ms": None if seconds is None else round(1000 * (now + seconds)),
        }
        if len(self._by_id) > RECENT:
            del self._by_id[next(iter(self._by_id))]
