"""What a client of Engine.IO 3 reads: it opens, and gets an error."""

import json

from queuecast_gateway.engine import frames, revision3


def assert_told(packets: list[str]) -> None:
    opening, error = packets
    assert opening[0] == "0"
    assert json.loads(opening[1:])["sid"] == "a"
    assert json.loads(opening[1:])["upgrades"] == []
    assert error[:2] == "44"
    assert "upgrade the client" in json.loads(error[2:])


def test_over_long_polling_each_packet_is_behind_its_length() -> None:
    """Revision 3 counts characters, which are bytes here."""
    body = revision3.payload("a")
    packets = []
    while body:
        length, _, rest = body.partition(":")
        packets.append(rest[: int(length)])
        body = rest[int(length) :]
    assert_told(packets)
    assert revision3.payload("a").isascii()


def test_over_websocket_each_packet_is_a_frame() -> None:
    """As in revision 4."""
    assert_told([data.decode() for _, data in frames.split(revision3.websocket_frames("a"))])
