"""A raw Socket.IO client over either transport."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from . import wire
from .wire import Polling, WebSocket

PLACEHOLDER = '{"_placeholder":true,"num":0}'


class Client:
    """One connection over either transport: text is a Socket.IO packet, bytes are an attachment.

    In the namespaces in `recovers` it gets a private id.
    """

    recovers = frozenset({"/", "/shop", "/admin"})

    def __init__(self, connection: Polling | WebSocket, eio_sid: str) -> None:
        self.connection = connection
        self.eio_sid = eio_sid

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, transport: str = "websocket") -> AsyncIterator["Client"]:
        if transport == "polling":
            session = await Polling.open(port)
            try:
                yield cls(session, session.sid)
            finally:
                await session.post("1")
        else:
            async with await WebSocket.open(port) as one:
                yield cls(one, (await one.opening())["sid"])

    async def say(self, *packets: str | bytes) -> None:
        if isinstance(self.connection, WebSocket):
            self.connection.send(*(f"4{item}" if isinstance(item, str) else item for item in packets))
        else:
            await self.connection.say(
                *(f"4{item}" if isinstance(item, str) else f"b{_base64(item)}" for item in packets)
            )

    async def hear(self) -> str | bytes:
        """Return the next packet without its offset: see `wire.without_offset`."""
        packet = await self.connection.receive()
        if isinstance(packet, bytes):
            return packet
        if packet[0] == "b":
            return base64.b64decode(packet[1:])
        assert packet[0] == "4", packet
        return wire.without_offset(packet)[1:]

    async def join(self, namespace: str = "/") -> str:
        """Join a namespace; return its session id."""
        prefix = "" if namespace == "/" else f"{namespace},"
        await self.say(f"0{prefix}")
        packet = await self.hear()
        assert isinstance(packet, str)
        assert packet.startswith(f"0{prefix}{{"), packet
        answer = json.loads(packet[1 + len(prefix) :])
        assert list(answer) == (["sid", "pid"] if namespace in self.recovers else ["sid"])
        assert len({*answer.values(), self.eio_sid}) == len(answer) + 1, (
            "each opens the way to something else"
        )
        sid = answer["sid"]
        return str(sid)

    async def is_closed(self) -> bool:
        """Read to the end; say whether the connection was closed for breaking the protocol."""
        if isinstance(self.connection, WebSocket):
            return await self.connection.close_code() == 1008
        answer = await self.connection.get()
        return answer.status == 400 and answer.json["message"] == "Session ID unknown"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
