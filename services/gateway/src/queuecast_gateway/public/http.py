"""uvicorn's HTTP, with limits on what a connection holds and for how long."""

from asyncio import Transport
from collections.abc import Mapping
from http import HTTPStatus
from itertools import chain
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from queuecast_gateway.engine.refusals import Refused, bad_request, refusal
from queuecast_gateway.engine.timer_wheel import TimerWheel

MAX_HEAD_BYTES = 64 << 10
"""The largest request head, in one piece or in many."""

MAX_TARGET_BYTES = 8_000
"""The longest path and query of a request, as RFC 9112, section 3, recommends. To parse a query of 60 kB, or
to look for a file with such a path, took 20 to 30 ms."""

MAX_HEADERS = 100
"""The most header lines of a request. Each takes some 200 bytes in memory, however short it is."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

SLOW = Refused("slow", 3, "Bad request", HTTPStatus.REQUEST_TIMEOUT)
TOO_LARGE = Refused("too_big", 3, "Bad request", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


class EngineServer(Protocol):
    """The part of the engine that a connection needs before it has a session."""

    wheel: TimerWheel

    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def request_refused(self, refused: Refused, address: str) -> None: ...


class JoinedAnswer(Transport):
    """The transport of one answer: its head is written together with the first piece of its body.

    uvicorn writes them one after the other, so they may arrive apart. python-engineio's AsyncClient (4.15,
    `_connect_polling`) closes its connection before it reads the body of a refusal: if the body is not there
    by then, it raises an error that ends its reconnecting for good.
    """

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport
        self._held: bytes | None = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold the head back, and write what follows."""
        if self._held is None or data == CONTINUE:
            self._transport.write(data)
        elif self._held:
            head, self._held = self._held, None
            self._transport.write(head + data)
        else:
            self._held = bytes(data)

    def flush(self) -> None:
        """Write a head that nothing follows: of the answer to HEAD, or one that was given up."""
        if self._held:
            self.write(b"")

    def close(self) -> None:
        """Close the connection after what was written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Say whether the connection is closing, or lost."""
        return self._transport.is_closing()


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP for one connection.

    Malformed HTTP is refused and counted here; uvicorn would log a line for each piece of it. The head of a
    request may take `head_seconds`, and the client has to read some of an answer every `read_seconds`.
    """

    def __init__(
        self,
        engine: EngineServer,
        head_seconds: float,
        read_seconds: float,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._engine = engine
        self._head_seconds = head_seconds
        self._read_seconds = read_seconds
        self._head_bytes: int | None = None
        """The size so far of an incomplete head; None between two heads."""
        self._kept_bytes = 0
        """The size of the last complete head, which stays in memory until the next one begins."""
        self._unread_due: int | None = None
        self._is_too_large = False
        self._due: int | None = None
        self._wants_websocket: bool | None = None
        self._answer: JoinedAnswer | None = None

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        before = self._head_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(TOO_LARGE if self._is_too_large else bad_request())
            return
        except httptools.HttpParserUpgrade as exc:
            # Upgrades to other protocols are ignored (RFC 9110, section 7.8), and the request is answered.
            # A client may not send more before the answer (RFC 6455, section 4.1); uvicorn would drop it.
            if exc.args[0] < len(data):
                self._refuse(bad_request())
                return
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
        if self._head_bytes is not None:
            self._head_bytes = (before or 0) + len(data)
            if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse(TOO_LARGE)
                return
        if not self._is_answering:
            # uvicorn's own timer, for idle connections, stops at the first byte of a request.
            self._start_timer()

    @property
    def held_bytes(self) -> int:
        """How many bytes this connection makes the process hold: of requests, and of answers not yet read."""
        body = len(self.cycle.body) if self.cycle is not None else 0
        return (self._head_bytes or self._kept_bytes) + body + self.transport.get_write_buffer_size()

    def on_message_begin(self) -> None:
        if self._is_answering or self.transport.get_write_buffer_size():
            # Pipelining: no current browser or proxy does it. uvicorn would queue as many requests as one
            # read has, lose the first one when the connection breaks, and write its answer into a WebSocket
            # that a later one has asked for.
            raise ValueError("a request before the answer to the last one")  # for `data_received`
        super().on_message_begin()
        self._head_bytes = 0
        self._wants_websocket = None

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._stop_timer()
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS or len(self.url) > MAX_TARGET_BYTES:
            # The parser calls this after the whole head was read, which may have arrived at once.
            self._is_too_large = True
            raise ValueError("a head that is too large")  # for `data_received`
        self._kept_bytes = size
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.transport = self._answer = JoinedAnswer(self.transport)
            # So that a polling session knows whether its client has read the last answer.
            self.scope["state"]["transport"] = self.transport

    def on_response_complete(self) -> None:
        if self._answer is not None:
            self._answer.flush()
        super().on_response_complete()
        self._expect_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._expect_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._cancel_reading()
        super().connection_lost(exc)

    def _expect_reading(self) -> None:
        """Give the client more time to read: an answer has ended, or some of it was read."""
        self._cancel_reading()
        self._unread_due = self._engine.wheel.after(self._read_seconds, self._check_reading)

    def _cancel_reading(self) -> None:
        if self._unread_due is not None:
            self._engine.wheel.cancel(self._unread_due, self._check_reading)
            self._unread_due = None

    def _check_reading(self) -> None:
        self._unread_due = None
        if self.transport.get_write_buffer_size():
            self._engine.request_refused(SLOW, self._engine.address(self.client, {}))
            self.transport.abort()

    def _should_upgrade(self) -> bool:
        # Called three times for the same head.
        if self._wants_websocket is None:
            self._wants_websocket = super()._should_upgrade()
        return self._wants_websocket

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refused: Refused) -> None:
        self._engine.request_refused(refused, self._engine.address(self.client, {}))
        if self._is_answering:
            self.cycle.disconnected = True
        else:
            self.transport.write(refusal(refused))
        self.transport.close()

    def _start_timer(self) -> None:
        if self._due is None:
            self._due = self._engine.wheel.after(self._head_seconds, self._time_out)

    def _time_out(self) -> None:
        self._due = None
        if self._head_bytes is not None:
            self._refuse(SLOW)
        else:
            # No request has begun: browsers open spare connections ahead of need.
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._due is not None:
            self._engine.wheel.cancel(self._due, self._time_out)
            self._due = None

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and break the reference cycle with the parser: otherwise only the garbage
        collector would free this object.
        """
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn itself does at the end

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer()
