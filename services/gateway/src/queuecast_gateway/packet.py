"""Socket.IO packets: python-socketio's, but a client's are read strictly; and events as frames.

https://socket.io/docs/v4/socket-io-protocol/#packet-encoding
"""

import json
import math
import re
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
from queuecast_gateway.engine import packets
from queuecast_gateway.faults import Fault
from queuecast_gateway.protocol import event_fault

MAX_ATTACHMENTS = 10
"""Binary attachments of one packet; the stock JavaScript server has the same limit."""

MAX_ID_DIGITS = 15

_HEAD = re.compile(r"([0-6])(?:(\d+)-)?(?:(/[^,]*)(?:,|$))?(\d*)", re.ASCII)


class BadPacket(ValueError):
    """A client sent something that is no Socket.IO packet; the text says what is wrong."""

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


def _no_constant(name: str) -> Any:
    raise BadPacket("json", f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadPacket("number", "a number that is too large")
    return number


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_encoder = json.JSONEncoder(separators=(",", ":"))


class _Json:
    """JSON as packets have it, by an encoder that is made once: half of what `json.dumps` takes."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        return _encoder.encode(data)


class SocketPacket(Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet. Reading one raises `BadPacket` for everything that the protocol does not allow."""

    json = _Json

    def decode(self, encoded_packet: str | bytes) -> int:
        """Fill in what a client sent; return how many attachments follow."""
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
        return int(count or 0)

    def _check_data(self) -> None:
        data = self.data
        fault: Fault | None = None
        if self.packet_type == CONNECT:
            fault = None if data is None or isinstance(data, dict) else "payload"
        elif self.packet_type == DISCONNECT:
            fault = None if data is None else "payload"
        elif self.packet_type in (EVENT, BINARY_EVENT):
            fault = event_fault(data)
        elif self.packet_type == CONNECT_ERROR:
            fault = "packet_type"
        elif not isinstance(data, list) or self.id is None:
            fault = "payload"
        if fault is not None:
            raise BadPacket(fault, "a payload that its packet type does not have, or a reserved event name")

    def add_attachment(self, attachment: str | bytes) -> bool:
        """Take in the next attachment; say whether the packet is complete."""
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
        return _decoder.decode(text)
    except BadPacket:
        raise
    except json.JSONDecodeError as exc:
        raise BadPacket("json", "a payload that is not JSON") from exc
    except ValueError as exc:
        # Python's own limit: 4,300 digits.
        raise BadPacket("number", "a number that is too large") from exc
    except RecursionError as exc:
        raise BadPacket("nesting", "a payload that is nested too deeply") from exc


def _fill_in(data: Any, attachments: list[bytes]) -> Any:
    if isinstance(data, list):
        return [_fill_in(item, attachments) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is not True:
        return {name: _fill_in(item, attachments) for name, item in data.items()}
    number = data.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise BadPacket("attachments", "a placeholder without its attachment")
    return attachments[number]


def namespace_prefix(namespace: str | None) -> str:
    """Return what stands for a namespace in a packet's text: nothing for the default one."""
    return "" if namespace in (None, "/") else f"{namespace},"


def packet_frames(packet: Any) -> bytes:
    """Return the frames of a Socket.IO packet and its attachments."""
    encoded = packet.encode()
    if isinstance(encoded, list):
        return b"".join(packets.message(part) for part in encoded)
    return packets.message(encoded)


def record_frames(record: Record, offset: str | None = None) -> bytes:
    """Return the frames of a record's event; the offset, if any, is its last argument. Raises `BadRecord`.

    The arguments are checked, but written as the text they came as.
    https://socket.io/docs/v4/connection-state-recovery
    """
    try:
        arguments = _decoder.decode(record.arguments.decode())
        if record.attachments:
            arguments = _fill_in(arguments, list(record.attachments))
    except (ValueError, RecursionError) as exc:
        raise BadRecord(f"the arguments cannot be read: {exc}") from exc
    if not isinstance(arguments, list):
        raise BadRecord("the arguments are not a list")
    name = json.dumps(record.event, ensure_ascii=False)
    inner = record.arguments.decode().strip()[1:-1].strip()
    kind = f"{BINARY_EVENT}{len(record.attachments)}-" if record.attachments else f"{EVENT}"
    namespace = namespace_prefix(record.namespace)
    last = "" if offset is None else f',"{offset}"'
    text = f"{kind}{namespace}[{name}{',' if inner else ''}{inner}{last}]"
    return b"".join([packets.message(text), *map(packets.message, record.attachments)])
