"""A WebSocket before it is a session's: its handshake, and the probe by which a polling session moves to it.

Each is an asyncio protocol that gives the connection on to the next one; what a state forbids, it cannot do.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from queuecast_gateway.engine import frames, handshake, packets
from queuecast_gateway.engine.frames import Decoder, FrameError
from queuecast_gateway.engine.handshake import Refused, Request
from queuecast_gateway.engine.polling import Polling
from queuecast_gateway.engine.session import Session

PROBE_SECONDS = 10.0
"""How long a probe may take before the session goes on without it."""

MAX_PROBE_BYTES, MAX_PROBE_FRAMES = 125, 16
"""A probe is two frames of six bytes at most; a control frame has at most so many bytes."""


class Door(Protocol):
    """What a handshake needs of the server; `check` and `upgradable` raise `Refused`."""

    max_written_bytes: int

    def owns(self, path: str) -> bool: ...
    def check(self, query: dict[str, str], environ: dict[str, Any], transport: str) -> None: ...
    def upgradable(self, sid: str) -> Session: ...
    def open_websocket(self, transport: Any, switch: bytes, environ: dict[str, Any]) -> None: ...
    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def turned_away(self, refused: Refused, address: str) -> None: ...


class Opening(asyncio.Protocol):
    """The class for uvicorn's `ws=`: it reads one handshake, and answers it.

    uvicorn hands over the request as bytes, then sets this protocol; so whoever is next is set a turn later.
    """

    __slots__ = ("_app_state", "_asked", "_config", "_engine", "_server_state", "_transport")

    def __init__(self, engine: Door, config: Any, server_state: Any, app_state: Any) -> None:
        self._engine = engine
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._asked = False
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._asked:
            # A client may not speak before the handshake is answered: RFC 6455, section 4.1.
            self._transport.abort()
            return
        self._asked = True
        request = handshake.parse(data)
        if self._engine.owns(request.path):
            asyncio.get_running_loop().call_soon(self._answer, request)
        else:
            self._leave_to_application(data)

    def _leave_to_application(self, head: bytes) -> None:
        other = WebSocketsSansIOProtocol(self._config, self._server_state, self._app_state)
        other.connection_made(self._transport)
        other.data_received(head)
        asyncio.get_running_loop().call_soon(self._transport.set_protocol, other)

    def _answer(self, request: Request) -> None:
        if self._transport.is_closing():
            return
        address = self._engine.address(self._transport.get_extra_info("peername"), request.headers)
        environ = request.environ(address)
        try:
            query = request.query
            handshake.check_version(query)
            self._engine.check(query, environ, "websocket")
            session = self._engine.upgradable(query["sid"]) if "sid" in query else None
            switch = handshake.switch(request)
        except Refused as refused:
            self._engine.turned_away(refused, address)
            self._transport.write(handshake.refusal(refused))
            self._transport.close()
            return
        self._transport.set_write_buffer_limits(high=self._engine.max_written_bytes)
        if session is None:
            self._engine.open_websocket(self._transport, switch, environ)
        else:
            self._transport.write(switch)
            self._transport.set_protocol(Probe(self._transport, session))


class Probe(asyncio.Protocol):
    """A WebSocket that a polling session tries out, and then moves to: one at a time.

    https://socket.io/docs/v4/engine-io-protocol/#upgrade
    """

    __slots__ = ("_decoder", "_due", "_frames", "_is_over", "_polling", "_probed", "_session", "_transport")

    def __init__(self, transport: Any, session: Session) -> None:
        self._transport = transport
        self._session = session
        self._polling: Polling = session.transport
        self._polling.has_probe = True
        self._probed = self._is_over = False
        self._decoder = Decoder(MAX_PROBE_BYTES)
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
        self._session.move_to(self._transport)
        self._transport.set_protocol(self._session)
        if rest := self._decoder.rest():
            self._session.data_received(rest)

    def _fail(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._session.engine.wheel.cancel(self._due, self._fail)
        self._polling.has_probe = False
        if self._probed and self._session.polling:
            self._polling.probe_failed()
        self._transport.close()
