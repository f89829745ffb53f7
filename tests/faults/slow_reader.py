"""A browser that stops reading: a raw WebSocket with a small receive buffer."""

import json
import socket

from queuecast_local.ports import HOST

RECEIVE_BUFFER_BYTES = 1 << 16
PATIENCE_SECONDS = 10.0
REQUEST = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
    f"Host: {HOST}\r\n"
    "Connection: Upgrade\r\n"
    "Upgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def slow_reader(port: int, room: str) -> socket.socket:
    """Return a connection to a gateway that has joined a room; the caller closes it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.settimeout(PATIENCE_SECONDS)
    sock.connect((HOST, port))
    for sent, awaited in (
        (REQUEST.encode(), b"maxPayload"),
        (_frame("40"), b"40{"),
        (_frame(f'420["subscribe",{json.dumps(room)}]'), b"430["),
    ):
        sock.sendall(sent)
        while awaited not in sock.recv(4096):
            pass
    return sock


def _frame(text: str) -> bytes:
    """Return a short text frame, masked with zeros, which RFC 6455 allows."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text.encode()
