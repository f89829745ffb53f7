"""Engine.IO over WebSocket: frames, close codes and violations of the protocol."""

import asyncio

import pytest

from . import wire
from .echo import MAX_BYTES, Echo
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, soon


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, MAX_BYTES - 1])
async def test_messages_are_answered_over_websocket(patient: Echo, size: int) -> None:
    """The sizes lie around every change of a frame's length field."""
    async with patient.websocket() as one:
        text, binary = "4" + "x" * size, b"\x00\xff" * (size // 2) + b"\x01" * (size % 2)
        one.send(text, binary)
        assert await one.receive() == text
        assert await one.receive() == binary


async def test_text_that_is_not_ascii_survives_websocket(patient: Echo) -> None:
    """Length is counted in bytes."""
    async with patient.websocket() as one:
        one.send("4€ 😀 \u2028\x1e")
        assert await one.text() == "4€ 😀 \u2028\x1e"


async def test_a_thousand_messages_in_one_write_come_back_in_order(patient: Echo) -> None:
    """It is more than may wait at once, so the engine pauses reading and resumes it."""
    async with patient.websocket() as one:
        one.send(*(f"4{number}" for number in range(1000)))
        assert [await one.text() for _ in range(1000)] == [f"4{number}" for number in range(1000)]


async def test_a_frame_byte_by_byte_is_one_frame(patient: Echo) -> None:
    """TCP does not preserve boundaries here either."""
    async with patient.websocket() as one:
        for byte in wire.frame(TEXT, "4" + "slow" * 40):
            one.send_bytes(bytes((byte,)))
            await one.drain()
            await asyncio.sleep(0)
        assert await one.text() == "4" + "slow" * 40


async def test_a_ping_frame_is_answered_with_its_payload(patient: Echo) -> None:
    """RFC 6455, section 5.5.2; a ping frame is not Engine.IO's ping packet."""
    async with patient.websocket() as one:
        one.send_frame(PONG, "nobody asked")
        one.send_frame(PING, b"\x00\xffping")
        assert await one.next_frame() == (PONG, b"\x00\xffping")
        one.send_frame(PING)
        assert await one.next_frame() == (PONG, b"")


async def test_fragments_are_one_message_and_control_frames_come_between(patient: Echo) -> None:
    """Fragments may even split a character."""
    async with patient.websocket() as one:
        euro = "€".encode()
        one.send_frame(TEXT, b"4" + euro[:1], final=False)
        one.send_frame(PING, "between")
        one.send_frame(CONTINUATION, final=False)
        one.send_frame(CONTINUATION, euro[1:])
        assert await one.next_frame() == (PONG, b"between")
        assert await one.text() == "4€"
        one.send_frame(BINARY, b"\x01", final=False)
        one.send_frame(CONTINUATION, b"\x02")
        assert await one.receive() == b"\x01\x02"


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", 1000), (b"\x03\xe8", 1000), (b"\x03\xe9going away", 1001), (b"\x0f\xa0mine", 4000)],
)
async def test_a_close_frame_is_answered_and_tcp_is_closed(patient: Echo, payload: bytes, code: int) -> None:
    """RFC 6455, section 7.1: the server closes TCP first."""
    async with patient.websocket() as one:
        one.send_frame(CLOSE, payload)
        assert await one.close_code(answer=False) == code
        await soon(lambda: list(patient.ended.values()) == ["transport close"])


async def test_the_clients_close_packet_ends_a_websocket_session(patient: Echo) -> None:
    """Engine.IO has a close packet besides WebSocket's CLOSE frame."""
    async with patient.websocket() as one:
        one.send("1")
        assert await one.close_code() == 1000
        await soon(lambda: list(patient.ended.values()) == ["client disconnect"])


async def test_a_connection_that_breaks_ends_the_session(patient: Echo) -> None:
    """Most browsers leave this way."""
    async with patient.websocket() as one:
        await one.leave()
        await soon(lambda: list(patient.ended.values()) in (["transport close"], ["transport error"]))


@pytest.mark.parametrize("packet", ["abc", "", "2", "2probe", "7", "\n3"])
async def test_an_invalid_packet_ends_a_websocket_session(patient: Echo, packet: str) -> None:
    """The published suite: the connection is closed."""
    async with patient.websocket() as one:
        one.send(packet)
        assert await one.close_code() == 1008


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (wire.frame(TEXT, b"4\xc3\x28"), 1007),
        (wire.frame(TEXT, b"4\xed\xa0\x80"), 1007),
        (wire.frame(TEXT, b"4\xe2\x82", final=False) + wire.frame(CONTINUATION, b""), 1007),
        (wire.frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (wire.frame(BINARY, bytes(MAX_BYTES + 1))[:14], 1009),
        (wire.frame(BINARY, bytes(MAX_BYTES + 1)), 1009),
        (wire.frame(BINARY, bytes(4 * MAX_BYTES)), 1009),
        (wire.frame(BINARY, bytes(MAX_BYTES), final=False) + wire.frame(CONTINUATION, b"x"), 1009),
        (wire.frame(TEXT, "4", masked=False), 1002),
        (wire.frame(TEXT, "4", reserved=4), 1002),
        (wire.frame(0x3, "4"), 1002),
        (wire.frame(0xB, "4"), 1002),
        (wire.frame(CONTINUATION, "4"), 1002),
        (wire.frame(TEXT, "4", final=False) + wire.frame(TEXT, "4"), 1002),
        (wire.frame(PING, final=False), 1002),
        (wire.frame(PING, bytes(126)), 1002),
        (wire.frame(CLOSE, b"\x03"), 1002),
        (wire.frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (b"\x82\xfe\x00\x05....12345", 1002),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "frames",  # the masks are random
)
async def test_a_frame_that_breaks_the_rules_ends_the_connection_with_the_code_for_it(
    patient: Echo, sent: bytes, code: int
) -> None:
    """The client can read the reason even if it is still sending."""
    async with patient.websocket() as one:
        one.send_bytes(sent)
        assert await one.close_code() == code
        await soon(lambda: list(patient.ended.values()) == ["parse error"])


async def test_what_comes_after_an_error_is_not_worked_on(patient: Echo) -> None:
    """It is ignored even if it comes in the same segment."""
    async with patient.websocket() as one:
        one.send("4before", "abc", "4after")
        assert await one.close_code() == 1008
    await soon(lambda: patient.ended)
    assert patient.heard == ["before"]
