"""The published events: one argument each, numbered so that lost and doubled ones show. Pure."""

import json
from dataclasses import dataclass
from typing import Any

FIRST = 1_000_001
"""The first number, so that each has as many digits."""

NUMBER_DIGITS = 7

MOMENT_DIGITS = 16
_MOMENT_ZERO: int = 10 ** (MOMENT_DIGITS - 1)

PADDING = "Hand-made lamp of pear wood, one of a kind, to be seen in the shop until Saturday, 49.90"
"""Makes an event about 150 bytes long."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event for everyone, or for one room."""

    name: str
    argument: dict[str, Any]
    room: str | None = None


def tick(number: int, moment_ns: int, *, room: str | None = None, size: int = 0) -> Event:
    """Return the event that is measured; its argument has at least `size` bytes."""
    argument = {"seq": number, "at": _MOMENT_ZERO + moment_ns, "title": PADDING}
    if (short := size - len(compact(argument))) > 0:
        argument["title"] = PADDING + "x" * short
    return Event("tick", argument, room)


def moment_ns(digits: bytes) -> int:
    """Return the time that a tick carries."""
    return int(digits) - _MOMENT_ZERO


def text(event: Event) -> bytes:
    """Return the event as the Engine.IO message that a client receives."""
    return b"42" + compact([event.name, event.argument])


def compact(value: Any) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()
