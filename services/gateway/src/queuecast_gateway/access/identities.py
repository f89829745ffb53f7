"""Which identity is connected on which socket, and until when: a session ends when its token does."""

import time
from collections.abc import Callable, Container

from queuecast_gateway.access.authenticator import ConnectRefused
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter

EXPIRING_SECONDS = 60.0
"""How long before the end of its token a browser is warned."""

CHECK_SECONDS = 60.0
"""The wheel counts its ticks, a token expires by the clock: this often the two are compared."""

SocketKey = tuple[str, str]
"""The id of a connection, and a namespace that it is in."""


class ActiveIdentity:
    """An identity on one socket, and the timer of its token."""

    __slots__ = ("_due", "_identities", "_is_warned", "_socket", "identity")

    def __init__(self, identities: "Identities", socket: SocketKey, identity: Identity) -> None:
        self._identities = identities
        self._socket = socket
        self.renew(identity)

    def renew(self, identity: Identity) -> None:
        """Go on with another token."""
        self.identity = identity
        self._is_warned = False
        self._due = 0
        self._schedule_check()

    def cancel(self) -> None:
        """Stop the timer."""
        self._identities.wheel.cancel(self._due, self._check)

    @property
    def _seconds_left(self) -> float:
        expires = self.identity.expires
        return CHECK_SECONDS if expires is None else expires - self._identities.now()

    def _schedule_check(self) -> None:
        if self.identity.expires is not None:
            left = self._seconds_left if self._is_warned else self._seconds_left - EXPIRING_SECONDS
            self._due = self._identities.wheel.after(min(max(left, 0.0), CHECK_SECONDS), self._check)

    def _check(self) -> None:
        left = self._seconds_left
        if left <= 0:
            self._identities.on_expired(self._socket)
            return
        if left <= EXPIRING_SECONDS and not self._is_warned:
            self._is_warned = True
            self._identities.on_expiring(self._socket, left)
        self._schedule_check()


class Identities:
    """The identities that have a subject, by their sockets. All other sockets are `anyone`.

    `on_expiring` is called with a socket and the seconds that its token has left, `on_expired` when none are.
    """

    def __init__(
        self,
        per_identity: ConnectionLimiter,
        wheel: TimerWheel,
        on_expiring: Callable[[SocketKey, float], None],
        on_expired: Callable[[SocketKey], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.wheel = wheel
        self.now = now
        self.on_expiring = on_expiring
        self.on_expired = on_expired
        self._per_identity = per_identity
        self._active: dict[SocketKey, ActiveIdentity] = {}
        self._sockets: dict[str, dict[SocketKey, None]] = {}

    def __len__(self) -> int:
        return len(self._active)

    def add(self, socket: SocketKey, identity: Identity) -> None:
        """Remember the identity of a socket. Raises `ConnectRefused` if its subject has too many."""
        if identity.subject:
            if not self._per_identity.acquire(identity.subject):
                raise ConnectRefused("too_many_connections", "too_many_connections")
            self._active[socket] = ActiveIdentity(self, socket, identity)
            self._sockets.setdefault(identity.subject, {})[socket] = None

    def remove(self, socket: SocketKey) -> None:
        """Forget a socket; one that has no identity is no error."""
        if active := self._active.pop(socket, None):
            active.cancel()
            subject = active.identity.subject
            self._per_identity.release(subject)
            del self._sockets[subject][socket]
            if not self._sockets[subject]:
                del self._sockets[subject]

    def renew(self, socket: SocketKey, identity: Identity) -> None:
        """Replace the token of a socket. Raises `ConnectRefused` if the new one has another subject."""
        active = self._active.get(socket)
        if (active.identity.subject if active else "") != identity.subject:
            raise ConnectRefused("unauthorized", "claims")
        if active:
            active.cancel()
            active.renew(identity)

    def not_signed_by(self, keys: Container[object]) -> list[SocketKey]:
        """Return the sockets whose token was signed with none of these keys."""
        good: dict[int, bool] = {}
        found = []
        for socket, active in self._active.items():
            key = active.identity.key
            if id(key) not in good:
                good[id(key)] = key in keys
            if not good[id(key)]:
                found.append(socket)
        return found

    def sockets_of(self, subject: str) -> list[SocketKey]:
        """Return the sockets of a subject."""
        return list(self._sockets.get(subject, ()))

    def get(self, socket: SocketKey) -> Identity | None:
        """Return the identity of a socket, None if it has no subject."""
        active = self._active.get(socket)
        return active.identity if active else None
