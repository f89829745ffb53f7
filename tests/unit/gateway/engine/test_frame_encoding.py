"""Frames that the gateway sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.engine.client_frames import masked, read

from queuecast_gateway.engine import frames
from queuecast_gateway.engine.frames import BINARY, CLOSE, TEXT, Frame


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.binary(max_size=300)), max_size=6))
def test_joined_frames_can_be_split_again(sent: list[tuple[int, bytes]]) -> None:
    """A long-polling answer is made from the frames for a WebSocket."""
    assert list(frames.split(b"".join(frames.encode(*frame) for frame in sent))) == sent


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "8200"), (1, "8201"), (125, "827d"), (126, "827e007e"), (127, "827e007f"),
        (65535, "827effff"), (65536, "827f0000000000010000"),
    ],
)  # fmt: skip
def test_an_encoded_frame_has_the_shortest_length_and_no_mask(length: int, header: str) -> None:
    """A browser closes the connection otherwise."""
    sent = frames.encode(BINARY, bytes(length))
    assert sent == bytes.fromhex(header) + bytes(length)
    assert list(frames.split(sent)) == [(BINARY, bytes(length))]


def test_an_encoded_close_has_its_code_and_reason() -> None:
    """It is all that the developer of a client sees."""
    assert frames.encode_close(1008, "no") == b"\x88\x04\x03\xf0no"
    assert frames.encode_close(1000) == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize(("reason", "kept"), [("x" * 123, 123), ("x" * 500, 123), ("x" + "é" * 100, 123)])
def test_a_long_reason_is_cut_to_fit_a_control_frame(reason: str, kept: int) -> None:
    """No peer accepts a longer control frame."""
    (_, payload), *_ = frames.split(frames.encode_close(1000, reason))
    assert len(payload) == 2 + kept


@given(st.text("aé€𝄞", min_size=100, max_size=200))
def test_a_reason_is_cut_between_characters(reason: str) -> None:
    """Half a character is not UTF-8, and the peer would report a protocol error."""
    (opcode, payload), *others = frames.split(frames.encode_close(4008, reason))
    assert (opcode, others) == (CLOSE, [])
    assert reason.startswith(payload[2:].decode())
    assert len(payload) <= 125


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_our_own_close_frames_would_be_accepted(reason: str) -> None:
    """The gateway keeps to the rules that it enforces."""
    (_, payload), *_ = frames.split(frames.encode_close(4008, reason))
    assert read(masked(CLOSE, payload)) == [Frame(CLOSE, payload)]
