"""A session at one moment, and what has changed since it was last saved in Redis. Pure.

Only changes are saved: what a browser does costs Redis what it changes, however many rooms its session is in.
"""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

Verb = Literal["save", "here", "left", "sent_away", "drop"]
"""What happened to a session: it is new, and all of it is to be saved (`save`); it is still connected, in the
rooms that it has entered and left meanwhile (`here`); its connection has ended and it may be recovered
(`left`, or `sent_away` if this replica closed it), or may not (`drop`)."""

_AWAY: dict[Verb, int] = {"left": 1, "sent_away": 2}


class State(NamedTuple):
    """A session at one moment; `offset` is where it began, `subject` its owner ("" without a token).

    `rooms` maps each room to the offset at which it was joined.
    """

    sid: str
    namespace: str
    rooms: Mapping[str, str]
    offset: str
    subject: str = ""


class Claimed(NamedTuple):
    """A session that was claimed, the replica that had it (or ""), and the newest offset of the stream.

    Redis may have lost records up to `lost_up_to`. `number` counts the claims of this session: of two at once
    the later one wins. The state's rooms include all commands up to the offset `saved`. `sent_away` means
    that its replica had closed the connection.
    """

    state: State
    owner: str
    tail: str
    lost_up_to: str
    number: int = 0
    saved: str = "0-0"
    sent_away: bool = False


class Change:
    """What is still to be saved of one session: its newest state, and each room that has changed.

    `before` says for each of these rooms whether Redis has the session in it.
    """

    __slots__ = ("before", "state", "verb", "whole")

    def __init__(self, verb: Verb, state: State) -> None:
        self.verb = verb
        self.state = state
        self.whole = verb == "save"
        self.before: dict[str, bool] = {}

    def update(self, verb: Verb, state: State) -> None:
        """Take a newer state. If all of the session was to be saved, it still is."""
        self.whole = self.whole or verb == "save"
        self.verb = verb
        self.state = state

    def changed(self, room: str, *, entered: bool) -> None:
        """Note that the session has entered or left a room. What Redis has stays as it was first noted."""
        if not entered and self.before.get(room) is False:
            # As Redis has it. While Redis is away a browser may join and leave ever new names: keep none.
            del self.before[room]
        else:
            self.before.setdefault(room, not entered)

    def to_text(self) -> bytes:
        """Return the argument for the script that saves sessions; see `sessions.lua`."""
        if self.verb == "drop":
            return b'["drop"]'
        sid, namespace, rooms, offset, subject = self.state
        away, after = _AWAY.get(self.verb, 0), fingerprint(rooms)
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


def fingerprint(rooms: Mapping[str, str]) -> int:
    """Return a number that stands for a set of rooms: it shows whether Redis has the set that it should have.

    Only the process that saved it can compare it. It needs no memory: a room that is entered or left changes
    it by the room's hash.
    """
    number = 0
    for room in rooms:
        number ^= hash(room)
    return number


def _text(verb: str, away: int, after: int, entered: list[str], *more: str | int | list[str]) -> bytes:
    row = [
        verb,
        away,
        f"{after:x}",
        entered,
        *(f"{part:x}" if isinstance(part, int) else part for part in more),
    ]
    return _encode(row).encode()


# Made once: `json.dumps` with options makes an encoder at each call.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
