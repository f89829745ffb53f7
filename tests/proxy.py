"""A TCP proxy in front of a real server that fails as a network does: silence, resets, nobody there, a crawl.

It alters no byte. Callbacks instead of streams: 100 clients' events pass through it.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable

HOST = "127.0.0.1"
LINGER_NOT = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards each connection to the port of 127.0.0.1 that `choose` returns; None resets the connection.

    Each direction of each carries `bytes_per_second`, or as many as there are.
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
        """The connections that are there, oldest first."""
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
        """Forward nothing from now on, and reset nothing; some connections, or all there are and will be."""
        if links is None:
            self._flowing.clear()
        for link in self.links if links is None else links:
            link.hush(silent=True)

    def flow(self) -> None:
        """Forward again, first what has waited."""
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
        self.transport = transport  # type: ignore[assignment]  # it is one of TCP
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
        """Take what comes in, or leave it where it is."""
        if self.gone or self.transport.is_closing() or self.transport.is_reading() == wanted:
            return
        if wanted:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def reset(self) -> None:
        """End with a reset, as a peer does that died."""
        if not self.gone:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.transport.abort()

    def _settle(self) -> None:
        if self.link is not None:
            self.link.settle()


class Link:
    """A forwarded connection. While silent it reads nothing, so that the end of one side stays unseen too."""

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
        """Fall silent or flow."""
        self._silent = silent
        self.settle()

    def carried(self, end: End, size: int) -> None:
        """Rest for as long as so many bytes take."""
        if (rate := self._bytes_per_second()) is not None:
            self._resting.add(end)
            asyncio.get_running_loop().call_later(size / rate, self._rested, end)
            self.settle()

    def _rested(self, end: End) -> None:
        self._resting.discard(end)
        self.settle()

    def settle(self) -> None:
        """Read where the other side can take it."""
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
        """Let the other side know, once what came before is on its way."""
        if self._forget is not None and self._near.gone and self._far.gone:
            self._forget(self)
            self._forget = None
        self.settle()
