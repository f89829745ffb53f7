"""Restoring a session: claimed for this replica, closed elsewhere, and with all events that it has missed."""

from typing import Any

from queuecast_bus import BusUnavailable
from queuecast_bus.names import is_session_id
from queuecast_bus.record import offset_key
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.recovery.eligibility import replay_start
from queuecast_gateway.recovery.replay import Bounds, Missed, NotRecovered
from queuecast_gateway.recovery.replay_reader import ReplayReader, catch_up
from queuecast_gateway.recovery.session_state import Claimed
from queuecast_gateway.recovery.session_store import SessionStore


class SessionRestorer:
    """Restores sessions on this replica. `gaps` counts the gaps in what it has read from the bus."""

    def __init__(self, bus: GatewayBus, store: SessionStore, bounds: Bounds) -> None:
        self.gaps = 0
        self._bus = bus
        self._store = store
        self._bounds = bounds
        self._reader = ReplayReader(bus)

    async def restore(self, namespace: str, pid: str, offset: Any, identity: Identity) -> tuple[Missed, bool]:
        """Claim a session; return what it has missed since the offset and may still see, and whether its
        connection had been closed by its replica.

        The caller must connect the session before it awaits anything: then no record is missed or delivered
        twice. Raises `NotRecovered` and `BusUnavailable`.
        """
        gaps = self.gaps
        # Our ids are ASCII, and Redis cannot be asked for half of a surrogate pair.
        claimed = await self._store.claim(pid, namespace, identity.subject) if pid.isascii() else None
        if claimed is None or not is_session_id(claimed.state.sid):
            # Earlier versions gave out ids that could be joined like a room.
            raise NotRecovered("unknown")
        try:
            start = replay_start(offset, claimed, self._bounds.window_seconds)
            missed = Missed(claimed.state, start, claimed.saved, identity, self._bounds)
            with self._bus.recovering(claimed.state.sid, namespace, claimed.number) as is_newest_claim:
                await self._close_and_read(claimed, missed)
                if not is_newest_claim():
                    raise BusUnavailable("another connection has claimed the session meanwhile")
            if gaps != self.gaps:
                raise NotRecovered("lost")
        except NotRecovered:
            self._store.note(pid, "drop", claimed.state)
            raise
        return missed, claimed.sent_away

    async def _close_and_read(self, claimed: Claimed, missed: Missed) -> None:
        """Close the session's former connection and read all that it missed; the last scan awaits nothing."""
        sid, namespace = missed.state.sid, missed.state.namespace
        if claimed.owner not in ("", self._bus.host_id):
            await self._bus.close_elsewhere(claimed.owner, sid, namespace, claimed.number)
        is_complete = False
        while not is_complete:
            while not self._is_ready(missed):
                await self._bus.close_here(sid, namespace)
                await catch_up(self._bus.history, missed.after)
                await self._reader.read_older(missed)
            is_complete = await self._reader.scan(missed)

    def _is_ready(self, missed: Missed) -> bool:
        """Say whether the history has the rest of what was missed, and the session is not connected here."""
        history, key = self._bus.history, offset_key(missed.after)
        is_read = history.covers(missed.after) and key <= offset_key(history.position)
        return is_read and self._bus.eio_sid_from_sid(missed.state.sid, missed.state.namespace) is None
