"""Packets are assembled from a connection's messages, and count as incoming bytes until they are complete."""

from typing import Any

import pytest

from queuecast_gateway.server.packet_assembler import PacketAssembler
from queuecast_gateway.wire.packet import BadPacket, SocketPacket

TWO = '52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'


class FakeSession:
    """Keeps what it was told to expect."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def expect_rest(self, size: int) -> None:
        self.sizes.append(size)


@pytest.fixture
def incomplete() -> dict[str, SocketPacket]:
    return {}


@pytest.fixture
def assembler(incomplete: dict[str, SocketPacket]) -> PacketAssembler:
    return PacketAssembler(incomplete)


@pytest.fixture
def session() -> Any:
    return FakeSession()


def test_a_text_packet_is_complete_at_once(assembler: PacketAssembler, session: Any) -> None:
    """Nothing is kept, and nothing is expected."""
    packet = assembler.add("eio", session, '2["e",1]')
    assert packet is not None
    assert packet.data == ["e", 1]
    assert session.sizes == []


def test_a_binary_packet_is_complete_with_its_last_attachment(
    assembler: PacketAssembler, session: Any, incomplete: dict[str, SocketPacket]
) -> None:
    """Until then its size counts, and then it counts no more."""
    assert assembler.add("eio", session, TWO) is None
    assert assembler.add("eio", session, b"one") is None
    assert list(incomplete) == ["eio"]
    packet = assembler.add("eio", session, b"two")
    assert packet is not None
    assert packet.data == ["e", b"one", b"two"]
    assert incomplete == {}
    first, second, last = session.sizes
    assert first > second > last == 0


def test_each_connection_has_a_packet_of_its_own(assembler: PacketAssembler, session: Any) -> None:
    """Their messages arrive in any order."""
    assembler.add("eio-1", session, TWO)
    other = assembler.add("eio-2", session, '2["e"]')
    assert other is not None
    assert assembler.add("eio-1", session, b"one") is None


def test_a_packet_is_assembled_although_its_connection_has_ended(assembler: PacketAssembler) -> None:
    """What was sent before the end still counts, and there is no session to count its bytes."""
    packets = [assembler.add("eio", None, data) for data in (TWO, b"one", b"two")]
    assert [packet is not None for packet in packets] == [False, False, True]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (("",), "packet_type"),
        ((b"",), "packet_type"),
        ((b"x",), "attachments"),
        ((TWO, "2[]"), "attachments"),
    ],
)
def test_a_message_that_does_not_belong_there_is_refused(
    assembler: PacketAssembler, session: Any, messages: tuple[str | bytes, ...], reason: str
) -> None:
    """Nothing, an attachment without its packet, or a packet among attachments."""
    *earlier, last = messages
    for message in earlier:
        assembler.add("eio", session, message)
    with pytest.raises(BadPacket) as caught:
        assembler.add("eio", session, last)
    assert caught.value.reason == reason
