"""What an identity may do: rooms it may join, rooms it is in from the start, events it may relay. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from queuecast_bus.names import SUBJECT_ROOM, BadName, check_event, check_joinable, check_room
from queuecast_gateway.access.tokens import Key

MAX_NAMES = 200
"""Names in one claim of a token."""

ANYTHING = "*"

OPERATOR_RIGHTS = ("view", "send")
"""What a token can allow on the live board: to view the operator's part, and to send events."""

Grant = TypeVar("Grant")


class BadClaims(ValueError):
    """A token's claims cannot be used; the text names the claim, not its value."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """A set of rooms, by names and by prefixes of names."""

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def __contains__(self, room: str) -> bool:
        return room in self.names or room.startswith(self.prefixes)

    def __or__(self, other: "Rooms") -> "Rooms":
        return Rooms(self.names | other.names, (*self.prefixes, *other.prefixes))


EVERY_ROOM = Rooms(prefixes=("",))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session belongs to and what it may do. `subject` is "" if it has shown no token.

    `joins` are the rooms that it is in from the start, `sees` those of which it may be told who is there,
    `relays` the events that it may relay (None: all that
    the settings allow), `expires` the Unix time at which it ends (None: never). `operator` are its rights on
    the live board. `key` has verified its token.
    """

    subject: str
    rooms: Rooms
    joins: tuple[str, ...] = ()
    relays: frozenset[str] | None = None
    expires: float | None = None
    key: Key | None = field(default=None, repr=False, compare=False)
    operator: frozenset[str] = frozenset()
    sees: Rooms = Rooms()

    def may_join(self, room: str) -> bool:
        return room in self.rooms

    def may_see(self, room: str) -> bool:
        """Say whether it may be told the identities of those in a room, and not only how many they are."""
        return room in self.sees

    def may_relay(self, event: str) -> bool:
        return self.relays is None or event in self.relays


def patterns(names: Iterable[str]) -> Rooms:
    """Return the rooms that these patterns match: each is a room's name, or a prefix and `*`.

    Raises `ValueError`. No input is ever used as a regular expression.
    """
    exact, prefixes = [], []
    for name in names:
        start, star, rest = name.partition(ANYTHING)
        if rest:
            raise ValueError(f"{name[:80]!r}: `*` may only stand at the end")
        if star:
            prefixes.append(check_room(f"{start}x")[:-1])
        else:
            exact.append(check_room(name))
    return Rooms(frozenset(exact), tuple(sorted(set(prefixes))))


def identity(claims: Mapping[str, Any], public: Rooms, leeway_seconds: float) -> Identity:
    """Return the identity that verified claims describe. Raises `BadClaims`.

    `rooms`, `join`, `relay`, `presence` and `operator` are optional lists of names. What they do not name is
    not allowed, except the `public` rooms and the subject's own, `user:{sub}`. A session lasts as long as its
    token is accepted.
    """
    subject = claims["sub"]
    try:
        own = check_room(f"{SUBJECT_ROOM}{subject}")
    except BadName:
        raise BadClaims("the claim 'sub' cannot be part of a room's name") from None
    joins = tuple(dict.fromkeys((own, *_read(claims, "join", _rooms))))
    rooms = _read(claims, "rooms", patterns) | public | Rooms(frozenset(joins))
    return Identity(
        subject,
        rooms,
        joins,
        relays=_read(claims, "relay", _events),
        expires=claims["exp"] + leeway_seconds,
        operator=_read(claims, "operator", _rights),
        sees=_read(claims, "presence", patterns),
    )


def _read(claims: Mapping[str, Any], claim: str, read: Callable[[list[str]], Grant]) -> Grant:
    names = claims.get(claim, [])
    if not isinstance(names, list) or len(names) > MAX_NAMES or not all(isinstance(n, str) for n in names):
        raise BadClaims(f"the claim {claim!r} is not a list of at most {MAX_NAMES} names")
    try:
        return read(names)
    except ValueError:
        # Without its cause, whose text quotes the name.
        raise BadClaims(f"the claim {claim!r} has a name that cannot be used") from None


def _rooms(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(check_joinable, names))


def _events(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(check_event, names))


def _rights(names: Iterable[str]) -> frozenset[str]:
    rights = frozenset(names)
    if not rights <= frozenset(OPERATOR_RIGHTS):
        raise ValueError("not a right of operators")
    return rights
