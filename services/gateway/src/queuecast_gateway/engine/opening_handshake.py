"""A WebSocket before it carries a session: its handshake, and the probe of a session that upgrades to it.

Each state is an asyncio protocol that hands the connection to the next one, so that it can only do what its
state allows.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from queuecast_gateway.engine import deflate, frames, handshake, packets, refusals, revision3
from queuecast_gateway.engine.closing_handshake import CLOSING_SECONDS, ClosingHandshake
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.handshake import Request
from queuecast_gateway.engine.polling import Polling
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.engine.session import Session
from queuecast_gateway.engine.timer_wheel import TimerWheel

PROBE_SECONDS = 10.0
"""How long a probe may take before the session stays with long-polling."""

MAX_PROBE_BYTES, MAX_PROBE_FRAMES = 125, 16
"""A probe is two frames of six bytes at most; 125 bytes is the longest control frame."""


class HandshakeServer(Protocol):
    """What a handshake needs of its server; `check`, `find_session` and `count_connect` raise `Refused`."""

    accepts_compression: bool
    closing_handshakes: set[ClosingHandshake]
    max_message_bytes: int
    max_written_bytes: int
    request_seconds: float
    wheel: TimerWheel

    def owns(self, path: str) -> bool: ...
    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None: ...
    def find_session(self, sid: str) -> Session: ...
    def open_websocket(
        self, transport: Any, switch: bytes, environ: dict[str, Any], *, deflates: bool
    ) -> None: ...
    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def count_connect(self, address: str) -> None: ...
    def refuse_revision_3(self, address: str) -> str: ...
    def request_refused(self, refused: Refused, address: str) -> None: ...


class OpeningHandshake(asyncio.Protocol):
    """The class for uvicorn's `ws=`: it reads one handshake and answers it.

    uvicorn hands over the request as bytes and sets this protocol only then, so the next protocol is set one
    iteration of the loop later.
    """

    __slots__ = ("_app_state", "_config", "_engine", "_has_request", "_server_state", "_transport")

    def __init__(self, engine: HandshakeServer, config: Any, server_state: Any, app_state: Any) -> None:
        self._engine = engine
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._has_request = False
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._has_request:
            # A client may not send anything before the answer: RFC 6455, section 4.1.
            self._transport.abort()
            return
        self._has_request = True
        request = handshake.parse(data)
        if self._engine.owns(request.path):
            asyncio.get_running_loop().call_soon(answer, self._engine, self._transport, request)
        else:
            self._pass_to_application(data)

    def _pass_to_application(self, head: bytes) -> None:
        other = WebSocketsSansIOProtocol(self._config, self._server_state, self._app_state)
        other.connection_made(self._transport)
        other.data_received(head)
        asyncio.get_running_loop().call_soon(self._transport.set_protocol, other)


def answer(engine: HandshakeServer, transport: Any, request: Request) -> None:
    """Answer a request for a WebSocket: it begins a connection or upgrades one, or it is refused."""
    if transport.is_closing():
        return
    address = engine.address(transport.get_extra_info("peername"), request.headers)
    environ = request.environ(address)
    try:
        query = request.query
        engine.check(query, environ, "websocket")
        session = engine.find_session(query["sid"]) if "sid" in query else None
        offers = request.headers.get("sec-websocket-extensions")
        accepted = deflate.negotiate(offers) if offers and engine.accepts_compression else ""
        switch = handshake.switch(request, accepted)
        if session is None and handshake.is_revision_3(query):
            sid = engine.refuse_revision_3(address)
            transport.write(switch + revision3.websocket_frames(sid))
            _end_within(engine, transport, engine.request_seconds)
            return
        handshake.check_version(query)
        has_websocket = session is not None and not (session.polling and not session.transport.has_probe)
        if has_websocket:
            # What it is answered holds a descriptor for a while, and no session counts it.
            engine.count_connect(address)
    except Refused as refused:
        engine.request_refused(refused, address)
        transport.write(refusals.refusal(refused))
        transport.close()
        return
    transport.set_write_buffer_limits(high=engine.max_written_bytes)
    if session is None:
        engine.open_websocket(transport, switch, environ, deflates=bool(accepted))
    elif has_websocket:
        # A second WebSocket of a session is accepted and closed: to a client, a refusal would be an error.
        # https://socket.io/docs/v4/engine-io-protocol/#websocket
        engine.request_refused(refusals.bad_request(), address)
        transport.write(switch + frames.encode_close(frames.NORMAL, "the session has a WebSocket"))
        _end_within(engine, transport, CLOSING_SECONDS)
    else:
        transport.write(switch)
        transport.set_protocol(UpgradeProbe(transport, session, deflates=bool(accepted)))


def _end_within(engine: HandshakeServer, transport: Any, seconds: float) -> None:
    closing = ClosingHandshake(
        transport, engine.wheel, engine.max_message_bytes, engine.closing_handshakes, seconds
    )
    transport.set_protocol(closing)


class UpgradeProbe(asyncio.Protocol):
    """A WebSocket that a polling session probes and then upgrades to; a session has one at a time.

    https://socket.io/docs/v4/engine-io-protocol/#upgrade
    """

    __slots__ = (
        "_decoder",
        "_deflates",
        "_due",
        "_frames",
        "_has_failed",
        "_polling",
        "_probed",
        "_session",
        "_transport",
    )

    def __init__(self, transport: Any, session: Session, *, deflates: bool) -> None:
        self._transport = transport
        self._session = session
        self._polling: Polling = session.transport
        self._polling.has_probe = True
        self._probed = self._has_failed = False
        self._deflates = deflates
        self._decoder = Decoder(MAX_PROBE_BYTES, deflate.inflate if deflates else None)
        self._frames = 0
        self._due = session.engine.wheel.after(PROBE_SECONDS, self._fail)

    def data_received(self, data: bytes) -> None:
        try:
            for opcode, payload in self._decoder.feed(data):
                self._frames += 1
                if self._frames > MAX_PROBE_FRAMES:
                    self._fail()
                    return
                if opcode == frames.PING and isinstance(payload, bytes):
                    self._transport.write(frames.encode(frames.PONG, payload))
                elif opcode == frames.TEXT and payload == packets.PING + packets.PROBE and not self._probed:
                    self._probe()
                elif opcode == frames.TEXT and payload == packets.UPGRADE and self._probed:
                    self._move()
                    return
                else:
                    self._fail()
                    return
        except FrameError:
            self._fail()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail()

    def _probe(self) -> None:
        if self._session.closed or not self._session.polling or self._polling.probing:
            self._fail()
            return
        self._probed = True
        self._transport.write(packets.PROBE_ANSWER)
        self._polling.probe()

    def _move(self) -> None:
        self._session.engine.wheel.cancel(self._due, self._fail)
        if self._session.closed:
            self._transport.close()
            return
        self._session.move_to(self._transport, deflates=self._deflates)
        self._transport.set_protocol(self._session)
        if rest := self._decoder.rest():
            self._session.data_received(rest)

    def _fail(self) -> None:
        if self._has_failed:
            return
        self._has_failed = True
        self._session.engine.wheel.cancel(self._due, self._fail)
        self._polling.has_probe = False
        if self._probed and self._session.polling:
            self._polling.probe_failed()
        self._transport.close()
