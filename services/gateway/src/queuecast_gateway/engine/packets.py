"""Engine.IO v4 packets, ready to be written. Pure.

Both transports keep a packet as the WebSocket frame that carries it: a broadcast is framed once, and an
upgrade hands over bytes. Only a long-polling answer, which need not be fast, takes the frames apart again.

https://socket.io/docs/v4/engine-io-protocol/#packet-encoding
"""

import base64
import binascii
from collections.abc import Iterator

from queuecast_gateway.engine import frames

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
PROBE = "probe"
IGNORED = frozenset({OPEN, UPGRADE, NOOP})
"""Packets that mean nothing in an open session. The reference server ignores them too, `Socket.onPacket`."""

SEPARATOR = "\x1e"

CLOSE_FRAME = frames.encode(frames.TEXT, b"1")
PING_FRAME = frames.encode(frames.TEXT, b"2")
PROBE_ANSWER = frames.encode(frames.TEXT, b"3probe")

MAX_ANSWERED = 16
"""Packets in one long-polling answer. python-engineio's client fails at more: `max_decode_packets`."""


class BadPacket(Exception):
    """The peer sent something that is not an Engine.IO packet, or that is not allowed at this point."""


def message(data: str | bytes) -> bytes:
    """Return the frame of a message packet: text or an attachment."""
    if isinstance(data, str):
        return frames.encode(frames.TEXT, b"4" + data.encode())
    return frames.encode(frames.BINARY, data)


def opening(
    sid: str, upgrades: list[str], ping_interval: float, ping_timeout: float, max_bytes: int
) -> bytes:
    """Return the handshake packet; intervals are given in seconds and sent in milliseconds."""
    # Ids and names need no JSON escapes, and this is three times as fast as json.dumps.
    listed = ",".join(f'"{name}"' for name in upgrades)
    times = f'"pingInterval":{round(ping_interval * 1000)},"pingTimeout":{round(ping_timeout * 1000)}'
    text = f'{OPEN}{{"sid":"{sid}","upgrades":[{listed}],{times},"maxPayload":{max_bytes}}}'
    return frames.encode(frames.TEXT, text.encode())


def first_answer(sent: bytes) -> tuple[bytes, bytes]:
    """Divide frames into those for one long-polling answer, and the rest."""
    end, _ = frames.skip(sent, 0, MAX_ANSWERED)
    return sent[:end], sent[end:]


def payload(sent: bytes) -> str:
    """Return the body of a long-polling answer: the packets in these frames."""
    return SEPARATOR.join(
        data.decode() if opcode == frames.TEXT else "b" + base64.b64encode(data).decode()
        for opcode, data in frames.split(sent)
    )


def unpack(body: str) -> Iterator[str | bytes]:
    """Yield the packets in the body of a long-polling POST. Raises `BadPacket`."""
    at = end = 0
    while end >= 0:
        end = body.find(SEPARATOR, at)
        packet = body[at:] if end < 0 else body[at:end]
        yield _attachment(packet[1:]) if packet[:1] == "b" else packet
        at = end + 1


def _attachment(text: str) -> bytes:
    """Decode base64 as Node and Python do, with line breaks, either alphabet, and padding or none.

    Unlike them it refuses all other characters: they would be left out, and with them a part of the data.
    """
    plain = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadPacket("an attachment that is not base64") from exc
