"""Sessions in Redis: what any replica needs to know about a browser that reconnects to it.

This module knows no connections and no rooms; `live_sessions` and `session_restorer` do.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from importlib.resources import files
from itertools import islice

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import jittered, redis_call
from queuecast_bus.record import offset_key
from queuecast_gateway.recovery.session_state import Change, Claimed, State, Verb

log = logging.getLogger(__name__)

BATCH = 200
BATCH_BYTES = 32 << 10
"""The size of one write, which blocks Redis for everyone; a single session may be larger."""

PAUSE_SECONDS = 0.02
"""The pause between two writes that nobody waits for: in a storm of connects, many sessions share a write."""

CLAIMS = 16
"""How many sessions are claimed at once: each claim takes a connection to Redis, and when a replica dies its
clients claim thousands."""

MAX_WAITING = 50_000
"""How many changed sessions may wait while Redis is away; the others are noted again with their next ping."""


class SessionStore:
    """Saves sessions in batches, and claims them one at a time.

    A session is kept for `ttl_seconds` after each time that it is saved, and for `away_seconds` after it has
    left.
    """

    def __init__(self, bus: BusManager, ttl_seconds: float, away_seconds: float) -> None:
        load = files("queuecast_gateway.recovery").joinpath
        self._bus = bus
        self._ttl_ms = round(ttl_seconds * 1000)
        self._away_ms = round(away_seconds * 1000)
        self._save = bus.commands.register_script(load("sessions.lua").read_text("utf-8"))
        self._claim = bus.commands.register_script(load("claim.lua").read_text("utf-8"))
        self._lose = bus.commands.register_script(load("lost.lua").read_text("utf-8"))
        self._lost: str | None = None
        self._waiting: dict[str, Change] = {}
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._claiming = asyncio.Semaphore(CLAIMS)

    def note(self, pid: str, verb: Verb, state: State) -> None:
        """Save the newest state of a session soon."""
        self._change(pid, verb, state)

    def changed(self, pid: str, state: State, room: str, *, entered: bool) -> None:
        """Save soon that a connected session has entered or left a room."""
        if (change := self._change(pid, "here", state)) is not None:
            change.changed(room, entered=entered)

    def _change(self, pid: str, verb: Verb, state: State) -> Change | None:
        change = self._waiting.get(pid)
        if change is not None:
            change.update(verb, state)
        elif len(self._waiting) < MAX_WAITING:
            change = self._waiting[pid] = Change(verb, state)
            self._wake.set()
        return change

    def lost(self, up_to: str) -> None:
        """Tell every replica soon that records up to this offset may have been lost."""
        self._lost = up_to
        self._wake.set()

    async def confirm(self, pid: str, state: State) -> None:
        """Save a session now. Raises `BusUnavailable`."""
        # In turn with all other changes: over another connection an older one might arrive later and undo it.
        self._waiting.setdefault(pid, Change("here", state))
        await self.flush()

    async def claim(self, pid: str, namespace: str, subject: str) -> Claimed | None:
        """Make this replica the owner of a session, if this subject has one with this private id.

        Raises `BusUnavailable`.
        """
        if self._waiting or self._flushing.locked():
            # The session may have been dropped a moment ago.
            await self.flush()
        keys = self._bus.keys
        async with self._claiming, redis_call("claiming a session"):
            answer = await self._claim(
                keys=[keys.session(pid), keys.tail, keys.rewound],
                args=[self._bus.host_id, self._ttl_ms, namespace, subject],
            )
        if not answer:
            return None
        number, sent_away, *parts = answer
        texts = iter([part.decode() for part in parts])
        sid, offset, owner, tail, lost_up_to, saved = islice(texts, 6)
        state = State(sid, namespace, dict(zip(texts, texts, strict=True)), offset, subject)
        return Claimed(state, owner, tail, lost_up_to, number, saved, bool(sent_away))

    async def run(self) -> None:
        """Save what was noted, for ever."""
        attempt = 0
        while True:
            await self._wake.wait()
            try:
                await self.flush()
                attempt = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("sessions cannot be saved, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt))
                attempt += 1

    async def flush(self) -> None:
        """Save what was noted. Raises `BusUnavailable`, and then keeps what was not saved."""
        async with self._flushing:
            if self._lost is not None:
                await self._save_lost(self._lost)
                self._lost = None
            while self._waiting:
                batch, text = self._next_batch()
                try:
                    incomplete = await self._save_batch(batch, text)
                except BusUnavailable:
                    # Redis may have saved any part of it.
                    self._save_whole(batch, batch)
                    raise
                self._save_whole(batch, incomplete)
            self._wake.clear()

    def _next_batch(self) -> tuple[dict[str, Change], bytes]:
        """Remove the oldest changes, as many as one write may have; return them and the text of the write."""
        batch: dict[str, Change] = {}
        texts: list[bytes] = []
        size = 0
        for pid, change in islice(self._waiting.items(), BATCH):
            text = change.to_text()
            size += len(text)
            if batch and size > BATCH_BYTES:
                break
            batch[pid] = change
            texts.append(text)
        for pid in batch:
            del self._waiting[pid]
        return batch, b"[%b]" % b",".join(texts)

    def _save_whole(self, batch: Mapping[str, Change], pids: Iterable[str]) -> None:
        """Have all of these sessions saved next; a newer change that was noted meanwhile wins."""
        older = {}
        for pid in pids:
            change = self._waiting.pop(pid, batch[pid])
            change.whole = True
            older[pid] = change
        self._waiting = {**older, **self._waiting}

    async def _save_batch(self, batch: Mapping[str, Change], text: bytes) -> list[str]:
        """Save changes; return the sessions that have to be saved whole."""
        pids = list(batch)
        async with redis_call("saving sessions"):
            incomplete: list[int] = await self._save(
                keys=[self._bus.keys.session(pid) for pid in pids],
                # One argument for all: redis-py takes 2 µs for each.
                args=[self._bus.host_id, self._ttl_ms, self._away_ms, text],
            )
        return [pids[index - 1] for index in incomplete]

    async def _save_lost(self, up_to: str) -> None:
        async with redis_call("saving what was lost"):
            # For as long as any session that began before it can be kept.
            await self._lose(keys=[self._bus.keys.rewound], args=[up_to, *offset_key(up_to), self._ttl_ms])
