"""The bus of a gateway: the rooms of this replica, and the requests that replicas send to each other.

A session that is recovered here may still be connected to another replica, which has not noticed yet that the
connection is dead. That replica is asked over its own pub/sub channel to close it, and answers when it has.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from queuecast_bus import BadRecord, BusManager, BusUnavailable
from queuecast_bus.presence import count_answer
from queuecast_gateway.delivery.emitters import Emitters
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.rooms import NOBODY, Rooms
from queuecast_gateway.replica.figures import ANSWER, QUESTION, ReplicaFigures
from queuecast_gateway.replica.room_counts import RoomCounts
from queuecast_gateway.settings import Settings
from queuecast_gateway.wire.emission import Unsupported
from queuecast_gateway.wire.python_message import (
    Pickled,
    is_of_an_emitter,
    read_emission,
    read_python_message,
)

log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
"""How long another replica may take to close a connection. One that hangs takes longer, but its client no
longer reads what it may still write."""


class GatewayBus(BusManager, Rooms):
    """The bus of a gateway: what it reads is for the rooms of this replica.

    If it `is_traced`, records may carry the trace context in which they are published.
    """

    is_traced = False

    def __init__(self, settings: Settings) -> None:
        url = settings.redis_read_url
        super().__init__(settings, read_url=None if url is None else url.get_secret_value())
        # A relayed event is never larger than what a browser may send.
        self._max_record_bytes = min(settings.max_record_bytes, settings.max_message_bytes)
        self.history = History(0, settings.max_record_bytes)
        self.emitters: Emitters
        self.figures: ReplicaFigures
        self.room_counts = RoomCounts(self)
        self._hears_python = "python" in settings.emitters
        self._close_requests: dict[str, asyncio.Event] = {}
        self._claims: dict[tuple[str, str], int] = {}

    @contextmanager
    def recovering(self, sid: str, namespace: str, claim: int) -> Iterator[Callable[[], bool]]:
        """Keep the texts of all records while a session is recovered here.

        The value says whether the claim is still the session's newest: another replica, or another connection
        to this one, may claim it meanwhile.
        """
        key = namespace, sid
        self._claims[key] = claim
        try:
            with self.history.keeping_texts():
                yield lambda: self._claims.get(key) == claim
        finally:
            if self._claims.get(key) == claim:
                del self._claims[key]

    async def ask_replicas(self, message: dict[str, Any]) -> int:
        """Send a question to all replicas, this one included; return how many connections received it.

        Raises `BusUnavailable`.
        """
        return await self._control.publish(self.channel, json.dumps({"method": "callback", **message}))

    async def close_elsewhere(self, replica: str, sid: str, namespace: str, claim: int) -> None:
        """Have another replica close a session's connection; wait up to `ANSWER_SECONDS` until it has.

        Raises `BusUnavailable`.
        """
        question = uuid.uuid4().hex
        closed = self._close_requests[question] = asyncio.Event()
        message = {
            "method": "disconnect",
            "sid": sid,
            "namespace": namespace,
            "claim": claim,
            "question": question,
            "host_id": self.host_id,
        }
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if await self.send_to_replica(replica, message):
                    await closed.wait()
        except TimeoutError:
            pass
        finally:
            del self._close_requests[question]

    async def close_here(self, sid: str, namespace: str) -> None:
        """Close a session's connection to this replica, if there is one, and wait until it is cleaned up."""
        while eio_sid := self.eio_sid_from_sid(sid, namespace):
            session = self.server.eio.sockets.get(eio_sid)
            if session is not None:
                session.end(self.server.reason.TRANSPORT_CLOSE)
            # The disconnect handlers run first.
            await asyncio.sleep(0.005)

    async def _listen(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages of the control channel that can be followed; count all others."""
        async with aclosing(self._control.messages()) as messages:
            async for message in messages:
                if (read := self._read(message)) is not None:
                    yield read

    def _read(self, message: bytes) -> dict[str, Any] | None:
        try:
            read = read_python_message(message, self.history.max_event_bytes)
        except Pickled:
            self.emitters.refuse(
                "pickled", "python-socketio before 5.14 pickles them, and a pickle is never read: upgrade it"
            )
        except Unsupported as exc:
            self.emitters.refuse("unsupported", str(exc))
        except BadRecord as exc:
            self.emitters.skip(exc)
        else:
            if self._hears_python or not is_of_an_emitter(read):
                return read
            self.emitters.refuse("switched_off", "`python` is not in QUEUECAST_EMITTERS")
        return None

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        """Deliver an event of a stock manager in another process, unless some client could not take it."""
        try:
            emission = read_emission(message)
            if message.get("callback") is None:
                self.emitters.deliver(emission)
            elif self.emitters.audience(emission) is not NOBODY:
                # Of a server in Python, which waits for the answer of one session.
                await super()._handle_emit(message)
                self.emitters.count("delivered")
        except BadRecord as exc:
            self.emitters.skip(exc)
        except (LookupError, TypeError, ValueError, AttributeError) as exc:
            self.emitters.skip(BadRecord(f"not an event: {type(exc).__name__}: {exc}"[:200]))

    async def _handle_enter_room(self, message: dict[str, Any]) -> None:
        self.emitters.count("command")
        try:
            await super()._handle_enter_room(message)
        except ValueError as exc:
            log.warning("another process cannot move a session into a room: %s", exc)

    async def _handle_leave_room(self, message: dict[str, Any]) -> None:
        self.emitters.count("command")
        await super()._handle_leave_room(message)

    async def _handle_close_room(self, message: dict[str, Any]) -> None:
        self.emitters.count("command")
        await super()._handle_close_room(message)

    async def _handle_disconnect(self, message: dict[str, Any]) -> None:
        if "question" not in message:
            self.emitters.count("command")
            await super()._handle_disconnect(message)
        else:
            # The disconnect handlers may take a while, and the control channel must not wait for them.
            self.server.eio.start(self._close_and_answer(message))

    async def _close_and_answer(self, message: dict[str, Any]) -> None:
        key = message["namespace"], message["sid"]
        if self._claims.get(key, message["claim"]) < message["claim"]:
            del self._claims[key]
        await self.close_here(message["sid"], message["namespace"])
        try:
            await self.send_to_replica(
                message["host_id"], {"method": "callback", "answer": message["question"]}
            )
        except BusUnavailable as exc:
            log.info("cannot tell a replica that a connection is closed: %s", exc)

    async def _handle_callback(self, message: dict[str, Any]) -> None:
        try:
            if "count" in message:
                await self._answer_count(message)
            elif "counted" in message:
                self.room_counts.receive(message)
            elif QUESTION in message:
                # This may take a while, too.
                self.server.eio.start(self._answer_figures(message))
            elif ANSWER in message:
                self.figures.receive(message)
            elif "answer" not in message:
                await super()._handle_callback(message)
            elif closed := self._close_requests.get(message["answer"]):
                closed.set()
        except (LookupError, TypeError, ValueError, AttributeError) as exc:
            self.emitters.skip(BadRecord(f"not a callback: {type(exc).__name__}: {exc}"[:200]))

    async def _answer_figures(self, message: dict[str, Any]) -> None:
        try:
            await self.figures.answer(message)
        except (LookupError, TypeError, ValueError, AttributeError) as exc:
            self.emitters.skip(BadRecord(f"not a question: {type(exc).__name__}: {exc}"[:200]))

    async def _answer_count(self, message: dict[str, Any]) -> None:
        """Answer how many sessions are in some rooms here; see `queuecast_bus.presence`."""
        audience = self.audience(message["namespace"], message["rooms"])
        answer = count_answer(message, self.host_id, len(audience.recoverable) + len(audience.plain))
        if message.get("each"):
            rooms = self.rooms.get(message["namespace"], {})
            answer["each"] = {room: len(rooms.get(room, ())) for room in message["rooms"]}
        try:
            await self.send_to_replica(message["host_id"], answer)
        except BusUnavailable as exc:
            log.info("cannot answer how many sessions are here: %s", exc)
