"""The Engine.IO server: its sessions, whom it lets in, and what it tells the Socket.IO server above.

It is python-engineio's server with everything between the socket table and the wire replaced.
"""

import asyncio
import base64
import logging
import os
from collections.abc import Callable, Container, Coroutine, Iterator, Mapping
from typing import Any, Protocol

import engineio

from queuecast_gateway.engine import handshake, packets
from queuecast_gateway.engine.closing import Closing
from queuecast_gateway.engine.handshake import Refused
from queuecast_gateway.engine.heartbeat import TICK_SECONDS, Wheel
from queuecast_gateway.engine.leaving import Leaving
from queuecast_gateway.engine.opening import Opening
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.polling import Polling
from queuecast_gateway.engine.requests import Requests
from queuecast_gateway.engine.session import Session
from queuecast_gateway.faults import Fault
from queuecast_gateway.limits.pace import Rates

log = logging.getLogger(__name__)

PATH = "/socket.io/"

FOREIGN_SITES = ("cross-site", "same-site")
"""What browsers say of a request that a page of another origin makes:
https://www.w3.org/TR/fetch-metadata/"""

ID_BYTES = 15
"""Of randomness in an id."""


class Guests(Protocol):
    """Who has how many connections. `check` raises `Refused` for an address that may not have another one."""

    def check(self, address: str) -> None: ...
    def enter(self, address: str) -> None: ...
    def leave(self, address: str) -> None: ...


class Everybody:
    """Guests without a limit."""

    def check(self, address: str) -> None: ...
    def enter(self, address: str) -> None: ...
    def leave(self, address: str) -> None: ...


def _peer(peer: str, forwarded: str | None) -> str:
    return peer


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # python-engineio has no types
    """The sessions of one process.

    A connection may have `max_buffered_bytes` here for its client, `kernel_bytes` of which may be in its
    socket, and `max_incoming_bytes` that the client has sent.
    `request_seconds` is how long the body of a POST, or the rest of a message, may take. `on_refused` is
    called with the id of a connection and why it was closed, `on_turned_away` with why a request was refused,
    and whose it was. `on_ping` may return frames that go out with a session's ping. `address_of` tells a
    client's address from the peer's and the header `X-Forwarded-For`; `rates` bound how fast each may speak;
    `hosts` are the names by which clients may call it, None for any. The other parameters are
    python-engineio's; intervals are in seconds and may be fractions. While `leaving` is set no session
    begins.
    """

    def __init__(
        self,
        *,
        max_buffered_bytes: int = 4 << 20,
        max_incoming_bytes: int = 1 << 20,
        kernel_bytes: int = 0,
        request_seconds: float = 10.0,
        tick_seconds: float = TICK_SECONDS,
        on_refused: Callable[[str, Fault, str], None] | None = None,
        on_turned_away: Callable[[Refused, str], None] | None = None,
        on_ping: Callable[[Session], bytes] | None = None,
        guests: Guests | None = None,
        address_of: Callable[[str, str | None], str] = _peer,
        rates: Rates | None = None,
        hosts: Container[str] | None = None,
        path: str = PATH,
        **options: Any,
    ) -> None:
        super().__init__(**(options | {"async_mode": "asgi", "monitor_clients": False}))
        self.max_buffered_bytes = max_buffered_bytes
        self.max_incoming_bytes = max_incoming_bytes
        self.max_written_bytes = max_buffered_bytes - kernel_bytes
        self.request_seconds = request_seconds
        self.max_message_bytes: int = self.max_http_buffer_size
        self.leaving = False
        self.parting: set[Leaving] = set()
        self.outbox = Outbox()
        self.wheel = Wheel(tick_seconds)
        self.closing = Closing(self.wheel, max_buffered_bytes)
        self.rates = rates
        self._hosts = hosts
        self._on_refused = on_refused
        self._on_turned_away = on_turned_away
        self._on_ping = on_ping
        self._guests = guests or Everybody()
        self._address_of = address_of
        self._path = path
        self._requests = Requests(self, request_seconds)
        self._ids = _new_ids()
        self._tasks: set[asyncio.Task[None]] = set()

    def websocket_protocol(self, config: Any, server_state: Any, app_state: Any) -> Opening:
        """Make what uvicorn's `ws=` is to make for each WebSocket."""
        return Opening(self, config, server_state, app_state)

    def owns(self, path: str) -> bool:
        """Say whether requests for this path are ours; all others are the application's."""
        return path == self._path or path == self._path.rstrip("/")

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something to its end, and keep it from being collected before."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def generate_id(self) -> str:
        """Return a new session id."""
        return next(self._ids)

    # Letting in

    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None:
        """Raise `Refused` if a request may not be served, whatever session it is for."""
        if query.get("transport") != transport or transport not in self.transports:
            raise handshake.unknown_transport()
        if self.leaving and "sid" not in query:
            raise handshake.leaving()
        host = environ.get("HTTP_HOST")
        if host is not None and self._hosts is not None and host not in self._hosts:
            raise handshake.unknown_host(host)
        origin = environ.get("HTTP_ORIGIN")
        if origin:
            allowed = self._cors_allowed_origins(environ)
            if allowed is not None and origin not in allowed:
                raise handshake.forbidden()
        elif environ.get("HTTP_SEC_FETCH_SITE") in FOREIGN_SITES:
            # An image or a script of another site, with the visitor's cookies: clients of ours send an
            # Origin.
            raise handshake.forbidden()
        if "sid" not in query:
            self._guests.check(environ["REMOTE_ADDR"])

    def address(self, peer: Any, headers: Mapping[str, str]) -> str:
        """Return the address of who is behind a peer, as sockets name peers; "" if there is none."""
        host = peer[0] if isinstance(peer, tuple) else ""
        return self._address_of(host, headers.get("x-forwarded-for"))

    def known(self, sid: str) -> Session:
        """Return an open session. Raises `Refused`."""
        session: Session | None = self.sockets.get(sid)
        if session is None:
            raise handshake.unknown_session()
        return session

    def upgradable(self, sid: str) -> Session:
        """Return an open session that has no WebSocket and tries none. Raises `Refused`."""
        session = self.known(sid)
        if not session.polling or session.transport.has_probe:
            raise handshake.bad_request()
        return session

    def open_websocket(self, transport: Any, switch: bytes, environ: dict[str, Any]) -> None:
        """Begin a session on a WebSocket: answer its handshake with `switch` and a greeting."""
        session = Session(self, self.generate_id(), transport, polling=False)
        transport.set_protocol(session)
        transport.write(switch + self._greeting(session, environ, upgrades=[]))
        self._begin(session, environ)

    def open_polling(self, environ: dict[str, Any]) -> Session:
        transport = Polling(self.max_buffered_bytes)
        session = transport.session = Session(self, self.generate_id(), transport, polling=True)
        upgrades = ["websocket"] if "websocket" in self.transports else []
        transport.write(self._greeting(session, environ, upgrades))
        self._begin(session, environ)
        if session.closed:
            self.closing.take(session.sid)
            raise handshake.forbidden()
        return session

    def _greeting(self, session: Session, environ: dict[str, Any], upgrades: list[str]) -> bytes:
        session.address = environ.get("REMOTE_ADDR", "")
        session.head_bytes = handshake.head_size(environ)
        self.sockets[session.sid] = session
        self._guests.enter(session.address)
        return packets.opening(
            session.sid, upgrades, self.ping_interval, self.ping_timeout, self.max_message_bytes
        )

    def _begin(self, session: Session, environ: dict[str, Any]) -> None:
        """Tell the server above of a new session; it may refuse it, but not wait."""
        try:
            welcome = _at_once(self.handlers["connect"](session.sid, environ))
        except Exception:
            log.exception("the handler of connection %s failed", session.sid)
            welcome = False
        if welcome is False:
            session.end(self.reason.SERVER_DISCONNECT)

    # What sessions tell

    # These call the handlers themselves, which must be coroutine functions: python-engineio's way there costs
    # more than what most messages ask for.

    async def heard(self, sid: str, data: str | bytes) -> None:
        """Hand a message to the server above."""
        await self.handlers["message"](sid, data)

    async def ended(self, sid: str, reason: str) -> None:
        """Tell the server above that a session has ended."""
        await self.handlers["disconnect"](sid, reason)

    def ping(self, session: Session) -> bytes:
        """Return what a session is sent as its ping."""
        return packets.PING_FRAME + (self._on_ping(session) if self._on_ping is not None else b"")

    def buffered(self) -> tuple[int, int]:
        """Return how many bytes connections make us hold, all together and the one with most."""
        waiting = [each.kept for each in (*self.sockets.values(), *self.parting)]
        return sum(waiting) + self.closing.held_bytes, max(waiting, default=0)

    def left(self, session: Session) -> None:
        """Forget a session that is over."""
        if self.sockets.pop(session.sid, None) is not None:
            self._guests.leave(session.address)

    def refused(self, sid: str, fault: Fault, why: str) -> None:
        """Count what a client did wrong."""
        if self._on_refused is not None:
            self._on_refused(sid, fault, why)

    def turned_away(self, refused: Refused, address: str) -> None:
        """Count a request that was refused."""
        if self._on_turned_away is not None:
            self._on_turned_away(refused, address)

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one HTTP request; this is an ASGI application."""
        await self._requests(scope, receive, send)

    # The end

    async def disconnect(self, sid: str | None = None) -> None:
        """End one session, or all."""
        for session in list(self.sockets.values()) if sid is None else [self.sockets.get(sid)]:
            if session is not None:
                session.end(self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """End every session, and stop the wheel once their handlers have been told."""
        await self.disconnect()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self.wheel.stop()


def _new_ids() -> Iterator[str]:
    """Yield ids, with what is random in them taken from the kernel for many at once."""
    while True:
        drawn = base64.urlsafe_b64encode(os.urandom(ID_BYTES * 256)).decode()
        size = len(drawn) // 256
        yield from (drawn[start : start + size] for start in range(0, len(drawn), size))


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns that does not wait; a task for it would cost more than it does."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise TypeError("a handler of the engine's connect event waits for something")
