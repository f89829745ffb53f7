"""What must hold for any input, below the server. Each check raises, and reports only what it saw."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT
from tests.fuzz.reference import Heard, Judged, hear, judge, slack, up_to_close

from queuecast_bus.names import MAX_ROOMS
from queuecast_gateway.engine import deflate, handshake, packets, refusals
from queuecast_gateway.engine.frames import BINARY, CLOSE, TEXT, Frame
from queuecast_gateway.engine.packets import BadPacket as BadEnginePacket
from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.wire.packet import BadPacket, SocketPacket
from queuecast_gateway.wire.protocol import Refusal, room_names

LIMIT = 4_000
"""The campaign's largest message, which has room for JSON that is too deep for Python."""

HEADER, CONTROL = 14, 125
"""Bytes of the longest header and of the longest payload of a control frame: RFC 6455, section 5."""

STEPS = 600
"""Inputs of fewer bytes are also read byte by byte, longer ones in this many parts."""

DEEP = 60
"""From this depth on, a JSON writer may give up although the reader did not."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Frames


def check_frames(reads: Sequence[bytes], *, deflates: bool = False) -> Heard:
    """Check the decoder, of a connection that `deflates` or not; return what it decoded."""
    heard = hear(reads, LIMIT, deflates=deflates)
    most = LIMIT + HEADER + CONTROL + (slack(LIMIT) if deflates else 0)
    assert heard.most <= most, f"{heard.most} bytes are kept of at most {LIMIT}"
    data = b"".join(reads)
    step = 1 + len(data) // STEPS
    parts = [data[at : at + step] for at in range(0, len(data), step)]
    singly = hear(parts, LIMIT, deflates=deflates)
    for name, other in (("at once", hear([data], LIMIT, deflates=deflates)), ("in small parts", singly)):
        assert other[:2] == heard[:2], f"read {name}: {_shown(other)}, as it came: {_shown(heard)}"
        assert heard.code is not None or other.idle == heard.idle, f"read {name}, something else is kept"
    assert singly.most <= most, f"{singly.most} bytes are kept of at most {LIMIT}"
    _compare(heard, judge(reads, LIMIT, deflates=deflates))
    return heard


def _compare(heard: Heard, theirs: Judged) -> None:
    ours = up_to_close(heard.frames)
    is_closed = bool(ours) and ours[-1].opcode == CLOSE
    expected = up_to_close(theirs.frames)
    if is_closed and len(expected) == len(ours) - 1:
        # The reference takes a CLOSE between fragments for an error; RFC 6455 (5.4) does not.
        ours = ours[:-1]
    if theirs.eager and theirs.code is not None and (heard.code is not None or not heard.idle):
        # It inflates each fragment as it comes, so that ours may hear control frames after the one at fault.
        both = min(len(ours), len(expected))
        assert ours[:both] == expected[:both], f"heard {ours!r:.300}, expected {expected!r:.300}"
    elif heard.code is None or is_closed:
        assert ours == expected, f"heard {ours!r:.300}, expected {expected!r:.300}"
        assert theirs.code is None or is_closed, f"accepted, expected the error {theirs.code}"
    else:
        assert ours == expected[: len(ours)], f"heard {ours!r:.300}, expected {expected!r:.300}"
        assert theirs.lenient or theirs.code is not None, (
            f"refused with {heard.code}, expected {expected!r:.300}"
        )


def _shown(heard: Heard) -> str:
    return f"{heard.frames!r:.300} and {heard.code}"


# Packets


def check_bodies(bodies: Iterable[bytes]) -> None:
    """Check how the bodies of POSTs are parsed."""
    for body in bodies:
        try:
            text = body.decode()
            parts = list(packets.unpack(text))
        except (UnicodeDecodeError, BadEnginePacket):
            continue
        assert len(parts) == text.count(packets.SEPARATOR) + 1
        for part, said in zip(parts, text.split(packets.SEPARATOR), strict=True):
            is_same = part == said if isinstance(part, str) else _is_base64_of(part, said)
            assert is_same, f"{said!r:.300} was read as {part!r:.300}"
        check_packets(part[1:] if isinstance(part, str) else part for part in parts if part)


def _is_base64_of(data: bytes, said: str) -> bool:
    """Say whether `said` is data in base64 behind a `b`: in either alphabet, with blanks, padded or not."""
    expected = "b" + base64.b64encode(data).decode().rstrip("=")
    plain = "".join(said.split()).replace("-", "+").replace("_", "/").rstrip("=")
    # The last character has unused bits, which may be anything: RFC 4648, 3.5.
    unused = 1 if len(data) % 3 else 0
    return len(plain) == len(expected) and plain[: len(plain) - unused] == expected[: len(plain) - unused]


def check_messages(frames: Iterable[Frame]) -> None:
    """Check how the messages of a WebSocket are parsed."""
    check_packets(
        payload[1:] if isinstance(payload, str) else payload
        for opcode, payload in frames
        if opcode == BINARY or (opcode == TEXT and payload[:1] == packets.MESSAGE)
    )


def check_packets(parts: Iterable[str | bytes]) -> None:
    """Check how Socket.IO packets are parsed; a bad one must not affect the next."""
    begun: SocketPacket | None = None
    for part in parts:
        try:
            if begun is None:
                if not part:
                    continue
                begun = SocketPacket(encoded_packet=part)
                if begun.packet_type in (BINARY_EVENT, BINARY_ACK):
                    continue
            elif not begun.add_attachment(part):
                assert len(begun.attachments) < 10, "more attachments than are allowed"
                continue
        except BadPacket:
            begun = None
            continue
        _check_complete(begun)
        begun = None


def _check_complete(packet: SocketPacket) -> None:
    check_rooms(packet.data)
    if depth(packet.data) < DEEP:
        again = read_again(packet)
        assert facts(again) == facts(packet), (
            f"{facts(packet)!r:.300} was read again as {facts(again)!r:.300}"
        )


def read_again(packet: SocketPacket) -> SocketPacket:
    """Write a packet and return what is read back."""
    kind = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}.get(packet.packet_type, packet.packet_type)
    written = SocketPacket(kind, packet.data, packet.namespace, packet.id).encode()
    if isinstance(written, str):
        return SocketPacket(encoded_packet=written)
    text, *attachments = written
    again = SocketPacket(encoded_packet=text)
    done = [again.add_attachment(attachment) for attachment in attachments]
    assert done[-1:] == [True], "as many attachments as it says do not complete it"
    return again


def facts(packet: SocketPacket) -> tuple[Any, ...]:
    """Return a packet's content. Whether it is binary follows from its data."""
    kind = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}.get(packet.packet_type, packet.packet_type)
    return kind, packet.namespace or "/", packet.id, repr(packet.data)


def check_rooms(data: Any) -> None:
    """Check how the rooms in a request are parsed."""
    for argument in (data, *data) if isinstance(data, list) else (data,):
        try:
            names = room_names(argument, MAX_ROOMS)
        except Refusal:
            continue
        assert names == ([argument] if isinstance(argument, str) else argument)
        assert all(0 < len(name.encode()) <= 4 * 256 and "," not in name for name in names)


def depth(data: Any) -> int:
    """Return how deep lists and objects are nested."""
    deep, level = 0, [data]
    while level := [each for each in level if isinstance(each, list | dict)]:
        deep += 1
        level = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
    return deep


def check_told(frames: Iterable[tuple[int, bytes]]) -> None:
    """Check that a client can read what it was sent."""
    for opcode, payload in frames:
        if opcode == TEXT:
            text = payload.decode()
            assert text[:1] in set("0123456"), f"{text!r} is no packet of Engine.IO"
            if text[0] == packets.MESSAGE:
                found = re.fullmatch(r"[02-6](?:\d+-)?(?:/[^,]*,)?\d*(.*)", text[1:], re.DOTALL)
                assert found is not None, f"{text!r:.300} is no packet of Socket.IO"
                json.loads(found[1], parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is sent to a client, which cannot read it")


# The request


def check_head(reads: Sequence[bytes]) -> None:
    """Check how a request is parsed, in the form in which uvicorn passes it on."""
    target, *fields = reads or [b"/"]
    # uvicorn's parser never passes these bytes on: they end lines and words.
    lines = [b"GET " + re.sub(rb"[\x00-\x20\x7f]", b"", target) + b" HTTP/1.1"]
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name := re.sub(rb"[^!#$%&'*+.^_`|~0-9a-z-]", b"", name.lower()):
            lines.append(name + b": " + re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value).strip(b" \t"))
    request = handshake.parse(b"\r\n".join([*lines, b"", b""]))
    environ = request.environ("192.0.2.1")
    assert all(isinstance(value, str) for value in environ.values())
    try:
        handshake.check_version(request.query)
        offers = request.headers.get("sec-websocket-extensions")
        accepted = deflate.negotiate(offers) if offers else ""
        answer = handshake.switch(request, accepted)
    except Refused as refused:
        whole = refusals.refusal(refused)
        head, _, body = whole.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
        json.loads(body)
        return
    key = request.headers["sec-websocket-key"].strip()
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    assert b"\r\nSec-WebSocket-Accept: " + accept + b"\r\n" in answer, f"{answer!r} answers {key!r}"
    assert (b"\r\nSec-WebSocket-Extensions: permessage-deflate; " in answer) is bool(accepted)
    assert answer.count(b"\r\n\r\n") == 1
