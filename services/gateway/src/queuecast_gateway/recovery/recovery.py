"""Connection state recovery: a client that reconnects, to any replica, gets its session and what it missed.

The wire protocol is the stock client's: https://socket.io/docs/v4/connection-state-recovery. A client holds
its session's private id and the offset of its last event. With every ping it is sent the newest offset, so
that it can recover even if no event came for hours.
"""

from collections.abc import Mapping
from typing import Any

from queuecast_bus import Gap
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.delivery.compression import Piece
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery import opt_out
from queuecast_gateway.recovery.live_sessions import LiveSessions
from queuecast_gateway.recovery.replay import Bounds, NotRecovered
from queuecast_gateway.recovery.session_restorer import SessionRestorer
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.recovery.welcome import Welcome, offset_frames


class Recovery:
    """Recovers the sessions of clients that reconnect; `sessions` are those that are connected."""

    def __init__(
        self, bus: GatewayBus, store: SessionStore, bounds: Bounds, metrics: Metrics, quota: Quota
    ) -> None:
        self.sessions = LiveSessions(bus, store, metrics, quota)
        self._restorer = SessionRestorer(bus, store, bounds)
        self._bus = bus
        self._store = store
        self._metrics = metrics
        self._without: set[str] = set()
        """Connections that want no offsets unless their CONNECT says otherwise."""

    def opened(self, eio_sid: str, environ: Mapping[str, str]) -> None:
        """A connection has begun, with this request."""
        if not opt_out.wanted(environ):
            self._without.add(eio_sid)

    def closed(self, eio_sid: str) -> None:
        """A connection has ended."""
        self._without.discard(eio_sid)

    async def admit(
        self,
        eio_sid: str,
        namespace: str,
        data: Mapping[str, Any],
        identity: Identity,
        *,
        deflates: bool = False,
    ) -> tuple[dict[str, Any], Welcome | None]:
        """Return the rest of a CONNECT packet's data, and the connection's welcome.

        The missed events in it are compressed if the connection `deflates`.

        The caller must connect it before it awaits anything. Raises `BusUnavailable`: the session can be
        recovered once Redis is back.
        """
        data = dict(data)
        pid, offset = data.pop("pid", None), data.pop("offset", None)
        wanted = opt_out.said(data.pop(opt_out.OPT_OUT, None))
        if wanted is False or (wanted is None and eio_sid in self._without):
            self._bus.refuse_offsets(eio_sid, namespace)
            return data, None
        missed: list[Piece] = []
        began = self._bus.history.position
        if isinstance(pid, str):
            outcome = "recovered"
            try:
                found, sent_away = await self._restorer.restore(namespace, pid, offset, identity)
                self._metrics.broken_off.inc(not sent_away)
                missed, began = found.pieces, found.state.offset
                self._bus.expect(eio_sid, found.state.sid, found.state.rooms)
            except NotRecovered as exc:
                outcome, pid = exc.outcome, None
            self._metrics.recoveries.labels(outcome).inc()
            self._metrics.events_replayed.inc(len(missed))
        pid = pid if isinstance(pid, str) else self._bus.server.eio.generate_id()
        newest = offset_frames(namespace, self._bus.history.position)
        frames = (
            self._bus.compression.replayed(missed) if deflates else b"".join([each.frames for each in missed])
        )
        return data, Welcome(pid, frames, newest, began)

    def lost(self, gap: Gap) -> None:
        """Drop all sessions: some records can never be read here, and none may go on as if it had them."""
        self._restorer.gaps += 1
        self.sessions.drop_all()
        if gap.reason == "rewound":
            # A client that was away meanwhile may reconnect to another replica.
            self._store.lost(gap.after)
