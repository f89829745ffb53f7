"""Who is connected, in which namespace, and until when: a session ends when its token does."""

import time
from collections.abc import Callable, Container

from queuecast_gateway.access.grant import Identity
from queuecast_gateway.access.guard import Unwelcome
from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.limits.tally import Tally

EXPIRING_SECONDS = 60.0
"""So long before its token ends a browser is told so."""

LOOK_SECONDS = 60.0
"""The wheel counts its turns, and a token goes by the clock: so often the two are compared."""

Place = tuple[str, str]
"""A connection, and a namespace that it is in."""


class Person:
    """Somebody in one place, by a token that ends."""

    __slots__ = ("_due", "_is_told", "_people", "_place", "identity")

    def __init__(self, people: "People", place: Place, identity: Identity) -> None:
        self._people = people
        self._place = place
        self.renew(identity)

    def renew(self, identity: Identity) -> None:
        """Go on with another token."""
        self.identity = identity
        self._is_told = False
        self._due = 0
        self._look_later()

    def forget(self) -> None:
        """Look no more."""
        self._people.wheel.cancel(self._due, self._look)

    @property
    def _rest(self) -> float:
        expires = self.identity.expires
        return LOOK_SECONDS if expires is None else expires - self._people.now()

    def _look_later(self) -> None:
        if self.identity.expires is not None:
            rest = self._rest if self._is_told else self._rest - EXPIRING_SECONDS
            self._due = self._people.wheel.after(min(max(rest, 0.0), LOOK_SECONDS), self._look)

    def _look(self) -> None:
        rest = self._rest
        if rest <= 0:
            self._people.on_expired(self._place)
            return
        if rest <= EXPIRING_SECONDS and not self._is_told:
            self._is_told = True
            self._people.on_expiring(self._place, rest)
        self._look_later()


class People:
    """Everybody who is somebody in particular; all others are `anyone`.

    `on_expiring` is called with a place and the seconds that are left there, `on_expired` when none are.
    """

    def __init__(
        self,
        per_identity: Tally,
        wheel: Wheel,
        on_expiring: Callable[[Place, float], None],
        on_expired: Callable[[Place], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.wheel = wheel
        self.now = now
        self.on_expiring = on_expiring
        self.on_expired = on_expired
        self._tally = per_identity
        self._present: dict[Place, Person] = {}
        self._places: dict[str, dict[Place, None]] = {}

    def __len__(self) -> int:
        return len(self._present)

    def enter(self, place: Place, identity: Identity) -> None:
        """Somebody comes. Raises `Unwelcome` if there are as many as may be of the same identity."""
        if identity.subject:
            if not self._tally.enter(identity.subject):
                raise Unwelcome("too_many_connections", "too_many_connections")
            self._present[place] = Person(self, place, identity)
            self._places.setdefault(identity.subject, {})[place] = None

    def leave(self, place: Place) -> None:
        """Whoever was there has gone."""
        if person := self._present.pop(place, None):
            person.forget()
            subject = person.identity.subject
            self._tally.leave(subject)
            del self._places[subject][place]
            if not self._places[subject]:
                del self._places[subject]

    def renew(self, place: Place, identity: Identity) -> None:
        """Somebody shows another token. Raises `Unwelcome` if it is somebody else's."""
        person = self._present.get(place)
        if (person.identity.subject if person else "") != identity.subject:
            raise Unwelcome("unauthorized", "claims")
        if person:
            person.forget()
            person.renew(identity)

    def without(self, keys: Container[object]) -> list[Place]:
        """Return where somebody is whom none of these keys vouches for."""
        good: dict[int, bool] = {}
        found = []
        for place, person in self._present.items():
            key = person.identity.key
            if id(key) not in good:
                good[id(key)] = key in keys
            if not good[id(key)]:
                found.append(place)
        return found

    def places(self, subject: str) -> list[Place]:
        """Return where somebody is."""
        return list(self._places.get(subject, ()))

    def at(self, place: Place) -> Identity | None:
        """Return who is there, None for nobody in particular."""
        person = self._present.get(place)
        return person.identity if person else None
