"""Who is let into a namespace, as whom and in which rooms, and goes when their token ends.

It knows tokens, sessions that come back and rooms; packets and connections are the server's.
"""

import logging
from collections.abc import Container, Mapping
from functools import partial
from typing import Any, Protocol

from queuecast_gateway.access.grant import Identity
from queuecast_gateway.access.guard import Guard, Unwelcome
from queuecast_gateway.access.people import People, Place
from queuecast_gateway.drain import drain
from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.engine.session import Session
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.limits.tally import Tally
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery import Recovery, Welcome
from queuecast_gateway.replicas import GatewayBus

log = logging.getLogger(__name__)

TOKEN_EXPIRED = "token expired"  # noqa: S105  # a reason, no secret

KEY_WITHDRAWN = "key withdrawn"

EXPIRED = 4001
"""The close code of a connection whose token has ended. The stock client comes back by itself, with what its
`auth` function gives then, as the session that it was."""


class Server(Protocol):
    """The part of a Socket.IO server that the entrance uses."""

    manager: GatewayBus
    eio: Any

    async def emit(self, event: str, data: Any, **options: Any) -> None: ...


class Entrance:
    """The way into a gateway's namespaces."""

    def __init__(
        self,
        server: Server,
        guard: Guard,
        recovery: Recovery,
        metrics: Metrics,
        max_per_identity: int,
    ) -> None:
        wheel: Wheel = server.eio.wheel
        self._server = server
        self._guard = guard
        self._recovery = recovery
        self._metrics = metrics
        self._lines = Lines()
        self.people = People(
            Tally(max_per_identity), wheel, on_expiring=self._token_expiring, on_expired=self._token_expired
        )
        server.manager.on_left = self.people.leave

    async def admit(
        self, session: Session, namespace: str, data: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Welcome | None]:
        """Return what else is in a CONNECT packet's data, and how to welcome the connection.

        It must be connected before anything else happens, or be sent off by `forget`. Raises `Unwelcome`;
        `KeysUnavailable` and `BusUnavailable` if it is to come back later.
        """
        manager, place = self._server.manager, (session.sid, namespace)
        rest, welcome = dict(data), None
        try:
            identity = await self._guard.identify(rest.pop("token", None), session.address)
            if session.closed:
                return rest, None
            self.people.enter(place, identity)
        except Unwelcome as exc:
            self._metrics.connects_refused.labels(exc.fault).inc()
            if exc.code == "unauthorized" and self._lines.has_room():
                log.info("connection %s of %s may not join: %s", *place, exc.__cause__ or exc.fault)
            raise
        if namespace in manager.offset_namespaces:
            try:
                rest, welcome = await self._recovery.admit(session.sid, namespace, rest, identity)
            except BaseException:
                self.people.leave(place)
                raise
        manager.expect_rooms(session.sid, identity.joins)
        return rest, welcome

    def forget(self, session: Session, namespace: str) -> None:
        """Whoever was admitted is not connected after all."""
        self.people.leave((session.sid, namespace))

    def identity(self, sid: str, namespace: str) -> Identity:
        """Return who a session is."""
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        return self.people.at((eio_sid, namespace)) or self._guard.anyone

    async def renew(self, sid: str, namespace: str, token: Any) -> Identity:
        """Have a session go on with another token of the same subject.

        Raises `Unwelcome`, and `KeysUnavailable` if that cannot be known now.
        """
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        session = self._server.eio.sockets.get(eio_sid)
        try:
            identity = await self._guard.identify(token, session.address if session else "")
            self.people.renew((eio_sid, namespace), identity)
        except Unwelcome as exc:
            self._metrics.connects_refused.labels(exc.fault).inc()
            # Whether others at its address guess is no matter of a session that is there.
            raise Unwelcome("unauthorized", exc.fault) from exc
        return identity

    async def end_without(self, keys: Container[object], seconds: float) -> None:
        """End the connections of all whom none of these keys vouches for, one after another over a time.

        Their browsers come back by themselves, to show a token of another key.
        """
        eio_sids = {eio_sid for eio_sid, _ in self.people.without(keys)}
        sessions = [self._server.eio.sockets[sid] for sid in eio_sids if sid in self._server.eio.sockets]
        if sessions:
            log.warning("%d connections end: the keys of their tokens were withdrawn", len(sessions))
        await drain(sessions, seconds, partial(self._end_if_without, keys))

    def _end_if_without(self, keys: Container[object], session: Session) -> None:
        places = ((session.sid, namespace) for namespace in self._server.manager.get_namespaces())
        people = filter(None, map(self.people.at, places))
        if any(who.key not in keys for who in people):  # it may have shown another token since
            session.end(KEY_WITHDRAWN, code=EXPIRED, text="the key of the token was withdrawn")

    def _token_expiring(self, place: Place, seconds: float) -> None:
        eio_sid, namespace = place
        if sid := self._server.manager.sid_from_eio_sid(eio_sid, namespace):
            told = {"expires_in": round(seconds)}
            options = {"to": sid, "namespace": namespace, "ignore_queue": True}
            self._server.eio.start(self._server.emit("token_expiring", told, **options))

    def _token_expired(self, place: Place) -> None:
        if session := self._server.eio.sockets.get(place[0]):
            session.end(TOKEN_EXPIRED, code=EXPIRED, text="the token has expired")
