"""A TCP proxy for a WebSocket that may break within what a gateway sends to a client that comes back."""

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from queuecast_local.ports import HOST

HEAD_END = b"\r\n\r\n"
CHUNK_BYTES = 1 << 16
EVENT = b"42["


class Cut:
    """As a context manager, it passes connections on to a port of this machine.

    While it is `closed`, it ends each new connection at once. The next one after `open_for` ends as soon as
    so many events of the default namespace have passed; those after it are passed on as they are.
    """

    def __init__(self, port: int) -> None:
        self.closed = False
        self.port = 0
        self._events: int | None = None
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def open_for(self, events: int) -> None:
        """Pass new connections on again, the first one only for so many events."""
        self._events = events
        self.closed = False

    def __enter__(self) -> Self:
        self._thread.start()
        serving = asyncio.start_server(self._pass_on, HOST, 0, limit=CHUNK_BYTES)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        events, self._events = (self._events, None) if not self.closed else (None, self._events)
        try:
            if not self.closed:
                back, forth = await asyncio.open_connection(HOST, self._target, limit=CHUNK_BYTES)
                up = asyncio.create_task(_copy(reader, forth))
                with suppress(OSError, asyncio.IncompleteReadError):
                    writer.write(await back.readuntil(HEAD_END))
                    await (_copy(back, writer) if events is None else _copy_events(back, writer, events))
                up.cancel()
                forth.close()
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def _copy_events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: int) -> None:
    """Copy a server's frames, which have no mask and here less than 64 KiB, up to this many events."""
    while events:
        head = await reader.readexactly(2)
        length = head[1]
        if length == 126:
            head += await reader.readexactly(2)
            length = int.from_bytes(head[2:], "big")
        payload = await reader.readexactly(length)
        writer.write(head + payload)
        events -= payload.startswith(EVENT) and b"queuecast:offset" not in payload
    await writer.drain()
