"""uvicorn's HTTP, for connections that were admitted, and that say in time and in measure what they want."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from queuecast_gateway.admission import Admission
from queuecast_gateway.engine.handshake import Refused, bad_request, refusal
from queuecast_gateway.engine.heartbeat import Wheel

MAX_HEAD_BYTES = 64 << 10
"""Of a request's head, in one piece or in many."""

MAX_HEADERS = 100
"""Header lines of a request. Each takes some 200 bytes here, however short it is."""

SLOW = Refused("slow", 3, "Bad request", HTTPStatus.REQUEST_TIMEOUT)
TOO_LARGE = Refused("too_big", 3, "Bad request", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Door(Protocol):
    """The part of an engine that a connection needs before it is a session's."""

    wheel: Wheel

    def address(self, peer: Any, headers: Mapping[str, str]) -> str: ...
    def turned_away(self, refused: Refused, address: str) -> None: ...


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, for connections that were admitted, and that send their requests' heads in time.

    What is no HTTP is refused here and counted, where uvicorn would log a line for each piece of it.
    """

    def __init__(self, admission: Admission, door: Door, head_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._admission = admission
        self._door = door
        self._head_seconds = head_seconds
        self._head_bytes: int | None = None
        """Of a head that is not complete; None between two of them."""
        self._is_too_large = False
        self._due: int | None = None
        self._wants_websocket: bool | None = None

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        before = self._head_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(TOO_LARGE if self._is_too_large else bad_request())
            return
        except httptools.HttpParserUpgrade as exc:
            # Other protocols are passed over (RFC 9110, section 7.8): the request is answered as it is.
            # Nobody may speak on before the answer (RFC 6455, section 4.1), and uvicorn would drop that.
            if exc.args[0] < len(data):
                self._refuse(bad_request())
                return
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
        if before is not None and self._head_bytes is not None:
            self._head_bytes = before + len(data)
            if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse(TOO_LARGE)
                return
        if not self._is_answering:
            # uvicorn's own timer, for idle connections, ends with the first byte of a request.
            self._await_head()

    def on_message_begin(self) -> None:
        if self._is_answering:
            # No browser and no proxy of today does that. uvicorn would keep as many as fit into what it reads
            # at once, lose sight of the first when their connection breaks, and write its answer into a
            # WebSocket that was asked for behind it.
            raise ValueError("a request before the answer to the last one")  # for `data_received`
        super().on_message_begin()
        self._head_bytes = 0
        self._wants_websocket = None

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._forget()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            # Each part is read before this one is asked: it may have come with all the others at once.
            self._is_too_large = True
            raise ValueError("a head that is too large")  # for `data_received`
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _should_upgrade(self) -> bool:
        # It is asked three times, of a head that is complete.
        if self._wants_websocket is None:
            self._wants_websocket = super()._should_upgrade()
        return self._wants_websocket

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refused: Refused) -> None:
        self._door.turned_away(refused, self._door.address(self.client, {}))
        if self._is_answering:
            self.cycle.disconnected = True
        else:
            self.transport.write(refusal(refused))
        self.transport.close()

    def _await_head(self) -> None:
        if self._due is None:
            self._due = self._door.wheel.after(self._head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._due = None
        if self._head_bytes is not None:
            self._refuse(SLOW)
        else:
            # Who said nothing has asked for nothing: browsers open such connections ahead of need.
            self.transport.close()

    def _forget(self) -> None:
        if self._due is not None:
            self._door.wheel.cancel(self._due, self._give_up)
            self._due = None

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and nothing that would keep this object alive: it is in a circle with
        its parser, which only the collector would find.
        """
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # as uvicorn itself does at the end

    def connection_made(self, transport: Any) -> None:
        if self._admission.admits(transport.get_extra_info("socket").fileno()):
            super().connection_made(transport)
            self._await_head()
            return
        self.transport = transport
        transport.write(UNAVAILABLE)
        transport.close()
