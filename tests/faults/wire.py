"""One connection of an attacker: it sends raw bytes, and keeps what it heard before the end.

It uses little CPU, as it shares a machine with its victim, and it shares no code with it.
"""

import asyncio
import contextlib
import socket
from typing import Self

HOST = "127.0.0.1"
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9
ANSWER_SECONDS = 10.0
RECEIVE_BUFFER_BYTES = 4096
"""Small, so that unread data waits at the sender and not here."""

SEGMENT_BYTES = 1_400
"""As on the internet. The kernel buffers some twenty per connection; on loopback each would be 64 kB."""

PATH = "/socket.io/?EIO=4&transport="
UPGRADE = (
    f"GET {PATH}websocket HTTP/1.1\r\n"
    f"Host: {HOST}\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


def frame(opcode: int, payload: str | bytes = b"", *, final: bool = True) -> bytes:
    """Return a frame, masked with zeros, which RFC 6455 allows."""
    data = payload.encode() if isinstance(payload, str) else payload
    return head(opcode, len(data), final=final) + data


def head(opcode: int, length: int, *, final: bool = True) -> bytes:
    """Return the head of a frame with a payload of this length."""
    first = opcode | (0x80 if final else 0)
    if length < 126:
        return bytes((first, 0x80 | length)) + bytes(4)
    if length < 1 << 16:
        return bytes((first, 0x80 | 126)) + length.to_bytes(2, "big") + bytes(4)
    return bytes((first, 0x80 | 127)) + length.to_bytes(8, "big") + bytes(4)


class Heard:
    """What a server sends on one connection: the status of its last HTTP answer, then frames. Pure."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.close_code: int | None = None
        self.words: list[bytes] = []
        """The texts that nobody has looked at yet; for an HTTP answer, its body."""
        self._buffer = bytearray()
        self._upgraded = False

    def feed(self, data: bytes) -> None:
        """Parse received bytes."""
        self._buffer += data
        while self._frame() if self._upgraded else self._answer():
            pass

    @property
    def verdict(self) -> str | None:
        """The refusal, such as `4029` or `HTTP 431`; None if there was none."""
        if self.close_code is not None:
            return str(self.close_code)
        return f"HTTP {self.status}" if self.status is not None and self.status >= 400 else None

    def _answer(self) -> bool:
        top, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        lines = top.lower().split(b"\r\n")
        lengths = (line.partition(b":")[2] for line in lines if line.startswith(b"content-length:"))
        length = int(next(lengths, b"0"))
        if len(rest) < length:
            return False
        self.status = int(top.split(b" ", 2)[1])
        self._upgraded = self.status == 101
        if length:
            self.words.append(rest[:length])
        self._buffer = bytearray(rest[length:])
        return True

    def _frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        start, length = 2, buffer[1]
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + length:
            return False
        payload = bytes(buffer[start : start + length])
        if buffer[0] & 0x0F == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
        elif buffer[0] & 0x0F == TEXT:
            self.words.append(payload)
        del buffer[: start + length]
        return True


class Wire(asyncio.Protocol):
    """A connection. Once it is over, `over` is set and calls raise `OSError`."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.ends = ("", 0)
        """Its local address and the port that it is connected to."""
        self.over = asyncio.Event()
        self.has_left = False
        self._transport: asyncio.Transport
        self._room = asyncio.Event()
        self._room.set()
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, address: str, port: int) -> Self:
        """Connect from a local address; every address that begins with 127 is one.

        Raises TimeoutError, an OSError, if the server takes longer than for an answer.
        """
        sock = socket.socket()
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
            # Choose the port at connect time, so that many addresses do not share one range of ports.
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((address, 0))
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(ANSWER_SECONDS):
                await loop.sock_connect(sock, (HOST, port))
            _, wire = await loop.create_connection(cls, sock=sock)
        except BaseException:
            sock.close()
            raise
        wire.ends = (address, port)
        return wire

    async def send(self, data: bytes) -> None:
        """Send as fast as the other side reads."""
        if self.over.is_set():
            raise ConnectionResetError
        self._transport.write(data)
        if not self._room.is_set():
            await self._room.wait()

    async def hear(self, wanted: bytes) -> bytes:
        """Wait for a text that contains this, and return it."""
        return (await self.hear_up_to(wanted))[-1]

    async def hear_up_to(self, wanted: bytes) -> list[bytes]:
        """Wait for a text that contains this; return all that came before it as well, and it at the end."""
        words: list[bytes] = []
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                while self.heard.words:
                    words.append(self.heard.words.pop(0))
                    if wanted in words[-1]:
                        return words
                if self.over.is_set() or self.heard.verdict:
                    raise ConnectionResetError
                self._news.clear()
                await self._news.wait()

    async def outlast(self, seconds: float) -> None:
        """Wait; return early if the connection ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    def deafen(self) -> None:
        """Stop reading."""
        self._transport.pause_reading()

    def close(self) -> None:
        self._transport.close()

    async def leave(self) -> None:
        """Close the connection and wait for its end."""
        self.has_left = True
        self.close()
        await self.over.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP transport
        # Small, so that only the victim slows a flood down, and not a buffer here.
        self._transport.set_write_buffer_limits(high=1 << 16)

    def data_received(self, data: bytes) -> None:
        self.heard.feed(data)
        self._news.set()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
        self._room.set()
        self._news.set()
