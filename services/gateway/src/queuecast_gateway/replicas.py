"""The bus of a gateway: the rooms of this replica, and what replicas ask of one another.

A session that comes back here may still have a connection there, which nobody has found dead yet. The replica
that has it is asked to close it, over its own pub/sub channel, and answers when it is closed.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from queuecast_bus import BadRecord, BusManager, BusUnavailable
from queuecast_bus.presence import counted
from queuecast_gateway.history import History
from queuecast_gateway.rooms import Rooms
from queuecast_gateway.settings import Settings

log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
"""How long another replica may take to close a connection. One that stands still takes longer: what it would
still write goes to a client that has turned away."""


class GatewayBus(BusManager, Rooms):
    """The bus of a gateway: what it reads goes to the rooms of this replica."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        # What one browser sends on is never more than it may say itself.
        self._max_record_bytes = min(settings.max_record_bytes, settings.max_message_bytes)
        self.history = History(0, settings.max_record_bytes)
        self._asked: dict[str, asyncio.Event] = {}
        self._coming: dict[tuple[str, str], int] = {}

    @contextmanager
    def coming(self, sid: str, namespace: str, claim: int) -> Iterator[Callable[[], bool]]:
        """A session is about to come; the answer says whether it still is to.

        It is not once a later claim has asked for it here, or brings it here. What is read meanwhile is kept.
        """
        key = namespace, sid
        self._coming[key] = claim
        self.history.keeping += 1
        try:
            yield lambda: self._coming.get(key) == claim
        finally:
            self.history.keeping -= 1
            if self._coming.get(key) == claim:
                del self._coming[key]

    async def close_elsewhere(self, replica: str, sid: str, namespace: str, claim: int) -> None:
        """Have another replica close a session's connection; wait until it is closed, or for a while.

        Raises `BusUnavailable`.
        """
        question = uuid.uuid4().hex
        closed = self._asked[question] = asyncio.Event()
        message = {"method": "disconnect", "sid": sid, "namespace": namespace, "claim": claim}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if await self.tell(replica, {**message, "question": question, "host_id": self.host_id}):
                    await closed.wait()
        except TimeoutError:
            pass
        finally:
            del self._asked[question]

    async def close_here(self, sid: str, namespace: str) -> None:
        """Close a session's connection to this replica, if there is one, and wait until all of it is gone."""
        while eio_sid := self.eio_sid_from_sid(sid, namespace):
            session = self.server.eio.sockets.get(eio_sid)
            if session is not None:
                session.end(self.server.reason.TRANSPORT_CLOSE)
            # The disconnect handlers come first.
            await asyncio.sleep(0.005)

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        """Emit what a stock manager in another process wants, unless some client could not take it."""
        try:
            await super()._handle_emit(message)
        except BadRecord as exc:
            self.history.on_skipped("an event of a stock manager", exc)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
            why = BadRecord(f"not an event: {type(exc).__name__}: {exc}"[:200])
            self.history.on_skipped("an event of a stock manager", why)

    async def _handle_enter_room(self, message: dict[str, Any]) -> None:
        try:
            await super()._handle_enter_room(message)
        except ValueError as exc:
            log.warning("another process cannot move a session into a room: %s", exc)

    async def _handle_disconnect(self, message: dict[str, Any]) -> None:
        if "question" not in message:
            await super()._handle_disconnect(message)
        else:
            # Its handlers may take a while; the control channel goes on meanwhile.
            self.server.eio.start(self._close_and_answer(message))

    async def _close_and_answer(self, message: dict[str, Any]) -> None:
        key = message["namespace"], message["sid"]
        if self._coming.get(key, message["claim"]) < message["claim"]:
            del self._coming[key]
        await self.close_here(message["sid"], message["namespace"])
        try:
            await self.tell(message["host_id"], {"method": "callback", "answer": message["question"]})
        except BusUnavailable as exc:
            log.info("a replica is not told that a connection is closed: %s", exc)

    async def _handle_callback(self, message: dict[str, Any]) -> None:
        if "count" in message:
            await self._answer_count(message)
        elif "answer" not in message:
            await super()._handle_callback(message)
        elif closed := self._asked.get(message["answer"]):
            closed.set()

    async def _answer_count(self, message: dict[str, Any]) -> None:
        """Say how many sessions are in some rooms here; see `queuecast_bus.presence`."""
        audience = self.audience(message["namespace"], message["rooms"])
        sessions = len(audience.recoverable) + len(audience.plain)
        try:
            await self.tell(message["host_id"], counted(message, self.host_id, sessions))
        except BusUnavailable as exc:
            log.info("who asked for sessions is not told: %s", exc)
