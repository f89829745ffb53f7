"""A TCP proxy in front of a real server that fails as networks do: silence, resets, refusals, slowness.

It alters no byte. It uses callbacks instead of streams, because 100 clients' events pass through it.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable

HOST = "127.0.0.1"
LINGER_NOT = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards each connection to the port of 127.0.0.1 that `choose` returns; None resets the connection.

    Each direction of a connection carries `bytes_per_second`, or an unlimited amount if that is None.
    """

    def __init__(self, choose: Callable[[], int | None]) -> None:
        self.silent = False
        self.bytes_per_second: float | None = None
        self._choose = choose
        self._links: list[Link] = []
        self._openings: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def links(self) -> list["Link"]:
        """The open connections, oldest first."""
        return list(self._links)

    async def start(self, port: int = 0) -> int:
        """Listen; return the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: End(self._opened), HOST, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        for opening in self._openings:
            opening.cancel()
        await asyncio.gather(*self._openings, return_exceptions=True)
        self.cut()

    def fall_silent(self, links: Iterable["Link"] | None = None) -> None:
        """Stop forwarding, without resets, on some connections or on all, new ones included."""
        if links is None:
            self._flowing.clear()
        for link in self.links if links is None else links:
            link.hush(silent=True)

    def flow(self) -> None:
        """Forward again, beginning with the data that has waited."""
        self._flowing.set()
        for link in self.links:
            link.hush(silent=False)

    def cut(self) -> None:
        """Reset every connection, in both directions."""
        for link in self.links:
            link.cut()

    def _opened(self, near: "End") -> None:
        opening = asyncio.get_running_loop().create_task(self._open(near))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def _open(self, near: "End") -> None:
        await self._flowing.wait()
        target = self._choose()
        try:
            if target is None:
                raise ConnectionRefusedError
            _, far = await asyncio.get_running_loop().create_connection(lambda: End(), HOST, target)
        except OSError:
            near.reset()
            return
        link = Link(near, far, self._links.remove, lambda: self.bytes_per_second)
        self._links.append(link)
        link.hush(silent=not self._flowing.is_set())


class End(asyncio.Protocol):
    """One side of a connection: what comes in here goes out on the other side."""

    def __init__(self, opened: Callable[["End"], None] | None = None) -> None:
        self.transport: asyncio.Transport
        self.full = False
        self.gone = False
        self.link: Link | None = None
        self._opened = opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a TCP transport
        self.transport.pause_reading()
        if self._opened is not None:
            self._opened(self)

    def data_received(self, data: bytes) -> None:
        assert self.link is not None, "reading is paused until there is one"
        self.link.other(self).transport.write(data)
        self.link.carried(self, len(data))

    def pause_writing(self) -> None:
        self.full = True
        self._settle()

    def resume_writing(self) -> None:
        self.full = False
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if self.link is not None:
            self.link.ended(self)

    def read(self, *, wanted: bool) -> None:
        """Resume or pause reading."""
        if self.gone or self.transport.is_closing() or self.transport.is_reading() == wanted:
            return
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def reset(self) -> None:
        """End with a reset, as a dead peer does."""
        if not self.gone:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.transport.abort()

    def _settle(self) -> None:
        if self.link is not None:
            self.link.settle()


class Link:
    """A forwarded connection. While silent it reads nothing, so the end of one side goes unnoticed, too."""

    def __init__(
        self,
        near: End,
        far: End,
        forget: Callable[["Link"], None],
        bytes_per_second: Callable[[], float | None],
    ) -> None:
        self._near = near
        self._far = far
        self._forget: Callable[[Link], None] | None = forget
        self._bytes_per_second = bytes_per_second
        self._resting: set[End] = set()
        self._silent = False
        near.link = far.link = self

    def other(self, end: End) -> End:
        return self._far if end is self._near else self._near

    def hush(self, *, silent: bool) -> None:
        """Fall silent, or forward again."""
        self._silent = silent
        self.settle()

    def carried(self, end: End, size: int) -> None:
        """Pause for the time that this many bytes take."""
        if (rate := self._bytes_per_second()) is not None:
            self._resting.add(end)
            asyncio.get_running_loop().call_later(size / rate, self._rested, end)
            self.settle()

    def _rested(self, end: End) -> None:
        self._resting.discard(end)
        self.settle()

    def settle(self) -> None:
        """Read on each side if the other side can take more."""
        for end in (self._near, self._far):
            end.read(wanted=not self._silent and not self.other(end).full and end not in self._resting)
        for end in (self._near, self._far):
            if end.gone and not self._silent:
                self.other(end).transport.close()

    def cut(self) -> None:
        """Reset both sides."""
        self._near.reset()
        self._far.reset()

    def ended(self, end: End) -> None:
        """Close the other side once it has been sent all earlier data."""
        if self._forget is not None and self._near.gone and self._far.gone:
            self._forget(self)
            self._forget = None
        self.settle()
