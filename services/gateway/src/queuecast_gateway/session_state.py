"""A session at one moment, and what has become of it since Redis was told last. Pure.

Redis is told what changed, not everything: what a browser does costs Redis what it changes, however many
rooms its session is in.
"""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

Verb = Literal["save", "here", "left", "drop"]
"""What became of a session: all of it is to be written down (`save`); it is still here, in the rooms that it
has entered and left meanwhile (`here`); its connection has ended and it may come back (`left`), or may not
(`drop`)."""


class State(NamedTuple):
    """A session at one moment; `offset` is where it began, `subject` whose it is ("" for nobody's).

    `rooms` has the offset at which each room was joined.
    """

    sid: str
    namespace: str
    rooms: Mapping[str, str]
    offset: str
    subject: str = ""


class Change:
    """What is still to be written down of one session: the newest word, and each room that has changed.

    `before` says of these rooms whether the session was in them when Redis was told last.
    """

    __slots__ = ("before", "state", "verb", "whole")

    def __init__(self, verb: Verb, state: State) -> None:
        self.verb = verb
        self.state = state
        self.whole = verb == "save"
        self.before: dict[str, bool] = {}

    def update(self, verb: Verb, state: State) -> None:
        """Take in a newer word. All is written down if that was to be done before."""
        self.whole = self.whole or verb == "save"
        self.verb = verb
        self.state = state

    def changed(self, room: str, *, entered: bool) -> None:
        """Note that the session has entered or left a room. What it was in before stands as it was noted."""
        if not entered and self.before.get(room) is False:
            # As Redis knows it; while Redis is away, a browser may come and go with new names each time.
            del self.before[room]
        else:
            self.before.setdefault(room, not entered)

    def to_text(self) -> bytes:
        """Return what the script that writes sessions down is told; see `sessions.lua`."""
        if self.verb == "drop":
            return b'["drop"]'
        sid, namespace, rooms, offset, subject = self.state
        away, after = self.verb == "left", mark(rooms)
        if self.whole:
            entered = [text for room in rooms.items() for text in room]
            return _text("save", away, after, entered, sid, namespace, offset, subject)
        entered, left = [], []
        was = after
        for room, was_in in self.before.items():
            if room in rooms:
                entered += room, rooms[room]
            elif was_in:
                left.append(room)
            if was_in != (room in rooms):
                was ^= hash(room)
        return _text("more", away, after, entered, was, left, offset)


def mark(rooms: Mapping[str, str]) -> int:
    """Return a number that stands for a set of rooms: it tells whether Redis has what it should have.

    Only the process that wrote it down can compare it. Nothing has to be kept for it, and a room that comes
    or goes changes it by its hash.
    """
    number = 0
    for room in rooms:
        number ^= hash(room)
    return number


def _text(verb: str, away: bool, after: int, entered: list[str], *more: str | int | list[str]) -> bytes:
    row = [
        verb,
        int(away),
        f"{after:x}",
        entered,
        *(f"{part:x}" if isinstance(part, int) else part for part in more),
    ]
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
