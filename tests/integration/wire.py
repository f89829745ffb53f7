"""A raw client that can send anything: HTTP/1.1 requests and WebSocket frames, by hand on a TCP stream.

It shares no code with the engine that it tests, and checks nothing by itself. RFC 6455, and
https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import base64
import hashlib
import json
import os
import re
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Self, TypeVar

import uvicorn

from queuecast_gateway.public.web import WebServer

from .services import HOST

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

PATH = "/socket.io/"
POLLING = "EIO=4&transport=polling"
WEBSOCKET = "EIO=4&transport=websocket"
SEPARATOR = "\x1e"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
DEFLATE = "permessage-deflate"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

TOLD = re.compile(r'42(?:/[^,]*,)?\["queuecast:offset","\d+-\d+"\]')
"""An event that carries only an offset; it comes after CONNECT and with any ping."""

PATIENCE_SECONDS = 30.0
"""How long an answer may take: far longer than it does, so that a busy machine fails no test."""

Claim = TypeVar("Claim")


async def soon(claim: Callable[[], Claim | None], seconds: float = PATIENCE_SECONDS) -> Claim:
    """Return what `claim` returns once that is true; the event loop runs between the attempts."""
    deadline = time.monotonic() + seconds
    while not (answer := claim()):
        assert time.monotonic() < deadline, f"still not true after {seconds:g} s: {answer!r}"
        await asyncio.sleep(0.005)
    return answer


def without_offset(packet: str) -> str:
    """Return a packet without the offset after its arguments, as a page's handler sees the event."""
    return re.sub(r',"\d+-\d+"\]$', "]", packet) if packet[:2] in ("42", "45") else packet


class Answer(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def packets(self) -> list[str]:
        """The Engine.IO packets of a long-polling answer."""
        return self.body.split(SEPARATOR)


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.open_connection(HOST, port, limit=1 << 24)


async def close(writer: asyncio.StreamWriter) -> None:
    """Drop a connection, whatever its state."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def stream(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a TCP connection; drop it at the end."""
    reader, writer = await connect(port)
    try:
        yield reader, writer
    finally:
        await close(writer)


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read the status line and headers of an answer."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = [line.split(":", 1) for line in lines if line]
    return int(first.split(" ")[1]), {name.lower(): value.strip() for name, value in pairs}


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    status, headers = await read_head(reader)
    if status in (101, 204):
        return Answer(status, headers, "")
    return Answer(status, headers, (await reader.readexactly(int(headers.get("content-length", 0)))).decode())


def head(
    method: str, target: str, headers: Mapping[str, str | None] | None = None, body: bytes | None = None
) -> bytes:
    """Return a request head as bytes. A header that is None is left out."""
    all_headers: dict[str, str | None] = {"Host": HOST}
    if body is not None:
        all_headers |= {"Content-Length": str(len(body)), "Content-Type": "text/plain;charset=UTF-8"}
    all_headers.update(headers or {})
    lines = [f"{name}: {value}" for name, value in all_headers.items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + (body or b"")


async def request(
    port: int,
    method: str = "GET",
    query: str = POLLING,
    body: bytes | str | None = None,
    headers: Mapping[str, str | None] | None = None,
) -> Answer:
    """Send one HTTP request on a connection of its own."""
    encoded = body.encode() if isinstance(body, str) else body
    asked = head(method, f"{PATH}?{query}", {"Connection": "close", **(headers or {})}, encoded)
    async with stream(port) as (reader, writer):
        writer.write(asked)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await read_answer(reader)


class Polling:
    """A session over HTTP long-polling. `opening` is the handshake packet's data.

    Events that carry only an offset are skipped, unless `telling` is set. `compressed` counts the messages
    that came so; they may if the answer has an extension.
    """

    def __init__(self, port: int, opening: dict[str, Any], rest: list[str]) -> None:
        self.port = port
        self.telling = False
        self.opening = opening
        self.sid: str = opening["sid"]
        self.query = f"{POLLING}&sid={self.sid}"
        self._packets = rest

    @classmethod
    async def open(cls, port: int) -> Self:
        answer = await request(port)
        assert answer.status == 200, answer
        first, *rest = answer.packets
        assert first[0] == "0"
        return cls(port, json.loads(first[1:]), rest)

    async def get(self) -> Answer:
        return await request(self.port, query=self.query)

    async def post(self, *packets: str) -> Answer:
        return await request(self.port, "POST", self.query, SEPARATOR.join(packets))

    async def say(self, *packets: str) -> None:
        """Post packets; assert that they are accepted."""
        answer = await self.post(*packets)
        assert (answer.status, answer.body) == (200, "ok"), answer

    async def receive(self) -> str:
        """Return the next packet that is not a ping; answer pings."""
        while True:
            while not self._packets:
                answer = await self.get()
                assert answer.status == 200, answer
                self._packets = answer.packets
            packet = self._packets.pop(0)
            if packet == "2":
                await self.say("3")
            elif self.telling or not TOLD.fullmatch(packet):
                return packet

    async def upgrade(self, **options: Any) -> "WebSocket":
        """Return a WebSocket for this session that has not sent its probe yet."""
        return await WebSocket.open(self.port, f"{WEBSOCKET}&sid={self.sid}", **options)


def frame(
    opcode: int, payload: bytes | str = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """Return a client's frame, valid or nearly so."""
    data = payload.encode() if isinstance(payload, str) else payload
    first = (0x80 if final else 0) | reserved << 4 | opcode
    bit = 0x80 if masked else 0
    if len(data) < 126:
        start = struct.pack("!BB", first, bit | len(data))
    elif len(data) < 1 << 16:
        start = struct.pack("!BBH", first, bit | 126, len(data))
    else:
        start = struct.pack("!BBQ", first, bit | 127, len(data))
    return start + (_masked(data) if masked else data)


def deflated(data: bytes) -> bytes:
    """Return the payload of a compressed message: RFC 7692, section 7.2.1."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def _masked(data: bytes) -> bytes:
    key = os.urandom(4)
    stretched = (key * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stretched, "big")
    return key + mixed.to_bytes(len(data), "big")


class WebSocket:
    """A WebSocket connection, or the answer that refused it: see `answer`.

    Events that carry only an offset are skipped, unless `telling` is set. `compressed` counts the messages
    that came so; they may if the answer has an extension.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self.answer = answer
        self._reader = reader
        self._writer = writer
        self.telling = False
        self.compressed = 0

    @classmethod
    async def open(
        cls,
        port: int,
        query: str = WEBSOCKET,
        *,
        path: str = PATH,
        headers: Mapping[str, str | None] | None = None,
        early: bytes = b"",
    ) -> Self:
        """Ask for a WebSocket; `early` is sent with the request, before the answer."""
        reader, writer = await connect(port)
        asked: dict[str, str | None] = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
        }
        writer.write(head("GET", f"{path}?{query}", {**asked, **(headers or {})}) + early)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await read_answer(reader)
        except BaseException:
            await close(writer)
            raise
        return cls(reader, writer, answer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.leave()

    async def leave(self) -> None:
        """End the TCP connection without a CLOSE frame."""
        await close(self._writer)

    @property
    def accepted(self) -> bool:
        """Whether the answer is the one that RFC 6455, section 4.2.2, derives from our key."""
        digest = hashlib.sha1((KEY + GUID).encode(), usedforsecurity=False).digest()
        return (
            self.answer.status == 101
            and self.answer.headers["upgrade"].lower() == "websocket"
            and "upgrade" in self.answer.headers["connection"].lower()
            and self.answer.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
        )

    def send_bytes(self, data: bytes) -> None:
        """Write any bytes to the stream."""
        self._writer.write(data)

    def send_frame(self, opcode: int, payload: bytes | str = b"", **options: Any) -> None:
        self.send_bytes(frame(opcode, payload, **options))

    def send_compressed(self, message: str | bytes) -> None:
        """Send a whole message, compressed."""
        data = message.encode() if isinstance(message, str) else message
        self.send_frame(TEXT if isinstance(message, str) else BINARY, deflated(data), reserved=4)

    def send(self, *messages: str | bytes) -> None:
        """Send whole messages: text as TEXT, bytes as BINARY."""
        for message in messages:
            self.send_frame(TEXT if isinstance(message, str) else BINARY, message)

    async def drain(self) -> None:
        """Wait until the kernel has taken nearly all of the sent bytes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._writer.drain()

    async def next_frame(self) -> tuple[int, bytes]:
        """Return the server's next frame, which must be whole and unmasked."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, length = await self._reader.readexactly(2)
            is_compressed = first & 0x48 == 0x40 and "sec-websocket-extensions" in self.answer.headers
            assert first & 0x70 == 0x40 * is_compressed, "a reserved bit"
            assert first & 0x80, "a fragment"
            assert length < 128, "a masked frame from the server"
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(await self._reader.readexactly(size), "big")
            payload = await self._reader.readexactly(length)
            if is_compressed:
                self.compressed += 1
                payload = zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff")
            return first & 0x0F, payload

    async def receive(self) -> str | bytes:
        """Return the next message that is not an Engine.IO ping; answer pings."""
        while True:
            opcode, payload = await self.next_frame()
            assert opcode in (TEXT, BINARY), (opcode, payload)
            if opcode == BINARY:
                return payload
            text = payload.decode()
            if text == "2":
                self.send("3")
            elif self.telling or not TOLD.fullmatch(text):
                return text

    async def text(self) -> str:
        """Return the next message, which is text."""
        message = await self.receive()
        assert isinstance(message, str), message
        return message

    async def opening(self) -> dict[str, Any]:
        """Read the handshake packet."""
        packet = await self.text()
        assert packet[0] == "0", packet
        opening: dict[str, Any] = json.loads(packet[1:])
        return opening

    async def close_code(self, *, answer: bool = True) -> int:
        """Read to the server's CLOSE frame and return its code; answer it, then expect the end of TCP."""
        while True:
            opcode, payload = await self.next_frame()
            if opcode == CLOSE:
                break
        if answer:
            self.send_frame(CLOSE, payload[:2])
        await self.end()
        return int.from_bytes(payload[:2], "big")

    async def end(self) -> bytes:
        """Read until the server has closed the TCP connection; return the bytes before that."""
        read = b""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while chunk := await self._reader.read(1 << 16):
                    read += chunk
        except OSError:  # a reset counts as the end, too
            pass
        return read


@asynccontextmanager
async def serving(app: Any, websocket_protocol: Any) -> AsyncIterator[int]:
    """Serve with uvicorn in this loop, as the gateway does; yields the port."""
    # asyncio turns Nagle's algorithm off only if the protocol is named; uvloop always does.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    config = uvicorn.Config(
        app,
        http="httptools",
        ws=websocket_protocol,
        interface="asgi3",
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = WebServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await soon(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        # uvicorn's own shutdown would take a fifth of a second in each test.
        task.cancel()
        await asyncio.wait([task])
        for each in server.servers:
            each.close()
            await each.wait_closed()
