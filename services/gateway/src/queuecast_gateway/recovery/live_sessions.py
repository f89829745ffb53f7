"""The sessions that are connected to this replica, saved so that any replica can recover them.

They are saved whenever they change, not when a connection ends: a replica that is killed saves nothing more.
"""

import logging
import time
from dataclasses import dataclass
from typing import Literal

from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.limits.client_address import address_key
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.recovery.session_state import State, Verb
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.recovery.welcome import Welcome, offset_frames

log = logging.getLogger(__name__)

SESSION_BYTES, ROOM_BYTES = 400, 80
"""What a session takes in Redis without its rooms, and what each room takes beside its name."""


@dataclass(slots=True)
class LiveSession:
    """A session that is connected here; `size` bytes of it count for the `address`."""

    pid: str
    subject: str
    began: str
    address: str
    size: int = 0


class LiveSessions:
    """Saves the sessions of this replica, for as long as the quota of their address allows."""

    def __init__(self, bus: GatewayBus, store: SessionStore, metrics: Metrics, quota: Quota) -> None:
        self._bus = bus
        self._store = store
        self._metrics = metrics
        self._quota = quota
        self._log_limiter = LogLimiter()
        self._live: dict[tuple[str, str], LiveSession] = {}
        bus.watcher = self

    def opened(self, sid: str, namespace: str, welcome: Welcome, subject: str, address: str) -> None:
        """A session has connected; it is saved if its address has quota left."""
        live = LiveSession(welcome.pid, subject, welcome.began, address_key(address))
        self._live[namespace, sid] = live
        self._quota.come_back(live.pid)
        size = SESSION_BYTES + sum(map(_room_bytes, self._bus.joined(sid, namespace)))
        if self._grows(live, size):
            self._store.note(live.pid, "save", self._state(sid, namespace, live))
        else:
            self._exceed_quota(sid, namespace)

    def changed(self, sid: str, namespace: str, room: str, *, entered: bool) -> None:
        """A session has entered or left a room."""
        if live := self._live.get((namespace, sid)):
            more = _room_bytes(room) if entered else -_room_bytes(room)
            if self._grows(live, more):
                self._store.changed(live.pid, self._state(sid, namespace, live), room, entered=entered)
            else:
                self._exceed_quota(sid, namespace)

    async def remember(self, sid: str, namespace: str) -> None:
        """Save a session's rooms now. Raises `BusUnavailable`."""
        if live := self._live.get((namespace, sid)):
            await self._store.confirm(live.pid, self._state(sid, namespace, live))

    def pinged(self, eio_sid: str) -> bytes:
        """Return the frames that a connection is sent with its ping, and extend how long Redis keeps it."""
        frames = b""
        for namespace in self._bus.offset_namespaces:
            sid = self._bus.sid_from_eio_sid(eio_sid, namespace)
            if live := self._live.get((namespace, sid or "")):
                self._store.note(live.pid, "here", self._state(sid, namespace, live))
                frames += offset_frames(namespace, self._bus.history.position)
        return frames

    def left(self, eio_sid: str, verb: Literal["left", "sent_away", "drop"]) -> None:
        """A connection has ended; the verb says what that means for its sessions."""
        for namespace in self._bus.offset_namespaces:
            if sid := self._bus.sid_from_eio_sid(eio_sid, namespace):
                self._forget(sid, namespace, verb)

    def dropped(self, sid: str, namespace: str) -> None:
        """A session has left its namespace, by its own request or by ours."""
        self._forget(sid, namespace, "drop")

    def drop_all(self) -> None:
        """Let none of the sessions be recovered."""
        for namespace, sid in list(self._live):
            self._forget(sid, namespace, "drop")

    def _grows(self, live: LiveSession, by: int) -> bool:
        """Count so many more bytes of a session; return False, and count nothing, if that is too much."""
        if not self._quota.reserve(live.address, by, time.monotonic()):
            return False
        live.size += by
        return True

    def _exceed_quota(self, sid: str, namespace: str) -> None:
        self._metrics.sessions_not_kept.inc()
        if self._log_limiter.allows():
            log.warning(
                "a session is not kept: those of its address take QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS; "
                "if it is a proxy, add it to QUEUECAST_TRUSTED_PROXIES"
            )
        self._forget(sid, namespace, "drop")

    def _forget(self, sid: str, namespace: str, verb: Verb) -> None:
        if live := self._live.pop((namespace, sid), None):
            if verb in ("left", "sent_away"):
                self._quota.release_later(live.pid, live.address, live.size, time.monotonic())
            else:
                self._quota.release(live.address, live.size)
            self._store.note(live.pid, verb, self._state(sid, namespace, live))

    def _state(self, sid: str, namespace: str, live: LiveSession) -> State:
        return State(sid, namespace, self._bus.joined(sid, namespace), live.began, live.subject)


def _room_bytes(room: str) -> int:
    """Return about how many bytes a room of a session takes in Redis."""
    return ROOM_BYTES + len(room.encode())
