"""Who may join a namespace, with which identity and rooms, and when their token ends the connection.

This module knows tokens, recovered sessions and rooms; packets and connections are the server's.
"""

import logging
from collections.abc import Container, Mapping
from functools import partial
from typing import Any, Protocol

from queuecast_gateway.access.authenticator import Authenticator, ConnectRefused
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.access.identities import Identities, SocketKey
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.engine.session import Session
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.recovery import Recovery
from queuecast_gateway.recovery.welcome import Welcome
from queuecast_gateway.server.drain import drain

log = logging.getLogger(__name__)

TOKEN_EXPIRED = "token expired"  # noqa: S105  # a reason, no secret

KEY_WITHDRAWN = "key withdrawn"

EXPIRED = 4001
"""The close code of a connection whose token has expired. The stock client reconnects by itself, with what
its `auth` function returns then, and recovers its session."""


class Server(Protocol):
    """The part of a Socket.IO server that authentication needs."""

    manager: GatewayBus
    eio: Any

    async def emit(self, event: str, data: Any, **options: Any) -> None: ...


class Authentication:
    """Checks the tokens of clients that join a namespace, and ends connections whose token ends."""

    def __init__(
        self,
        server: Server,
        authenticator: Authenticator,
        recovery: Recovery,
        metrics: Metrics,
        max_per_identity: int,
    ) -> None:
        wheel: TimerWheel = server.eio.wheel
        self._server = server
        self._authenticator = authenticator
        self._recovery = recovery
        self._metrics = metrics
        self._log_limiter = LogLimiter()
        self.identities = Identities(
            ConnectionLimiter(max_per_identity),
            wheel,
            on_expiring=self._token_expiring,
            on_expired=self._token_expired,
        )
        server.manager.on_left = self.identities.remove

    async def admit(
        self, session: Session, namespace: str, data: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Welcome | None]:
        """Return the rest of a CONNECT packet's data, and the connection's welcome.

        The caller must connect it before it awaits anything, or call `forget`. Raises `ConnectRefused`, or
        `KeysUnavailable` or `BusUnavailable` if the client should try again later.
        """
        manager, socket = self._server.manager, (session.sid, namespace)
        rest, welcome = dict(data), None
        try:
            identity = await self._authenticator.identify(rest.pop("token", None), session.address)
            if session.closed:
                return rest, None
            self.identities.add(socket, identity)
        except ConnectRefused as exc:
            self._metrics.connects_refused.labels(exc.reason).inc()
            if exc.code == "unauthorized" and self._log_limiter.allows():
                log.info("connection %s of %s may not join: %s", *socket, exc.__cause__ or exc.reason)
            raise
        if namespace in manager.offset_namespaces:
            try:
                rest, welcome = await self._recovery.admit(
                    session.sid, namespace, rest, identity, deflates=session.deflates
                )
            except BaseException:
                self.identities.remove(socket)
                raise
        manager.expect_rooms(session.sid, identity.joins)
        return rest, welcome

    def forget(self, session: Session, namespace: str) -> None:
        """A client that was admitted is not connected after all."""
        self.identities.remove((session.sid, namespace))

    def identity(self, sid: str, namespace: str) -> Identity:
        """Return the identity of a session."""
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        return self.identities.get((eio_sid, namespace)) or self._authenticator.anyone

    async def renew(self, sid: str, namespace: str, token: Any) -> Identity:
        """Give a session another token of the same subject.

        Raises `ConnectRefused`, and `KeysUnavailable` if the token cannot be checked now.
        """
        eio_sid = self._server.manager.eio_sid_from_sid(sid, namespace)
        session = self._server.eio.sockets.get(eio_sid)
        try:
            identity = await self._authenticator.identify(token, session.address if session else "")
            self.identities.renew((eio_sid, namespace), identity)
        except ConnectRefused as exc:
            self._metrics.connects_refused.labels(exc.reason).inc()
            # A connected session is never refused because others at its address guess tokens.
            raise ConnectRefused("unauthorized", exc.reason) from exc
        return identity

    async def end_without(self, keys: Container[object], seconds: float) -> None:
        """End the connections whose token was signed with none of these keys, spread over a time.

        Their browsers reconnect by themselves, and need a token that another key has signed.
        """
        eio_sids = {eio_sid for eio_sid, _ in self.identities.not_signed_by(keys)}
        sessions = [self._server.eio.sockets[sid] for sid in eio_sids if sid in self._server.eio.sockets]
        if sessions:
            log.warning("closing %d connections: the keys of their tokens were withdrawn", len(sessions))
        await drain(sessions, seconds, partial(self._end_if_without, keys))

    def _end_if_without(self, keys: Container[object], session: Session) -> None:
        sockets = ((session.sid, namespace) for namespace in self._server.manager.get_namespaces())
        identities = filter(None, map(self.identities.get, sockets))
        if any(identity.key not in keys for identity in identities):  # the token may be a newer one by now
            session.end(KEY_WITHDRAWN, code=EXPIRED, text="the key of the token was withdrawn")

    def _token_expiring(self, socket: SocketKey, seconds: float) -> None:
        eio_sid, namespace = socket
        if sid := self._server.manager.sid_from_eio_sid(eio_sid, namespace):
            data = {"expires_in": round(seconds)}
            options = {"to": sid, "namespace": namespace, "ignore_queue": True}
            self._server.eio.start(self._server.emit("token_expiring", data, **options))

    def _token_expired(self, socket: SocketKey) -> None:
        if session := self._server.eio.sockets.get(socket[0]):
            session.end(TOKEN_EXPIRED, code=EXPIRED, text="the token has expired")
