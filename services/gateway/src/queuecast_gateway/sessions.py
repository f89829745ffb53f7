"""Sessions as Redis has them: what any replica needs to know about a browser that comes back to it.

They are written down at once, not when a connection ends: a replica that is killed says nothing. It knows no
connections and no rooms; `recovery` does.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from importlib.resources import files
from itertools import islice
from typing import NamedTuple

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.connection import asking, jittered
from queuecast_bus.record import offset_key
from queuecast_gateway.session_state import Change, State, Verb

log = logging.getLogger(__name__)

BATCH = 200
BATCH_BYTES = 32 << 10
"""Of one write, which holds up Redis for everyone; one session alone may have more."""

PAUSE_SECONDS = 0.02
"""So long between two writes that nobody waits for: in a storm of connects, many share one."""

CLAIMS = 16
"""So many sessions are claimed at a time: each takes a connection to Redis, and a replica that died sends
thousands."""

MAX_WAITING = 50_000
"""Words on sessions that may wait for Redis to come back; those beyond are said again with the next ping."""


class Claimed(NamedTuple):
    """A session that was taken over, who had it (or ""), and how far the stream goes.

    Records up to `lost_up_to` may have been lost by Redis. `number` counts the claims of this session: of two
    at once the later one counts. The state's rooms contain all commands up to the offset `saved`.
    """

    state: State
    owner: str
    tail: str
    lost_up_to: str
    number: int = 0
    saved: str = "0-0"


class Sessions:
    """Writes sessions down, many at a time, and takes them over, one at a time.

    One is kept for `ttl_seconds` after each word that it is here, and for `away_seconds` after it has left.
    """

    def __init__(self, bus: BusManager, ttl_seconds: float, away_seconds: float) -> None:
        load = files("queuecast_gateway").joinpath
        self._bus = bus
        self._ttl_ms = round(ttl_seconds * 1000)
        self._away_ms = round(away_seconds * 1000)
        self._write = bus.commands.register_script(load("sessions.lua").read_text("utf-8"))
        self._claim = bus.commands.register_script(load("claim.lua").read_text("utf-8"))
        self._lose = bus.commands.register_script(load("lost.lua").read_text("utf-8"))
        self._lost: str | None = None
        self._waiting: dict[str, Change] = {}
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._claiming = asyncio.Semaphore(CLAIMS)

    def note(self, pid: str, verb: Verb, state: State) -> None:
        """Have the newest word on a session written down soon."""
        self._change(pid, verb, state)

    def changed(self, pid: str, state: State, room: str, *, entered: bool) -> None:
        """Have it written down soon that a session that is here has entered or left a room."""
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
        """Have it known to every replica that records up to this offset may have been lost."""
        self._lost = up_to
        self._wake.set()

    async def confirm(self, pid: str, state: State) -> None:
        """Have all that is known of a session written down now. Raises `BusUnavailable`."""
        # In turn with all else: on another connection an older word might come after it, and undo it.
        self._waiting.setdefault(pid, Change("here", state))
        await self.flush()

    async def claim(self, pid: str, namespace: str, subject: str) -> Claimed | None:
        """Take a session over, if there is one of this subject with this private id there.

        Raises `BusUnavailable`.
        """
        if self._waiting or self._flushing.locked():
            # It may have ended for good just now.
            await self.flush()
        keys = self._bus.keys
        async with self._claiming, asking("claiming a session"):
            answer = await self._claim(
                keys=[keys.session(pid), keys.tail, keys.rewound],
                args=[self._bus.host_id, self._ttl_ms, namespace, subject],
            )
        if not answer:
            return None
        number, texts = answer[5], iter([part.decode() for part in (*answer[:5], *answer[6:])])
        sid, offset, owner, tail, lost_up_to, saved = islice(texts, 6)
        state = State(sid, namespace, dict(zip(texts, texts, strict=True)), offset, subject)
        return Claimed(state, owner, tail, lost_up_to, number, saved)

    async def run(self) -> None:
        """Write down what is noted, for ever."""
        attempt = 0
        while True:
            await self._wake.wait()
            try:
                await self.flush()
                attempt = 0
                await asyncio.sleep(PAUSE_SECONDS)
            except BusUnavailable as exc:
                if attempt == 0:
                    log.warning("sessions are not written down, trying again: %s", exc)
                await asyncio.sleep(jittered(attempt))
                attempt += 1

    async def flush(self) -> None:
        """Write down what was noted. Raises `BusUnavailable`; what was not written is kept."""
        async with self._flushing:
            if self._lost is not None:
                await self._put_lost(self._lost)
                self._lost = None
            while self._waiting:
                batch, text = self._take()
                try:
                    again = await self._put(batch, text)
                except BusUnavailable:
                    # It is not known what Redis has of it.
                    self._say_again(batch, batch)
                    raise
                self._say_again(batch, again)
            self._wake.clear()

    def _take(self) -> tuple[dict[str, Change], bytes]:
        """Take what has waited longest, as much as goes into one write; return it, and its text."""
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

    def _say_again(self, batch: Mapping[str, Change], pids: Iterable[str]) -> None:
        """Have all of these sessions said, before all else; a newer word that came meanwhile counts."""
        older = {}
        for pid in pids:
            change = self._waiting.pop(pid, batch[pid])
            change.whole = True
            older[pid] = change
        self._waiting = {**older, **self._waiting}

    async def _put(self, batch: Mapping[str, Change], text: bytes) -> list[str]:
        """Write down; return those of which all has to be said."""
        pids = list(batch)
        async with asking("writing down sessions"):
            again: list[int] = await self._write(
                keys=[self._bus.keys.session(pid) for pid in pids],
                # One argument for all: redis-py takes 2 µs for each.
                args=[self._bus.host_id, self._ttl_ms, self._away_ms, text],
            )
        return [pids[place - 1] for place in again]

    async def _put_lost(self, up_to: str) -> None:
        async with asking("writing down what was lost"):
            # As long as any session that began before it.
            await self._lose(keys=[self._bus.keys.rewound], args=[up_to, *offset_key(up_to), self._ttl_ms])
