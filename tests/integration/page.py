"""A raw client that can recover: it keeps its private id and the last offset, as the stock client does.

https://socket.io/docs/v4/connection-state-recovery
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

from .wire import DEFLATE, TOLD, Polling, WebSocket

Event = list[Any]


class Ticket(NamedTuple):
    """What a client needs to resume its session."""

    sid: str
    pid: str
    offset: str | None


class Page:
    """One session over one connection; `missed` are the events between its CONNECT and its first offset.

    The offset is taken off each event's arguments and kept as `offset`.
    """

    def __init__(self, connection: Polling | WebSocket, namespace: str) -> None:
        self.connection = connection
        self.missed: list[Event] = []
        self.offset: str | None = None
        self.answer: dict[str, Any] = {}
        self.wanted: list[int] = []
        """The ids of the acknowledgements that events have asked for, in the events' order."""
        self._prefix = "" if namespace == "/" else f"{namespace},"
        self._came: list[Event] = []
        self._next: list[str] = []
        connection.telling = True

    @classmethod
    async def open(
        cls,
        port: int,
        back: Ticket | None = None,
        *,
        namespace: str = "/",
        transport: str = "websocket",
        **auth: Any,
    ) -> Self:
        """Connect, to resume the session of a ticket or to begin a new one.

        The transport is `polling`, `websocket`, or `compressed`: a WebSocket that offers to compress.
        """
        page = cls(await _connection(port, transport), namespace)
        try:
            await page.connect(back, **auth)
        except BaseException:
            await page.leave()
            raise
        return page

    async def connect(self, back: Ticket | None = None, **auth: Any) -> None:
        """Join the namespace; read until the CONNECT packet."""
        data = auth
        if back is not None:
            data = {"pid": back.pid, **({} if back.offset is None else {"offset": back.offset}), **auth}
            self.offset = back.offset
        await self.send(f"40{self._prefix}{json.dumps(data) if data else ''}")
        head = f"40{self._prefix}{{"
        while not (packet := await self._packet()).startswith(head):
            await self._take(packet)  # of the session before, if the page has left a namespace
        self._came.clear()
        self.answer = json.loads(packet[len(head) - 1 :])
        if back is not None and self.answer.get("pid") == back.pid:
            while not TOLD.fullmatch(packet := await self._packet()):
                await self._take(packet)
            self._next = [packet]
        self.missed, self._came = self._came, []

    @property
    def sid(self) -> str:
        return str(self.answer["sid"])

    @property
    def ticket(self) -> Ticket:
        return Ticket(self.sid, self.answer["pid"], self.offset)

    def is_back(self, ticket: Ticket) -> bool:
        """Say whether the session was resumed (`recovered` in the stock client), session id included."""
        same = bool(self.answer["pid"] == ticket.pid)
        assert same == (self.sid == ticket.sid)
        return same

    async def told(self) -> str:
        """Read until an offset comes without an event; return it."""
        while True:
            packet = await self._packet()
            await self._take(packet)
            if TOLD.fullmatch(packet):
                assert self.offset is not None
                return self.offset

    async def event(self) -> Event:
        """Return the next event: its name and arguments."""
        while not self._came:
            await self._take(await self._packet())
        return self._came.pop(0)

    async def events(self, count: int) -> list[Event]:
        """Return the next `count` events, in order."""
        return [await self.event() for _ in range(count)]

    async def caught_up(self, count: int) -> list[Event]:
        """Return the `count` events that it missed: the last ones come after its first offset if this replica
        had not read them before.
        """
        return self.missed + await self.events(max(0, count - len(self.missed)))

    async def ask(self, event: str, *arguments: Any) -> Any:
        """Emit and return the acknowledgement; events that arrive before it are kept."""
        await self.send(f"42{self._prefix}7{json.dumps([event, *arguments])}")
        head = re.compile(rf"4(?:3|6(\d+)-){self._prefix}7(?=\[)")
        while not (found := head.match(packet := await self._packet())):
            await self._take(packet)
        attachments = [await self._attachment() for _ in range(int(found[1] or 0))]
        return _filled_in(json.loads(packet[found.end() :]), attachments)[0]

    async def acknowledge(self, ack_id: int | None = None) -> None:
        """Acknowledge an event: the oldest that asks for it."""
        ack_id = self.wanted.pop(0) if ack_id is None else ack_id
        await self.send(f"43{self._prefix}{ack_id}[]")

    def early(self) -> list[Event]:
        """Return the events that have come and were not asked for yet."""
        came, self._came = self._came, []
        return came

    async def rooms(self, *candidates: str) -> list[str]:
        """Return which of these rooms the session is in. It leaves and rejoins them, if it may join them."""
        there: list[str] = (await self.ask("unsubscribe", list(candidates)))["rooms"]
        if there:
            await self.ask("subscribe", there)
        return there

    async def send(self, packet: str) -> None:
        if isinstance(self.connection, WebSocket):
            self.connection.send(packet)
        else:
            await self.connection.say(packet)

    async def leave(self) -> None:
        """End the connection without a Socket.IO DISCONNECT."""
        if isinstance(self.connection, WebSocket):
            await self.connection.leave()
        else:
            await self.connection.post("1")

    async def _packet(self) -> str:
        packet = self._next.pop() if self._next else await self.connection.receive()
        assert isinstance(packet, str), "an attachment that belongs to no packet"
        return packet

    async def _take(self, packet: str) -> None:
        """Keep an event, with its attachments filled in."""
        found = re.fullmatch(rf"4(?:2|5(\d+)-){self._prefix}(\d*)(\[.*)", packet, re.DOTALL)
        assert found, packet
        attachments = [await self._attachment() for _ in range(int(found[1] or 0))]
        event = _filled_in(json.loads(found[3]), attachments)
        if found[2]:
            self.wanted.append(int(found[2]))
        # For a client that has a private id, a text in the last place is an offset.
        if "pid" in self.answer and isinstance(event[-1], str):
            self.offset = event.pop()
        if event != ["queuecast:offset"]:
            self._came.append(event)

    async def _attachment(self) -> bytes:
        packet = await self.connection.receive()
        if isinstance(packet, bytes):
            return packet
        assert packet[0] == "b", packet
        return base64.b64decode(packet[1:])


async def _connection(port: int, transport: str) -> Polling | WebSocket:
    if transport == "polling":
        return await Polling.open(port)
    offers = {"Sec-WebSocket-Extensions": DEFLATE if transport == "compressed" else None}
    connection = await WebSocket.open(port, headers=offers)
    try:
        assert connection.accepted, connection.answer
        await connection.opening()
    except BaseException:
        await connection.leave()
        raise
    return connection


def _filled_in(value: Any, attachments: list[bytes]) -> Any:
    if isinstance(value, list):
        return [_filled_in(each, attachments) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("_placeholder") is True:
        return attachments[value["num"]]
    return {name: _filled_in(each, attachments) for name, each in value.items()}


@asynccontextmanager
async def page(port: int, back: Ticket | None = None, **options: Any) -> AsyncIterator[Page]:
    """Open a page; leave it at the end."""
    opened = await Page.open(port, back, **options)
    try:
        yield opened
    finally:
        await opened.leave()


async def came_back(port: int, ticket: Ticket, seconds: float = 20, **options: Any) -> Page:
    """Reconnect as a browser does: try again for as long as the gateway says to come back later."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await Page.open(port, ticket, **options)
            except (OSError, AssertionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
