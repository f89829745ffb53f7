"""The requests of live boards: each needs a right, and has an acknowledgement for its answer.

Rights come from `QUEUECAST_BOARD_RIGHTS` and from the claim `operator` of a token. They are looked at with
each request: what a new token does not allow ends at once.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from queuecast_bus import BadRecord, BusUnavailable
from queuecast_gateway.access.grant import Identity
from queuecast_gateway.board.past import MAX_EVENTS, newest_events, rooms_of
from queuecast_gateway.board.queues import Queues
from queuecast_gateway.board.replicas import Replicas
from queuecast_gateway.board.sending import read_queue_sending, read_requests, read_sending
from queuecast_gateway.delivery.gateway_bus import GatewayBus
from queuecast_gateway.limits.log_limiter import LogLimiter
from queuecast_gateway.limits.rate_limiter import RateLimited
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE, Ack, Refusal, accepted

log = logging.getLogger(__name__)

EVENTS_NAMESPACE = "/"
"""The namespace whose events a board shows."""

BATCH = 100
"""Events of one publish."""

MAX_SENT_BYTES = 2 << 20
"""Bytes of the events of one request."""

MAX_OFFSETS = 100
"""Offsets in one request for rooms."""

_OFFSET = re.compile(r"\d{1,15}-\d{1,15}", re.ASCII)


class Server(Protocol):
    """The part of a Socket.IO server that the board's requests need."""

    def on(self, event: str, handler: Any, namespace: str) -> Any: ...
    def identity(self, sid: str, namespace: str) -> Identity: ...
    def reserve_relay(self, sid: str, namespace: str, size: int) -> None: ...


class BoardRequests:
    """Answers boards. `rights` are everybody's, `kill` ends this process at once."""

    def __init__(
        self,
        server: Server,
        bus: GatewayBus,
        metrics: Metrics,
        rights: tuple[str, ...],
        links: Mapping[str, str],
        replicas: Replicas,
        queues: Queues,
        kill: Callable[[], object],
    ) -> None:
        self._server = server
        self._bus = bus
        self._metrics = metrics
        self._rights = frozenset(rights)
        self._links = links
        self._replicas = replicas
        self._queues = queues
        self._kill_process = kill
        self._log_limiter = LogLimiter()
        # Many boards reconnect at once, and each asks for what came before: what they read adds up.
        self._reading = asyncio.Lock()

    def register(self) -> None:
        """Answer the board's namespace."""
        answers: tuple[tuple[str, str | None, Callable[..., Awaitable[dict[str, Any]]]], ...] = (
            ("about", None, self._about),
            ("past", "view", self._past),
            ("rooms_of", "view", self._rooms_of),
            ("replicas", "view", self._list_replicas),
            ("queues", "view", self._list_queues),
            ("send", "send", self._send),
            ("sendable", "send", self._list_sendable),
            ("send_by_queue", "send", self._send_by_queue),
            ("sent", "send", self._list_sent),
            ("kill", "kill", self._kill),
        )
        for event, right, answer in answers:
            self._server.on(event, partial(self._answer, right, answer), BOARD_NAMESPACE)

    def rights(self, sid: str) -> frozenset[str]:
        """Return what a session of a board may do."""
        return self._rights | self._server.identity(sid, BOARD_NAMESPACE).operator

    async def _answer(
        self,
        right: str | None,
        answer: Callable[..., Awaitable[dict[str, Any]]],
        sid: str,
        *arguments: Any,
    ) -> Ack:
        try:
            if right is not None and right not in self.rights(sid):
                raise Refusal("forbidden", f"this session may not {right} on the live board")
            return accepted(**await answer(sid, arguments[0] if len(arguments) == 1 else None))
        except Refusal as refusal:
            ack = refusal.ack()
        except BadRecord as exc:
            ack = Refusal("bad_payload", f"not every client could take this event: {exc}").ack()
        except RateLimited as exc:
            ack = Refusal("rate_limited", str(exc)).ack()
        except BusUnavailable as exc:
            self._note("a board gets no answer: %s", exc)
            ack = Refusal("bus_unavailable", "Redis did not confirm, try again").ack()
        self._metrics.acks_refused.labels(ack["error"]["code"]).inc()
        return ack

    async def _about(self, sid: str, _: Any) -> dict[str, Any]:
        """What this board may do, and the rooms that its connection is in."""
        rights = self.rights(sid)
        links = self._links if "view" in rights else {}
        return {
            "rights": sorted(rights),
            "links": links,
            "rooms": self._rooms_joined(sid),
            "presence": self._bus.presence is not None,
        }

    def _rooms_joined(self, sid: str) -> list[str]:
        connection = self._bus.eio_sid_from_sid(sid, BOARD_NAMESPACE)
        session = self._bus.sid_from_eio_sid(connection, EVENTS_NAMESPACE)
        return sorted(self._bus.joined(session, EVENTS_NAMESPACE)) if session else []

    async def _past(self, sid: str, most: Any) -> dict[str, Any]:
        """The newest events, whoever they were for."""
        if type(most) is not int or not 1 <= most <= MAX_EVENTS:
            raise Refusal("bad_payload", f"expected a number of events from 1 to {MAX_EVENTS}")
        async with self._reading:
            return {"events": await newest_events(self._bus, EVENTS_NAMESPACE, most)}

    async def _rooms_of(self, sid: str, offsets: Any) -> dict[str, Any]:
        """The rooms that events were for, by their offsets."""
        if not isinstance(offsets, list) or len(offsets) > MAX_OFFSETS:
            raise Refusal("bad_payload", f"expected a list of at most {MAX_OFFSETS} offsets")
        named = [each for each in offsets if isinstance(each, str) and _OFFSET.fullmatch(each)]
        return {"rooms": rooms_of(self._bus.history, EVENTS_NAMESPACE, named)}

    async def _list_replicas(self, sid: str, _: Any) -> dict[str, Any]:
        """All replicas with their figures, and the rooms with most members."""
        return await self._replicas.answer()

    async def _list_queues(self, sid: str, _: Any) -> dict[str, Any]:
        """All queues as their pollers report them, and the messages that were left last."""
        return await self._queues.answer()

    async def _send(self, sid: str, request: Any) -> dict[str, Any]:
        """Publish events on the bus, as a back end's emitter does."""
        sending = read_sending(request)
        rooms = sending.rooms or None
        record = partial(self._bus.record, sending.event, namespace=EVENTS_NAMESPACE, room=rooms)
        if (size := record(sending.data_of(sending.times)).size * sending.times) > MAX_SENT_BYTES:
            raise Refusal("bad_payload", f"{size} bytes in all, at most {MAX_SENT_BYTES} are allowed")
        # It counts with what the pages of this address send: a board's token may be lost, too.
        self._server.reserve_relay(sid, BOARD_NAMESPACE, size)
        records = [record(sending.data_of(number)) for number in range(1, sending.times + 1)]
        for start in range(0, len(records), BATCH):
            await self._bus.publish([(record, None) for record in records[start : start + BATCH]])
        self._metrics.relays.labels("published").inc(len(records))
        self._note("%s has sent %d × %r from the live board", sid, len(records), sending.event)
        return {"sent": len(records)}

    async def _list_sendable(self, sid: str, _: Any) -> dict[str, Any]:
        """The queues to which pollers send for boards. Pollers report 2 s after the first question."""
        queues = (await self._queues.answer()).get("queues", ())
        return {"queues": [each["queue"] for each in queues if each["takes_sends"]]}

    async def _send_by_queue(self, sid: str, request: Any) -> dict[str, Any]:
        """Ask the pollers of a queue to put a message there."""
        sending = read_queue_sending(request)
        if sending.queue not in (await self._list_sendable(sid, None))["queues"]:
            detail = f"no poller of queue {sending.queue[:80]!r} sends for boards (QUEUECAST_BOARD_SENDS)"
            raise Refusal("bad_payload", detail)
        self._server.reserve_relay(sid, BOARD_NAMESPACE, sending.size)
        name = uuid.uuid4().hex
        if not await self._bus.queue_sends.ask(name, sending.to_text()):
            raise Refusal("rate_limited", "too much waits for pollers, try again")
        self._note("%s has sent a message to queue %s from the live board", sid, sending.queue)
        return {"request": name}

    async def _list_sent(self, sid: str, requests: Any) -> dict[str, Any]:
        """What became of messages that were put on queues: whether SQS took them, and what they wait for."""
        named = read_requests(requests)
        answer = await self._queues.answer()
        sent, waits = answer.get("sent", {}), {each["id"]: each for each in answer.get("waits", ())}
        known = [name for name in named if name in sent]
        return {"sent": {name: {**sent[name], "wait": waits.get(sent[name].get("id"))} for name in known}}

    def _note(self, text: str, *details: Any) -> None:
        """Log at a limited rate: a board may repeat its request fifty times a second."""
        if self._log_limiter.allows():
            log.info(text, *details)

    async def _kill(self, sid: str, _: Any) -> dict[str, Any]:
        """End this process as a fault would, so that a recovery is seen."""
        log.warning("%s kills this gateway from the live board (QUEUECAST_BOARD_RIGHTS)", sid)
        self._kill_process()
        return {}
