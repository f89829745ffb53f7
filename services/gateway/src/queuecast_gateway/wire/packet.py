"""Socket.IO packets: python-socketio's, with strict decoding of what clients send; and events as frames.

https://socket.io/docs/v4/socket-io-protocol/#packet-encoding
"""

import json
import re
from functools import lru_cache
from typing import Any

from socketio.packet import (
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
)

from queuecast_bus import BadRecord, Record
from queuecast_bus.bounds import (
    MAX_ATTACHMENTS,
    MAX_CLIENT_BYTES,
    check_attachments,
    check_nesting,
    read_arguments,
    read_json,
)
from queuecast_bus.names import BadName, check_event
from queuecast_gateway.engine import packets
from queuecast_gateway.reasons import CloseReason
from queuecast_gateway.wire.protocol import OFFSET_EVENT, invalid_event_reason, namespace_prefix

MAX_ID_DIGITS = 15

MAX_PACKET_NESTING = 500
"""Deepest nesting of a packet that does not end its connection. Python's own limit lies elsewhere in each
version: below 1,000 in 3.11, at some 10,000 in 3.13 and 50,000 in 3.14. Events have a stricter one."""

_HEAD = re.compile(r"([0-6])(?:(\d+)-)?(?:(/[^,]*)(?:,|$))?(\d*)", re.ASCII)


class BadPacket(ValueError):
    """A client sent something that is not a Socket.IO packet; the text says what is wrong."""

    def __init__(self, reason: CloseReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


_REASONS: dict[str, CloseReason] = {"json": "json", "number": "number", "nesting": "nesting"}
"""Close reasons for bad JSON, by the flaw that the same JSON would be in a record."""

_encoder = json.JSONEncoder(separators=(",", ":"))


class _Json:
    """Compact JSON from an encoder that is built once: half the time of `json.dumps`."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return _encoder.encode(data)


class SocketPacket(Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet. Decoding raises `BadPacket` for everything that the protocol does not allow."""

    json = _Json

    def decode(self, encoded_packet: str | bytes) -> int:
        """Decode what a client sent; return how many attachments follow."""
        if not isinstance(encoded_packet, str):
            raise BadPacket("attachments", "an attachment without a packet")
        head = _HEAD.match(encoded_packet)
        if head is None:
            raise BadPacket("packet_type", "an unknown packet type")
        kind, count, namespace, packet_id = head.groups()
        self.packet_type = int(kind)
        self.namespace = namespace.partition("?")[0] if namespace else None
        if len(packet_id) > MAX_ID_DIGITS:
            raise BadPacket("ack_id", "an acknowledgement id that is too long")
        self.id = int(packet_id) if packet_id else None
        self.data = _json(encoded_packet[head.end() :])
        self._check_data()
        return self._attachments(count)

    def _attachments(self, count: str | None) -> int:
        binary = self.packet_type in (BINARY_EVENT, BINARY_ACK)
        if (
            binary != (count is not None)
            or len(count or "") > 2
            or not 0 < int(count or 1) <= MAX_ATTACHMENTS
        ):
            raise BadPacket(
                "attachments", f"expected 1 to {MAX_ATTACHMENTS} attachments, and only in a binary packet"
            )
        if count is None:
            return 0
        try:
            check_attachments(self.data, int(count))
        except BadRecord as exc:
            raise BadPacket("attachments", str(exc)) from exc
        except RecursionError as exc:
            raise BadPacket("nesting", "a payload that is nested too deeply") from exc
        return int(count)

    def _check_data(self) -> None:
        data = self.data
        reason: CloseReason | None = None
        if self.packet_type == CONNECT:
            reason = None if data is None or isinstance(data, dict) else "payload"
        elif self.packet_type == DISCONNECT:
            reason = None if data is None else "payload"
        elif self.packet_type in (EVENT, BINARY_EVENT):
            if isinstance(data, list) and data and type(data[0]) in (int, float):
                # The stock client emits these too, and to its own handlers they are the same as text.
                data[0] = _encoder.encode(data[0])
            reason = invalid_event_reason(data)
        elif self.packet_type == CONNECT_ERROR:
            reason = "packet_type"
        elif not isinstance(data, list) or self.id is None:
            reason = "payload"
        if reason is not None:
            raise BadPacket(reason, "a payload that its packet type does not have, or a reserved event name")

    def add_attachment(self, attachment: str | bytes) -> bool:
        """Add the next attachment; say whether the packet is complete."""
        if not isinstance(attachment, bytes):
            raise BadPacket("attachments", "text where an attachment was expected")
        self.attachments.append(attachment)
        if len(self.attachments) < self.attachment_count:
            return False
        try:
            self.data = _fill_in(self.data, self.attachments)
        except RecursionError as exc:
            raise BadPacket("nesting", "a payload that is nested too deeply") from exc
        return True


def _json(text: str) -> Any:
    if not text:
        return None
    try:
        value = read_json(text)
        check_nesting(value, text, MAX_PACKET_NESTING)
    except BadRecord as exc:
        raise BadPacket(_REASONS[exc.flaw], f"a payload that cannot be read: {exc}") from exc
    return value


def _fill_in(data: Any, attachments: list[bytes]) -> Any:
    """Replace placeholders, which were checked, by their attachments."""
    if isinstance(data, list):
        return [_fill_in(item, attachments) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is not True:
        return {name: _fill_in(item, attachments) for name, item in data.items()}
    return attachments[data["num"]]


def packet_frames(packet: Any) -> bytes:
    """Return the frames of a Socket.IO packet and its attachments."""
    encoded = packet.encode()
    if isinstance(encoded, list):
        return b"".join(packets.message(part) for part in encoded)
    return packets.message(encoded)


def record_frames(record: Record, offset: str | None = None, max_bytes: int = MAX_CLIENT_BYTES) -> bytes:
    """Return the frames of a record's event; the offset, if any, is its last argument.

    The packet of an event that has to be acknowledged has an id: a client gives its handler a callback then,
    its last argument. The stock client takes no offset from such an event, so the offset follows in another.

    Raises `BadRecord` if it is larger than `max_bytes`, or if some client could not decode it. The arguments
    are checked, and then written as the text that they came as.
    https://socket.io/docs/v4/connection-state-recovery
    """
    if record.payload_size > max_bytes:
        raise BadRecord(f"an event of {record.payload_size} bytes, at most {max_bytes} are sent", "too_large")
    name = event_text(record.event)
    read_arguments(record.arguments, len(record.attachments))
    inner = record.arguments.decode().strip()[1:-1].strip()
    kind = f"{BINARY_EVENT}{len(record.attachments)}-" if record.attachments else f"{EVENT}"
    namespace = namespace_prefix(record.namespace)
    identity, last, told = "", "" if offset is None else f',"{offset}"', b""
    if record.ack is not None:
        identity, last = f"{record.ack.ack_id}", ""
        if offset is not None:
            told = packets.message(f'{EVENT}{namespace}["{OFFSET_EVENT}","{offset}"]')
    text = f"{kind}{namespace}{identity}[{name}{',' if inner else ''}{inner}{last}]"
    return b"".join([packets.message(text), *map(packets.message, record.attachments), told])


@lru_cache(maxsize=1024)
def event_text(event: str) -> str:
    """Return an event's name as JSON. Raises `BadRecord`. Cached: there are few names, of bounded length."""
    try:
        return json.dumps(check_event(event), ensure_ascii=False)
    except BadName as exc:
        raise BadRecord(str(exc), "event_name") from exc
