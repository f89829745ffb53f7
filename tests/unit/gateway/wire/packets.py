"""Packets as text and as frames, and any values for them."""

from typing import Any

from hypothesis import strategies as st

from queuecast_bus.names import RESERVED_EVENTS
from queuecast_gateway.engine import frames
from queuecast_gateway.wire.packet import SocketPacket

HALF_A_PAIR = '"\\ud800"'
"""JSON can express it, UTF-8 cannot."""

PLACEHOLDER = '{"_placeholder":true,"num":0}'


def placeholders(count: int) -> str:
    """Return the JSON of `count` placeholders, separated by commas."""
    return ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(count))


characters = st.characters(exclude_categories=["Cs"])
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(characters, max_size=10)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(characters, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
event_names = st.text(characters, min_size=1, max_size=20).filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.just("/") | st.text(characters, max_size=10).map(
    lambda text: "/" + text.replace(",", "").replace("?", "")
)


def decoded(text: str) -> SocketPacket:
    """Return the packet that a client sent, decoded into an empty one."""
    packet = SocketPacket()
    packet.attachment_count = packet.decode(text)
    return packet


def completed(text: str, *attachments: bytes) -> Any:
    """Return the data of a binary packet after its last attachment."""
    packet = decoded(text)
    done = [packet.add_attachment(attachment) for attachment in attachments]
    assert done == [False] * (len(attachments) - 1) + [True]
    return packet.data


def received(sent: bytes) -> list[str | bytes]:
    """Return what a client receives: Socket.IO packets as text, attachments as bytes."""
    parts: list[str | bytes] = []
    for opcode, payload in frames.split(sent):
        if opcode == frames.BINARY:
            parts.append(payload)
        else:
            assert opcode == frames.TEXT
            assert payload[:1] == b"4"
            parts.append(payload[1:].decode())
    return parts
