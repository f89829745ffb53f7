"""The Engine.IO server: it opens sessions, checks requests, and reports to the Socket.IO server above it.

It is python-engineio's server with everything between the socket table and the wire replaced.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Coroutine, Mapping
from typing import Any

import engineio

from queuecast_gateway.engine import handshake, packets, refusals
from queuecast_gateway.engine.closing_handshake import ClosingHandshake
from queuecast_gateway.engine.connection_limits import ConnectionLimits, Unlimited
from queuecast_gateway.engine.opening_handshake import OpeningHandshake
from queuecast_gateway.engine.outbox import Outbox
from queuecast_gateway.engine.pending_closes import PendingCloses
from queuecast_gateway.engine.polling import Polling
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.engine.requests import Requests
from queuecast_gateway.engine.session import Session
from queuecast_gateway.engine.session_ids import session_ids
from queuecast_gateway.engine.timer_wheel import TICK_SECONDS, TimerWheel
from queuecast_gateway.limits.token_bucket import Rates
from queuecast_gateway.reasons import CloseReason

log = logging.getLogger(__name__)

PATH = "/socket.io/"

FOREIGN_SITES = ("cross-site", "same-site")
"""Values of `Sec-Fetch-Site` for a request of another origin's page:
https://www.w3.org/TR/fetch-metadata/"""


def _peer_address(peer: str, forwarded: str | None) -> str:
    return peer


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # python-engineio has no types
    """The sessions of one process.

    For each connection, at most `max_buffered_bytes` wait for the client, of which `kernel_bytes` may be in
    its socket, and at most `max_incoming_bytes` wait for handlers. The body of a POST, or the rest of a
    message, may take `request_seconds`. `rates` limit how fast each client may send.

    `on_refused` is called with a connection's id and why it was closed, `on_request_refused` with why a
    request was refused and the client's address. `on_ping` may return frames that go out with a session's
    ping. `address_of` returns a client's address, from its peer's and the header `X-Forwarded-For`. `hosts`
    are the names by which clients may call the server; None allows any. `accepts_compression` says whether
    WebSockets may agree on it.

    The other parameters are python-engineio's. Intervals are in seconds and may be fractions. While
    `draining` is set, no session begins.
    """

    def __init__(
        self,
        *,
        max_buffered_bytes: int = 4 << 20,
        max_incoming_bytes: int = 1 << 20,
        kernel_bytes: int = 0,
        request_seconds: float = 10.0,
        tick_seconds: float = TICK_SECONDS,
        on_refused: Callable[[str, CloseReason, str], None] | None = None,
        on_request_refused: Callable[[Refused, str], None] | None = None,
        on_ping: Callable[[Session], bytes] | None = None,
        connection_limits: ConnectionLimits | None = None,
        address_of: Callable[[str, str | None], str] = _peer_address,
        rates: Rates | None = None,
        hosts: Container[str] | None = None,
        accepts_compression: bool = False,
        path: str = PATH,
        **options: Any,
    ) -> None:
        super().__init__(**(options | {"async_mode": "asgi", "monitor_clients": False}))
        self.max_buffered_bytes = max_buffered_bytes
        self.max_incoming_bytes = max_incoming_bytes
        self.max_written_bytes = max_buffered_bytes - kernel_bytes
        self.request_seconds = request_seconds
        self.max_message_bytes: int = self.max_http_buffer_size
        self.draining = False
        self.closing_handshakes: set[ClosingHandshake] = set()
        self.outbox = Outbox()
        self.wheel = TimerWheel(tick_seconds)
        self.ping_wheel = TimerWheel(tick_seconds, driver=self.wheel)
        self.pending_closes = PendingCloses(self.wheel, max_buffered_bytes)
        self.rates = rates
        self.accepts_compression = accepts_compression
        self._hosts = hosts
        self._on_refused = on_refused
        self._on_request_refused = on_request_refused
        self._on_ping = on_ping
        self._connection_limits = connection_limits or Unlimited()
        self._address_of = address_of
        self._path = path
        self._requests = Requests(self, request_seconds)
        self._ids = session_ids()
        self._tasks: set[asyncio.Task[None]] = set()

    def websocket_protocol(self, config: Any, server_state: Any, app_state: Any) -> OpeningHandshake:
        """Make the protocol of a new WebSocket, for uvicorn's `ws=`."""
        return OpeningHandshake(self, config, server_state, app_state)

    def owns(self, path: str) -> bool:
        """Say whether requests for this path are for Engine.IO; all others are for the application."""
        return path == self._path or path == self._path.rstrip("/")

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task, and keep a reference to it until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def generate_id(self) -> str:
        """Return a new session id."""
        return next(self._ids)

    # Requests

    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None:
        """Raise `Refused` if a request may not be served, whichever session it is for."""
        if query.get("transport") not in self.transports:
            raise refusals.unknown_transport()
        if query["transport"] != transport:
            raise refusals.bad_request()
        if self.draining and "sid" not in query:
            raise refusals.draining()
        host = environ.get("HTTP_HOST")
        if host is not None and self._hosts is not None and host not in self._hosts:
            raise refusals.unknown_host(host)
        origin = environ.get("HTTP_ORIGIN")
        if origin:
            allowed = self._cors_allowed_origins(environ)
            if allowed is not None and origin not in allowed:
                raise refusals.forbidden(origin)
        elif environ.get("HTTP_SEC_FETCH_SITE") in FOREIGN_SITES:
            # An image or a script on another site, sent with the visitor's cookies. Real clients send an
            # Origin.
            raise refusals.forbidden()
        if "sid" not in query:
            self._connection_limits.check(environ["REMOTE_ADDR"])

    def address(self, peer: Any, headers: Mapping[str, str]) -> str:
        """Return the address of the client behind a socket's peer; "" if there is none."""
        host = peer[0] if isinstance(peer, tuple) else ""
        return self._address_of(host, headers.get("x-forwarded-for"))

    def find_session(self, sid: str) -> Session:
        """Return an open session. Raises `Refused` if there is none with that id."""
        session: Session | None = self.sockets.get(sid)
        if session is None:
            raise refusals.unknown_session()
        return session

    def open_websocket(
        self, transport: Any, switch: bytes, environ: dict[str, Any], *, deflates: bool = False
    ) -> None:
        """Begin a session on a WebSocket: answer its handshake with `switch` and the OPEN packet."""
        session = Session(self, self.generate_id(), transport, polling=False)
        session.deflates = deflates
        transport.set_protocol(session)
        transport.write(switch + self._register(session, environ, upgrades=[]))
        self._notify_connect(session, environ)

    def open_polling(self, environ: dict[str, Any]) -> Session:
        """Begin a session over long-polling. Raises `Refused` if the server above refuses it."""
        transport = Polling(self.max_buffered_bytes)
        session = transport.session = Session(self, self.generate_id(), transport, polling=True)
        upgrades = ["websocket"] if "websocket" in self.transports else []
        transport.write(self._register(session, environ, upgrades))
        self._notify_connect(session, environ)
        if session.closed:
            self.pending_closes.forget(session.sid)
            raise refusals.forbidden()
        return session

    def _register(self, session: Session, environ: dict[str, Any], upgrades: list[str]) -> bytes:
        """Add a session to the table; return its OPEN packet."""
        session.address = environ.get("REMOTE_ADDR", "")
        session.head_bytes = handshake.head_size(environ)
        self.sockets[session.sid] = session
        self._connection_limits.acquire(session.address)
        return packets.opening(
            session.sid, upgrades, self.ping_interval, self.ping_timeout, self.max_message_bytes
        )

    def _notify_connect(self, session: Session, environ: dict[str, Any]) -> None:
        """Tell the server above of a new session, which it may refuse; its handler must not wait."""
        try:
            accepted = _run_without_waiting(self.handlers["connect"](session.sid, environ))
        except Exception:
            log.exception("the connect handler of connection %s failed", session.sid)
            accepted = False
        if accepted is False:
            session.end(self.reason.SERVER_DISCONNECT)

    # What sessions report

    # These two call the handlers directly, which must be coroutine functions: python-engineio's own way costs
    # more than the work for most messages.

    async def message_received(self, sid: str, data: str | bytes) -> None:
        """Pass a message to the server above."""
        await self.handlers["message"](sid, data)

    async def session_ended(self, sid: str, reason: str) -> None:
        """Tell the server above that a session has ended."""
        await self.handlers["disconnect"](sid, reason)

    def ping(self, session: Session) -> bytes:
        """Return the frames of a session's ping."""
        return packets.PING_FRAME + (self._on_ping(session) if self._on_ping is not None else b"")

    def held_bytes(self) -> tuple[int, int]:
        """Return how many bytes the connections make this process hold: in total, and the largest one."""
        held = [each.held_bytes for each in (*self.sockets.values(), *self.closing_handshakes)]
        return sum(held) + self.pending_closes.held_bytes, max(held, default=0)

    def remove(self, session: Session) -> None:
        """Forget a session that has ended."""
        if self.sockets.pop(session.sid, None) is not None:
            self._connection_limits.release(session.address)

    def refused(self, sid: str, reason: CloseReason, text: str) -> None:
        """Report that a connection was closed because of what its client sent."""
        if self._on_refused is not None:
            self._on_refused(sid, reason, text)

    def request_refused(self, refused: Refused, address: str) -> None:
        """Report that a request was refused."""
        if self._on_request_refused is not None:
            self._on_request_refused(refused, address)

    def count_connect(self, address: str) -> None:
        """Count a connect that begins no session. Raises `Refused` if its address may not connect now."""
        self._connection_limits.check(address)
        self._connection_limits.acquire(address)
        self._connection_limits.release(address)

    def refuse_revision_3(self, address: str) -> str:
        """Report a client of revision 3; return an id for it. Raises `Refused` as `count_connect` does."""
        self.count_connect(address)
        self.request_refused(refusals.unsupported_version(), address)
        return self.generate_id()

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
        """End every session, and stop the wheel once the handlers have run."""
        await self.disconnect()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)
        self.ping_wheel.stop()
        self.wheel.stop()


def _run_without_waiting(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that does not wait, and return its result; a task would cost more than its work."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise TypeError("a handler of the engine's connect event waits for something")
