"""The two protocols that the compared servers speak above WebSocket, as far as the bench needs them. Pure.

Socket.IO: https://socket.io/docs/v4/socket-io-protocol
Centrifugo's, in JSON: https://centrifugal.dev/docs/transports/client_protocol
"""

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bench.events import compact
from bench.wire import REQUEST, masked, upgrade

EVERYONE = "bench"
"""Centrifugo has no event for everyone: each client subscribes to this channel."""

OWN = "own"
"""The Centrifugo channel of one client alone, as each Socket.IO client has a room of its own."""

ANSWER = b"43"
"""An acknowledgement; its id follows, one digit here."""


class Session(NamedTuple):
    """What a server has called a client: its session id and, where it recovers, its private id."""

    sid: str
    pid: str = ""


class Dialect(Protocol):
    """A protocol. A frame has one message or several; a client answers some of them."""

    request: bytes
    """The opening handshake."""

    first: bytes
    """What a client says once the WebSocket is open, before it has heard anything."""

    pong: bytes

    def messages(self, payload: bytes) -> Sequence[bytes]: ...

    def is_ping(self, message: bytes) -> bool: ...

    def is_event(self, message: bytes) -> bool: ...

    def opened(self, message: bytes) -> bool:
        """Say whether the server now waits for the client's CONNECT."""
        ...

    def connect(self, session: Session | None, offset: str) -> bytes:
        """Return CONNECT, which recovers the session if there is one."""
        ...

    def session(self, message: bytes) -> Session | None:
        """Return the session, if the message is the answer that ends the connecting."""
        ...

    def heads(self, first: int, count: int) -> list[bytes]:
        """Return how the messages of `count` ticks begin; the digits of the time follow."""
        ...

    def subscribe(self, rooms: Sequence[str]) -> tuple[bytes, int]:
        """Return what joins rooms, and the number of answers to it."""
        ...

    def answered(self, message: bytes) -> bool | None:
        """Say whether a subscription succeeded, or None if the message is not about one."""
        ...


class _SocketIO:
    request = REQUEST
    first = b""
    pong = masked(b"3")

    def messages(self, payload: bytes) -> Sequence[bytes]:
        return (payload,)

    def is_ping(self, message: bytes) -> bool:
        return message == b"2"

    def is_event(self, message: bytes) -> bool:
        return message.startswith(b"42")

    def opened(self, message: bytes) -> bool:
        return message.startswith(b"0{")

    def connect(self, session: Session | None, offset: str) -> bytes:
        auth = b"" if session is None else compact({"pid": session.pid, "offset": offset})
        return masked(b"40" + auth)

    def session(self, message: bytes) -> Session | None:
        if not message.startswith(b"40{"):
            return None
        answer = json.loads(message[2:])
        return Session(answer["sid"], answer.get("pid", ""))

    def heads(self, first: int, count: int) -> list[bytes]:
        return [b'42["tick",{"seq":%d,"at":' % number for number in range(first, first + count)]

    def subscribe(self, rooms: Sequence[str]) -> tuple[bytes, int]:
        return masked(b"420" + compact(["subscribe", list(rooms)])), 1

    def answered(self, message: bytes) -> bool | None:
        return b'"ok":false' not in message if message.startswith(ANSWER) else None


class _Centrifugo:
    request = upgrade("/connection/websocket")
    first = masked(b'{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"%b"}}' % EVERYONE.encode())
    pong = masked(b"{}")

    def messages(self, payload: bytes) -> Sequence[bytes]:
        return payload.split(b"\n")

    def is_ping(self, message: bytes) -> bool:
        return message == b"{}"

    def is_event(self, message: bytes) -> bool:
        return message.startswith(b'{"push":')

    def opened(self, message: bytes) -> bool:
        return False

    def connect(self, session: Session | None, offset: str) -> bytes:
        raise NotImplementedError  # `first` connects

    def session(self, message: bytes) -> Session | None:
        if not message.startswith(b'{"id":2,'):
            return None
        if b'"error"' in message:
            raise ConnectionError(f"the server answered {message!r}")
        return Session("")

    def heads(self, first: int, count: int) -> list[bytes]:
        head = b'{"push":{"channel":"%b","pub":{"data":{"seq":%%d,"at":' % EVERYONE.encode()
        return [head % number for number in range(first, first + count)]

    def subscribe(self, rooms: Sequence[str]) -> tuple[bytes, int]:
        commands = [compact({"id": 3, "subscribe": {"channel": room}}) for room in rooms]
        return masked(b"\n".join(commands)), len(commands)

    def answered(self, message: bytes) -> bool | None:
        return b'"error"' not in message if message.startswith(b'{"id":3,') else None


SOCKET_IO: Dialect = _SocketIO()
CENTRIFUGO: Dialect = _Centrifugo()
