"""Connection state recovery: who comes back, to any replica, gets its session and exactly what it missed.

The wire protocol is that of the stock client: https://socket.io/docs/v4/connection-state-recovery. A client
holds its session's private id, and the offset of the last event that it got; with every ping it is told the
newest offset, so that it may be silent for hours.
"""

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from socketio.packet import EVENT

from queuecast_bus import BusUnavailable, Entry, Gap
from queuecast_bus.names import is_session_id
from queuecast_bus.record import offset_key, offset_ms
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.engine import packets
from queuecast_gateway.limits.address import address_key
from queuecast_gateway.limits.lines import Lines
from queuecast_gateway.limits.quota import Quota
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.packet import namespace_prefix
from queuecast_gateway.replay import Bounds, Missed, NotRecovered
from queuecast_gateway.replicas import GatewayBus
from queuecast_gateway.session_state import State, Verb
from queuecast_gateway.sessions import Claimed, Sessions

log = logging.getLogger(__name__)

OFFSET_EVENT = "queuecast:offset"
"""The event by which a client is told an offset without any news. Its handlers are nobody's business."""

OPT_OUT = "recovery"
"""`auth: {recovery: false}` says that a client does not want offsets behind the arguments of its events."""

PAGE = 500
READERS = 4
"""So many clients at once are served what only Redis has, or has to be looked for; the others wait."""

LOOK_RECORDS, LOOK_SECONDS = 1_000, 0.005
"""So much of the history is looked through for one client, which takes half a millisecond, before all others
have so long. It may have 50,000 records, and clients may come back again and again from its far end."""

RECOVERIES_AT_ONCE, RECOVERIES_PER_SECOND = 30, 0.2
"""How often one session may come back: over a bad network as fast as the stock client tries, for a while.
Each time can cost `QUEUECAST_MAX_REPLAY_BYTES`, for a few bytes of the client's."""

CATCH_UP_SECONDS = 5.0
"""How long this replica may take to read what a client has been given by another one."""

SESSION_BYTES, ROOM_BYTES = 400, 80
"""What a session takes in Redis without its rooms, and each of these beside its name."""

_OFFSET = re.compile(r"\d{1,15}-\d{1,15}", re.ASCII)


class Welcome(NamedTuple):
    """What a connection gets with its CONNECT packet: its private id, what comes before, and what after.

    `began` is the offset at which its session began: nothing up to it is for the session.
    """

    pid: str
    missed: bytes
    offset: bytes
    began: str


class Known(NamedTuple):
    """What stays the same of a session that is connected here."""

    pid: str
    subject: str
    began: str


class Recovery:
    """The sessions of this replica that can come back."""

    def __init__(
        self, bus: GatewayBus, sessions: Sessions, bounds: Bounds, metrics: Metrics, quota: Quota
    ) -> None:
        self._bus = bus
        self._sessions = sessions
        self._bounds = bounds
        self._metrics = metrics
        self._quota = quota
        self._lines = Lines()
        self._known: dict[tuple[str, str], Known] = {}
        self._gaps = 0
        self._readers = asyncio.Semaphore(READERS)
        bus.watcher = self

    # Coming

    async def admit(
        self, eio_sid: str, namespace: str, data: Mapping[str, Any], identity: Identity
    ) -> tuple[dict[str, Any], Welcome | None]:
        """Return what else is in a CONNECT packet's data, and how to welcome the connection.

        It must be let in before anything else happens. Raises `BusUnavailable`: the session may come back as
        soon as Redis does.
        """
        data = dict(data)
        pid, offset, wanted = data.pop("pid", None), data.pop("offset", None), data.pop(OPT_OUT, True)
        if wanted is False:
            self._bus.refuse_offsets(eio_sid, namespace)
            return data, None
        missed: list[bytes] = []
        began = self._bus.history.position
        if isinstance(pid, str):
            outcome = "recovered"
            try:
                found = await self._find(namespace, pid, offset, identity)
                missed, began = found.frames, found.state.offset
                self._bus.expect(eio_sid, found.state.sid, found.state.rooms)
            except NotRecovered as exc:
                outcome, pid = exc.outcome, None
            self._metrics.recoveries.labels(outcome).inc()
            self._metrics.events_replayed.inc(len(missed))
        pid = pid if isinstance(pid, str) else self._bus.server.eio.generate_id()
        return data, Welcome(pid, b"".join(missed), self._offset_frames(namespace), began)

    async def _find(self, namespace: str, pid: str, offset: Any, identity: Identity) -> Missed:
        """Take a session over, with all that it has missed and may still see.

        Raises `NotRecovered` and `BusUnavailable`.
        """
        gaps = self._gaps
        # Ours are ASCII; half a character is none that Redis could be asked for.
        claimed = await self._sessions.claim(pid, namespace, identity.subject) if pid.isascii() else None
        if claimed is None or not is_session_id(claimed.state.sid):
            # An id of an earlier version could be joined like a room.
            raise NotRecovered("unknown")
        try:
            after = self._checked(claimed.state.offset if offset is None else offset, claimed)
            missed = Missed(claimed.state, after, claimed.saved, identity, self._bounds)
            with self._bus.coming(claimed.state.sid, namespace, claimed.number) as is_still_coming:
                await self._take_over(claimed, missed)
                if not is_still_coming():
                    raise BusUnavailable("the session has come back over another connection meanwhile")
            if gaps != self._gaps:
                raise NotRecovered("lost")
            # From the last look at the history to the connect nothing is awaited: no record falls between,
            # or comes twice.
        except NotRecovered:
            self._sessions.note(pid, "drop", claimed.state)
            raise
        return missed

    async def _take_over(self, claimed: Claimed, missed: Missed) -> None:
        """Close the former connection, and take in all that was missed; nothing is awaited after that."""
        sid, namespace = missed.state.sid, missed.state.namespace
        history = self._bus.history
        if claimed.owner not in ("", self._bus.host_id):
            await self._bus.close_elsewhere(claimed.owner, sid, namespace, claimed.number)
        while True:
            while not self._is_settled(missed):
                await self._bus.close_here(sid, namespace)
                await self._catch_up(missed.after)
                async with self._readers:
                    await self._read(missed)
            page = list(islice(history.after(missed.after), LOOK_RECORDS))
            elsewhere = missed.add(page, history)
            if not elsewhere and len(page) < LOOK_RECORDS:
                return
            async with self._readers:
                if elsewhere:
                    await self._recall(missed, elsewhere)
                else:
                    missed.after = page[-1].offset
                    await asyncio.sleep(LOOK_SECONDS)

    def _checked(self, after: Any, claimed: Claimed) -> str:
        if not isinstance(after, str) or not _OFFSET.fullmatch(after):
            raise NotRecovered("malformed")
        # The client may name any offset; what came before its session is not for it.
        began = claimed.state.offset
        start: str = max(after, began, key=offset_key)
        key, tail, lost_up_to = map(offset_key, (start, claimed.tail, claimed.lost_up_to))
        age_seconds = (tail[0] - offset_ms(began)) / 1000
        if claimed.number > RECOVERIES_AT_ONCE + RECOVERIES_PER_SECOND * age_seconds:
            raise NotRecovered("too_often")
        # What was lost came after `lost_up_to`, too: that is only how far somebody had read.
        if key > tail or (any(lost_up_to) and key <= lost_up_to):
            raise NotRecovered("lost")
        # By Redis's clock alone: services send themselves records every two seconds.
        if tail[0] - key[0] > self._bounds.window_seconds * 1000:
            raise NotRecovered("expired")
        return start

    def _is_settled(self, missed: Missed) -> bool:
        """Say whether all else that was missed is in the history, and nobody is here as this session."""
        history, key = self._bus.history, offset_key(missed.after)
        read = history.covers(missed.after) and key <= offset_key(history.position)
        return read and self._bus.eio_sid_from_sid(missed.state.sid, missed.state.namespace) is None

    async def _catch_up(self, after: str) -> None:
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while offset_key(self._bus.history.position) < offset_key(after):  # noqa: ASYNC110  # rare, and short
                    await asyncio.sleep(0.01)
        except TimeoutError as exc:
            raise BusUnavailable(f"this replica has not read the bus up to {after}") from exc

    async def _read(self, missed: Missed) -> None:
        """Read what is older than the history, until what is left is in it."""
        history = self._bus.history
        while not history.covers(missed.after):
            batch = await self._bus.between(missed.after, history.position, PAGE)
            if batch.gap is not None:
                raise NotRecovered("trimmed")
            missed.add(batch.entries, history)
            missed.after = batch.position

    async def _recall(self, missed: Missed, entries: Sequence[Entry]) -> None:
        """Read again what nobody here wanted when it came."""
        size, done = 0, 0
        while done < len(entries):
            page = entries[done : done + PAGE]
            found = await self._bus.recall([entry.offset for entry in page])
            for entry, fields in zip(page, found, strict=False):
                if not fields:
                    raise NotRecovered("trimmed")
                size += self._bus.history.recall(entry, fields)
            missed.check(len(entries), size)
            done += len(found)

    # Being there

    def opened(self, sid: str, namespace: str, welcome: Welcome, subject: str, address: str) -> None:
        """A session is connected; it is kept if its address has room for it."""
        known = self._known[namespace, sid] = Known(welcome.pid, subject, welcome.began)
        size = SESSION_BYTES + sum(map(_room_bytes, self._bus.joined(sid, namespace)))
        if self._quota.hold(known.pid, address_key(address), size, time.monotonic()):
            self._sessions.note(known.pid, "save", self._state(sid, namespace, known))
        else:
            self._keep_no_more(sid, namespace)

    def changed(self, sid: str, namespace: str, room: str, *, entered: bool) -> None:
        """A session has entered or left a room."""
        if known := self._known.get((namespace, sid)):
            more = _room_bytes(room) if entered else -_room_bytes(room)
            if self._quota.grow(known.pid, more, time.monotonic()):
                self._sessions.changed(known.pid, self._state(sid, namespace, known), room, entered=entered)
            else:
                self._keep_no_more(sid, namespace)

    def _keep_no_more(self, sid: str, namespace: str) -> None:
        """Have a session begin anew when it comes back."""
        self._metrics.sessions_not_kept.inc()
        if self._lines.has_room():
            log.warning(
                "a session is not kept: those of its address take QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS; "
                "if it is a proxy, QUEUECAST_TRUSTED_PROXIES should have it"
            )
        self._forget(sid, namespace, "drop")

    async def remember(self, sid: str, namespace: str) -> None:
        """Write down a session's rooms now. Raises `BusUnavailable`."""
        if known := self._known.get((namespace, sid)):
            await self._sessions.confirm(known.pid, self._state(sid, namespace, known))

    def pinged(self, eio_sid: str) -> bytes:
        """Return what a connection is told with its ping; its sessions are known for longer then."""
        frames = b""
        for namespace in self._bus.offset_namespaces:
            sid = self._bus.sid_from_eio_sid(eio_sid, namespace)
            if known := self._known.get((namespace, sid or "")):
                self._sessions.note(known.pid, "here", self._state(sid, namespace, known))
                frames += self._offset_frames(namespace)
        return frames

    # Going

    def left(self, eio_sid: str, *, for_good: bool) -> None:
        """A connection has ended; its sessions may come back, or not."""
        for namespace in self._bus.offset_namespaces:
            if sid := self._bus.sid_from_eio_sid(eio_sid, namespace):
                self._forget(sid, namespace, "drop" if for_good else "left")

    def dropped(self, sid: str, namespace: str) -> None:
        """A session has left its namespace by its own or by our will."""
        self._forget(sid, namespace, "drop")

    def lost(self, gap: Gap) -> None:
        """Records are gone that nobody here has read: no session goes on as if it had them."""
        self._gaps += 1
        for namespace, sid in list(self._known):
            self._forget(sid, namespace, "drop")
        if gap.reason == "rewound":
            # Whoever was away meanwhile may come back to another replica.
            self._sessions.lost(gap.after)

    def _forget(self, sid: str, namespace: str, verb: Verb) -> None:
        if known := self._known.pop((namespace, sid), None):
            if verb == "left":
                self._quota.leave(known.pid, time.monotonic())
            else:
                self._quota.release(known.pid)
            self._sessions.note(known.pid, verb, self._state(sid, namespace, known))

    def _state(self, sid: str, namespace: str, known: Known) -> State:
        return State(sid, namespace, self._bus.joined(sid, namespace), known.began, known.subject)

    def _offset_frames(self, namespace: str) -> bytes:
        prefix = namespace_prefix(namespace)
        return packets.message(f'{EVENT}{prefix}["{OFFSET_EVENT}","{self._bus.history.position}"]')


def _room_bytes(room: str) -> int:
    """Return about what a room of a session takes in Redis."""
    return ROOM_BYTES + len(room.encode())
