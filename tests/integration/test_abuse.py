"""A raw socket breaks every rule at a gateway, while an honest client is served undisturbed."""

import asyncio
import json
import random

import pytest

from . import wire
from .victim import (
    DEPTH,
    GIVES_UP_SECONDS,
    HALF_REQUESTS,
    HALVES,
    MAX_BYTES,
    PLACEHOLDER,
    Victim,
)
from .wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, Polling, WebSocket, frame, request


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


# Frames


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(TEXT, '42["subscribe","a"]', masked=False), 1002, id="no mask"),
        pytest.param(frame(TEXT, '42["subscribe","a"]', reserved=1), 1002, id="a reserved bit"),
        pytest.param(frame(TEXT, "4", reserved=4), 1002, id="compressed, which nobody agreed on"),
        pytest.param(frame(0x7, "4"), 1002, id="an unknown opcode"),
        pytest.param(frame(PING, bytes(200)), 1002, id="a long control frame"),
        pytest.param(frame(CONTINUATION, "4"), 1002, id="a fragment of nothing"),
        pytest.param(b"\x82\xff" + b"\xff" * 8 + bytes(4), 1002, id="2^64 bytes announced"),
        pytest.param(b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4), 1009, id="2^63 bytes announced"),
        pytest.param(frame(BINARY, bytes(MAX_BYTES + 1)), 1009, id="too large"),
        pytest.param(frame(BINARY, bytes(3_000_000)), 1009, id="far too large, and sent in full"),
        pytest.param(frame(TEXT, "4" * 6_000, final=False) * 2, 1002, id="a message in a message"),
        pytest.param(
            frame(TEXT, "4" * 6_000, final=False) + frame(CONTINUATION, "4" * 6_000),
            1009,
            id="too large in parts",
        ),
        pytest.param(
            frame(TEXT, "4", final=False) + frame(CONTINUATION, final=False) * 100_000,
            1008,
            id="100,000 empty fragments",
        ),
        pytest.param(
            frame(TEXT, final=False) + (frame(CONTINUATION, final=False) + frame(PING)) * 50_000,
            1008,
            id="the same with pings between",
        ),
        pytest.param(frame(TEXT, b'42["\xff"]'), 1007, id="no UTF-8"),
        pytest.param(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n", 1002, id="HTTP again"),
    ],
)
async def test_frames_that_break_the_rules_end_their_connection(
    victim: Victim, sent: bytes, code: int
) -> None:
    """Each gets the close code that fits its offence, and can read it."""
    async with victim.joined() as one:
        one.send_bytes(sent)
        assert await one.close_code() == code


@pytest.mark.parametrize("seed", range(6))
async def test_noise_ends_its_connection(victim: Victim, seed: int) -> None:
    """Random bytes never leave a connection open."""
    async with victim.joined() as one:
        one.send_bytes(noise(seed, 100_000))
        assert await one.close_code() in (1002, 1003, 1007, 1008, 1009)


# Packets


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param(('42["connect",{"HTTP_ORIGIN":"forged"},{"token":"x"}]',), id="a: a forged connect"),
        pytest.param(('42["disconnect"]',), id="a: a forged disconnect"),
        pytest.param(('42["connect_error"]',), id="a: connect_error"),
        pytest.param(('42["disconnecting"]',), id="a: disconnecting"),
        pytest.param(('42["newListener"]',), id="a: newListener"),
        pytest.param(('42["removeListener"]',), id="a: removeListener"),
        pytest.param((f'451-["disconnect",{PLACEHOLDER}]', b"x"), id="a: with an attachment"),
        pytest.param((f'459999999999-["x",{PLACEHOLDER}]', b"x", b"x"), id="b: 10^10 attachments"),
        pytest.param((f'4511-["x",{PLACEHOLDER}]', *([b"x"] * 11)), id="b: 11 attachments"),
        pytest.param(('450-["x"]', '42["subscribe","a"]'), id="c: no attachment"),
        pytest.param(('460-7["x"]',), id="c: no attachment to an acknowledgement"),
        pytest.param(("42",), id="d: nothing"),
        pytest.param(("42[]",), id="d: no name"),
        pytest.param(("42{}",), id="d: no list"),
        pytest.param(('42"x"',), id="d: a string"),
        pytest.param(("42null",), id="d: null"),
        pytest.param(("42[null]",), id="d: a name that is null"),
        pytest.param(('42[["x"]]',), id="d: a name that is a list"),
        pytest.param(('42["x"',), id="JSON that ends too soon"),
        pytest.param(('42["x"]]',), id="JSON that goes on"),
        pytest.param(('42["item_removed",NaN]',), id="NaN"),
        pytest.param(('42["item_removed",{"a":[-Infinity]}]',), id="Infinity"),
        pytest.param(('42["item_removed",' + "[" * DEPTH + "]" * DEPTH + "]",), id="deep JSON"),
        pytest.param(('42["item_removed",' + "[" * 2 * DEPTH,), id="deep JSON without its end"),
        pytest.param(('42["item_removed",' + '{"":' * 1_500 + "1" + "}" * 1_500 + "]",), id="deep objects"),
        pytest.param(('42["item_removed",' + "1" * 5_000 + "]",), id="an endless number"),
        pytest.param(('42["item_removed","\\ud800"]',), id="half a character"),
        pytest.param(("42" + "9" * 5_000 + '["x"]',), id="an endless id"),
        pytest.param(('451-["x",{"_placeholder":true,"num":1}]', b"x"), id="another's attachment"),
        pytest.param(('451-["x",{"_placeholder":true,"num":-1}]', b"x"), id="attachment -1"),
        pytest.param(('451-["x",{"_placeholder":true,"num":"0"}]', b"x"), id="attachment '0'"),
        pytest.param((f'451-["x",{PLACEHOLDER}]', '42["subscribe","a"]'), id="text for an attachment"),
        pytest.param((b"x",), id="an attachment of nothing"),
        pytest.param((b"",), id="an empty attachment of nothing"),
        pytest.param(("40",), id="joining twice"),
        pytest.param(("43[]",), id="an acknowledgement of nothing"),
        pytest.param(('44{"message":"x"}',), id="the server's packet"),
        pytest.param(("41[1]",), id="a disconnect with data"),
        pytest.param(("4",), id="an empty message"),
        pytest.param(("49",), id="an unknown type"),
        pytest.param(("42\x00",), id="a zero byte"),
        pytest.param(("",), id="an empty packet"),
        pytest.param(("2",), id="the server's ping"),
        pytest.param(("2probe",), id="a probe of nothing"),
    ],
)
async def test_packets_that_break_the_rules_end_their_connection(
    victim: Victim, packets: tuple[str | bytes, ...]
) -> None:
    """All get the same close code; a well-formed packet may be refused without closing the connection."""
    async with victim.joined() as one:
        one.send(*packets)
        one.send('429["subscribe","b"]')
        refused = False
        while True:
            opcode, payload = await one.next_frame()
            if opcode == CLOSE:
                refused = int.from_bytes(payload[:2], "big") == 1008
                one.send_frame(CLOSE, payload[:2])
                await one.end()
                break
            if payload.startswith(b"439["):
                break
        assert refused or packets[0] in USABLE


USABLE: frozenset[str | bytes] = frozenset({'42["item_removed","\\ud800"]'})
"""These are valid JSON and so do not break the protocol: only the event may be refused."""


async def test_packets_of_noise_end_their_connections(victim: Victim) -> None:
    """It sends 64 random packets at once."""

    async def send(seed: int) -> int:
        async with await WebSocket.open(victim.port) as one:
            await one.opening()
            text = noise(seed, 200).decode("latin-1")
            one.send(f"4{text}" if seed % 2 else text)
            return await one.close_code()

    assert set(await asyncio.gather(*map(send, range(64)))) == {1008}


async def test_packets_before_a_namespace_is_joined_end_the_connection(victim: Victim) -> None:
    """A burst of them is one offence: nothing behind the first packet is processed."""
    before = victim.service.metric("queuecast_gateway_events_refused_total")
    async with await WebSocket.open(victim.port) as one:
        await one.opening()
        one.send(*(['42["item_removed",1]'] * 1_000))
        assert await one.close_code() == 1008
    assert victim.service.metric("queuecast_gateway_events_refused_total") == before + 1


@pytest.mark.parametrize("depth", [320, 480, 600, 1_400])
@pytest.mark.parametrize("event", ["item_removed", "subscribe", "unknown"])
@pytest.mark.parametrize("opening", ["[", '{"":'])
async def test_no_depth_of_nesting_is_more_than_one_line_of_log(
    victim: Victim, opening: str, event: str, depth: int
) -> None:
    """The parser, the attachments' places and the relay each give up at a different depth."""
    end = "]" if opening == "[" else "}"
    for kind, attachments in (("2", ()), ("51-", (b"x",))):
        async with victim.joined() as one:
            inside = PLACEHOLDER if attachments else "1"
            one.send(f'4{kind}["{event}",{opening * depth}{inside}{end * depth}]', *attachments)
            one.send('429["subscribe","b"]')
            while True:
                opcode, payload = await one.next_frame()
                if opcode == CLOSE:
                    assert payload[:2] == (1008).to_bytes(2, "big")
                    break
                if payload.startswith(b"439["):
                    break


# Silence and bad timing


async def test_data_before_the_answer_is_not_dropped_silently(victim: Victim) -> None:
    """RFC 6455, section 4.1: the connection may end, but it must not go on without the lost data."""
    async with await WebSocket.open(victim.port, early=frame(TEXT, "40")) as one:
        if one.accepted:
            await one.opening()
            assert (await one.text()).startswith('40{"sid":')


async def test_half_a_frame_and_silence_end_the_connection(victim: Victim) -> None:
    """The gateway does not wait for an unfinished frame, and cuts a client that does not answer a CLOSE."""

    async def code_after(half: bytes) -> int:
        async with victim.joined() as one:
            one.send_bytes(half)
            return await one.close_code(answer=False)

    codes = await asyncio.gather(*map(code_after, HALVES.values()))
    assert dict(zip(HALVES, codes, strict=True)) == dict.fromkeys(HALVES, 1008)


async def test_half_a_request_and_silence_end_the_connection(victim: Victim) -> None:
    """f: a thousand of these cost an attacker nothing, and would use up every descriptor."""

    async def ends_after(half: bytes, *, before: bytes = b"") -> bool:
        try:
            async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(GIVES_UP_SECONDS):
                if before:
                    writer.write(before)
                    await wire.read_answer(reader)
                writer.write(half)
                await reader.read()
        except TimeoutError:
            return False
        return True

    session = await Polling.open(victim.port)
    body = wire.head("POST", f"{wire.PATH}?{session.query}", {"Content-Length": "100"}) + b"40"
    halves = HALF_REQUESTS | {"half a body": body}
    second = ends_after(HALF_REQUESTS["half a line"], before=wire.head("GET", f"{wire.PATH}?EIO=3"))
    *ends, second_ends = await asyncio.gather(*map(ends_after, halves.values()), second)
    assert dict(zip(halves, ends, strict=True)) == dict.fromkeys(halves, True)
    assert second_ends


async def test_garbage_after_the_servers_close_is_thrown_away(victim: Victim) -> None:
    """The session is over, so it can have no more packets."""
    async with victim.joined() as one:
        one.send("abc")
        while (await one.next_frame())[0] != CLOSE:
            pass  # the offset that follows CONNECT
        one.send_bytes(noise(1, 50_000))
        await one.end()


async def test_garbage_after_the_upgrade_ends_the_session(victim: Victim) -> None:
    """It comes in the upgrade packet's segment, so one protocol has to pass it on to the next."""
    session = await Polling.open(victim.port)
    await session.say("40")
    async with await session.upgrade() as one:
        one.send("2probe")
        assert await one.text() == "3probe"
        one.send_bytes(frame(TEXT, "5") + frame(TEXT, "4", masked=False))
        assert await one.close_code() == 1002
    assert (await session.get()).json == {"code": 1, "message": "Session ID unknown"}


@pytest.mark.parametrize(
    "sent", [noise(7, 1_000), b"\r\n\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
async def test_an_invalid_request_is_refused(victim: Victim, sent: bytes) -> None:
    """It costs one log line at most."""
    async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
        writer.write(sent + b"\r\n\r\n")
        writer.write_eof()
        answer = await reader.read()
        assert not answer or answer.split(b" ")[1][:1] == b"4"


@pytest.mark.parametrize(
    "query",
    [
        "EIO=4&transport=polling&sid=" + "x" * 5_000,
        "EIO=4&EIO=3&transport=%ff%00",
        "&&==&;",
        "EIO=4&transport=polling&sid=%00",
    ],
)
async def test_odd_queries_are_refused(victim: Victim, query: str) -> None:
    """They get the protocol's status 400, not a failure of the server."""
    assert (await request(victim.port, query=query)).status == 400
    async with await WebSocket.open(victim.port, query) as one:
        assert one.answer.status == 400


@pytest.mark.parametrize(
    "body", [b"4" * (MAX_BYTES + 1), b"4\x1e" * 65, noise(3, 500), b"b" + b"=" * 100, b"42[" + b"[" * DEPTH]
)
async def test_bad_bodies_end_their_session(victim: Victim, body: bytes) -> None:
    """Over long-polling, the HTTP status takes the place of the close code."""
    session = await Polling.open(victim.port)
    await session.say("40")
    answer = await request(victim.port, "POST", session.query, body)
    assert answer.status in (200, 400, 413)
    assert json.loads((await session.get()).body) == {"code": 1, "message": "Session ID unknown"}


# Why it was: one reason of a closed set, and one line in the log
