"""The client's half of WebSocket, as far as the bench needs it. Pure.

The only server fault that it checks is the status of the upgrade.
https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from collections.abc import Iterator

TEXT, CLOSE, PING = 1, 8, 9
MASK = bytes.fromhex("5ac3a53c")
SHORT, LONG = 126, 127
"""In the place of a frame's length: it is in the next two bytes, or in the next eight."""


def upgrade(path: str) -> bytes:
    """Return an opening handshake without `Origin`, unlike a browser's, and without permessage-deflate, which
    browsers offer.
    """
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cXVldWVjYXN0LWJlbmNoIQ==\r\n\r\n"
    ).encode()


REQUEST = upgrade("/socket.io/?EIO=4&transport=websocket")


def masked(text: bytes) -> bytes:
    """Return a client's text frame for a text shorter than 64 KiB."""
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(text))
    size = bytes((0x80 | len(text),)) if len(text) < SHORT else b"\xfe" + len(text).to_bytes(2, "big")
    return bytes((0x80 | TEXT,)) + size + MASK + body


def frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield the opcode, payload and end of each whole frame from a server."""
    position, end = 0, len(data)
    while position + 2 <= end:
        length, start = data[position + 1], position + 2
        if length == SHORT:
            start += 2
            length = int.from_bytes(data[position + 2 : start], "big")
        elif length == LONG:
            start += 8
            length = int.from_bytes(data[position + 2 : start], "big")
        stop = start + length
        if start > end or stop > end:
            return
        yield data[position] & 0x0F, data[start:stop], stop
        position = stop
