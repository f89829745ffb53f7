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

from .wire import TOLD, Polling, WebSocket

Event = list[Any]


class Ticket(NamedTuple):
    """What a client comes back with."""

    sid: str
    pid: str
    offset: str | None


class Page:
    """One session over one connection; `missed` are the events that came before its CONNECT packet.

    Events have no offset behind their arguments; it is kept as the client's `offset`.
    """

    def __init__(self, connection: Polling | WebSocket, namespace: str) -> None:
        self.connection = connection
        self.missed: list[Event] = []
        self.offset: str | None = None
        self.answer: dict[str, Any] = {}
        self._prefix = "" if namespace == "/" else f"{namespace},"
        self._came: list[Event] = []
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
        """Connect, to come back as the session of a ticket or as a new one."""
        page = cls(await _connection(port, transport), namespace)
        try:
            await page.connect(back, **auth)
        except BaseException:
            await page.leave()
            raise
        return page

    async def connect(self, back: Ticket | None = None, **auth: Any) -> None:
        """Join the namespace; read until CONNECT."""
        data = auth
        if back is not None:
            data = {"pid": back.pid, **({} if back.offset is None else {"offset": back.offset}), **auth}
            self.offset = back.offset
        await self.send(f"40{self._prefix}{json.dumps(data) if data else ''}")
        head = f"40{self._prefix}{{"
        while not (packet := await self._packet()).startswith(head):
            await self._take(packet)
        self.missed, self._came = self._came, []
        self.answer = json.loads(packet[len(head) - 1 :])

    @property
    def sid(self) -> str:
        return str(self.answer["sid"])

    @property
    def ticket(self) -> Ticket:
        return Ticket(self.sid, self.answer["pid"], self.offset)

    def is_back(self, ticket: Ticket) -> bool:
        """Say what the stock client calls `recovered`; the session id comes along."""
        same = bool(self.answer["pid"] == ticket.pid)
        assert same == (self.sid == ticket.sid)
        return same

    async def told(self) -> str:
        """Read on until an offset is told without an event; return it."""
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
        """Return so many events, in their order."""
        return [await self.event() for _ in range(count)]

    async def ask(self, event: str, *arguments: Any) -> Any:
        """Emit and return the acknowledgement; events that come before it are kept."""
        await self.send(f"42{self._prefix}7{json.dumps([event, *arguments])}")
        head = f"43{self._prefix}7"
        while not (packet := await self._packet()).startswith(head):
            await self._take(packet)
        return json.loads(packet[len(head) :])[0]

    async def rooms(self, *candidates: str) -> list[str]:
        """Return which of these rooms the session is in; it still is afterwards, if it may join them."""
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
        """End the connection without a word of Socket.IO."""
        if isinstance(self.connection, WebSocket):
            await self.connection.leave()
        else:
            await self.connection.post("1")

    async def _packet(self) -> str:
        packet = await self.connection.receive()
        assert isinstance(packet, str), "an attachment without a packet"
        return packet

    async def _take(self, packet: str) -> None:
        """Keep an event, with its attachments in their places."""
        found = re.fullmatch(rf"42{self._prefix}(\[.*)|45(\d+)-{self._prefix}(\[.*)", packet, re.DOTALL)
        assert found, packet
        attachments = [await self._attachment() for _ in range(int(found[2] or 0))]
        event = _filled_in(json.loads(found[1] or found[3]), attachments)
        # Before CONNECT, and to who was given a private id, the last text is an offset.
        if ("pid" in self.answer or not self.answer) and isinstance(event[-1], str):
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
    connection = await WebSocket.open(port)
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
    """Have a page for a while."""
    opened = await Page.open(port, back, **options)
    try:
        yield opened
    finally:
        await opened.leave()


async def came_back(port: int, ticket: Ticket, seconds: float = 20, **options: Any) -> Page:
    """Come back as a browser does: again, for as long as it is told to come later."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await Page.open(port, ticket, **options)
            except (OSError, AssertionError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)
