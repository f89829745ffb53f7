"""Each reason to close a connection or refuse a request has one label and one log line."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from queuecast_gateway.reasons import CLOSE_REASONS, REFUSAL_REASONS, CloseReason, RefusalReason

from . import wire
from .counts import EVENTS_REFUSED, HANDSHAKES_REFUSED, Counts
from .site import until
from .victim import (
    CONTINUED,
    DEPTH,
    GIVES_UP_SECONDS,
    H2C,
    HALF_REQUESTS,
    MAX_BYTES,
    PLACEHOLDER,
    Victim,
)
from .wire import BINARY, TEXT, TOLD, Polling, WebSocket, frame, request

Offence = Callable[[Victim], Awaitable[None]]


def said(*sent: str | bytes) -> Offence:
    """Send these messages over a WebSocket that has joined, which ends it."""

    async def offend(victim: Victim) -> None:
        async with victim.joined() as one:
            one.send(*sent)
            await one.close_code()

    return offend


def framed(sent: bytes) -> Offence:
    """Write these bytes to a WebSocket that has joined, which ends it."""

    async def offend(victim: Victim) -> None:
        async with victim.joined() as one:
            one.send_bytes(sent)
            await one.close_code()

    return offend


def before_joining(*sent: str | bytes) -> Offence:
    """Send this, or nothing, over a WebSocket that has not joined, which ends it."""

    async def offend(victim: Victim) -> None:
        async with await WebSocket.open(victim.port) as one:
            await one.opening()
            one.send(*sent)
            await one.close_code()

    return offend


def posted(body: bytes, status: int, *, length: int | None = None) -> Offence:
    """Post this to a session, which ends it; the body may be announced as longer than it is."""

    async def offend(victim: Victim) -> None:
        session = await Polling.open(victim.port)
        await session.say("40")
        headers = {"Content-Length": str(len(body) if length is None else length)}
        assert (await request(victim.port, "POST", session.query, body, headers)).status == status

    return offend


OFFENCES: list[tuple[CloseReason, str, Offence]] = [
    ("frame", "no mask", framed(frame(TEXT, '42["x"]', masked=False))),
    ("frame", "a reserved bit", framed(frame(TEXT, '42["x"]', reserved=1))),
    ("fragments", "endless fragments", framed(frame(TEXT, final=False) + CONTINUED * 10_000)),
    ("not_utf8", "text that is none", framed(frame(TEXT, b'42["\xff"]'))),
    ("not_utf8", "a body that is no text", posted(b'42["\xff"]', 400)),
    ("too_big", "a large message", framed(frame(BINARY, bytes(MAX_BYTES + 1)))),
    ("too_big", "a large body", posted(b"4" * (MAX_BYTES + 1), 413)),
    ("engine_packet", "a probe of nothing", said("2probe")),
    ("engine_packet", "a body of noise", posted(b"xyz", 400)),
    ("slow_body", "a body that does not end", posted(b"42", 408, length=100)),
    ("slow_message", "attachments that do not come", said(f'451-["x",{PLACEHOLDER}]')),
    ("slow_message", "half a message", framed(frame(TEXT, "42", final=False))),
    ("parser", "msgpack", before_joining(b"\x82\xa4type\x00\xa3nsp\xa1/")),
    ("parser", "CBOR", before_joining(b"\xa2\x64type\x00\x63nsp\x61/")),
    ("parser", "JSON", before_joining('4{"type":0,"nsp":"/"}')),
    ("packet_type", "an unknown type", said("49")),
    ("packet_type", "the server's packet", said('44{"message":"x"}')),
    ("packet_type", "no packet at all", said("4")),
    ("ack_id", "an endless id", said("42" + "9" * 5_000 + '["x"]')),
    ("attachments", "too many announced", said(f'4511-["x",{PLACEHOLDER}]')),
    ("attachments", "10^10 announced", said(f'459999999999-["x",{PLACEHOLDER}]')),
    ("attachments", "none announced", said('450-["x"]')),
    ("attachments", "one of nothing", said(b"x")),
    ("attachments", "text for one", said(f'451-["x",{PLACEHOLDER}]', '42["x"]')),
    ("attachments", "another's", said('451-["x",{"_placeholder":true,"num":1}]', b"x")),
    ("json", "half of it", said('42["x"')),
    ("json", "NaN", said('42["x",NaN]')),
    ("number", "endless", said('42["x",' + "1" * 5_000 + "]")),
    ("number", "1e999", said('42["x",1e999]')),
    ("nesting", "deep JSON", said('42["x",' + "[" * DEPTH + "]" * DEPTH + "]")),
    ("payload", "an empty list", said("42[]")),
    ("payload", "nothing", said("42")),
    ("payload", "no list", said('42{"x":1}')),
    ("payload", "a name that is no text", said("42[true]")),
    ("event_name", "connect", said('42["connect",{"HTTP_ORIGIN":"forged"}]')),
    ("event_name", "disconnect", said(f'451-["disconnect",{PLACEHOLDER}]', b"x")),
    ("event_name", "the handler of all others", said('42["*"]')),
    ("unexpected", "joining twice", said("40")),
    ("unexpected", "an event before joining", before_joining('42["x"]')),
    ("no_connect", "joining nothing", before_joining()),
]


@pytest.mark.parametrize(
    ("reason", "offend"), [pytest.param(each, how, id=f"{each}: {what}") for each, what, how in OFFENCES]
)
async def test_what_ends_a_connection_has_one_reason_and_one_line(
    victim: Victim, reason: str, offend: Offence
) -> None:
    """Operators can count each kind of offence; an offender who could fill the log would hide the rest."""
    line = "cannot join: " if reason == "parser" else "is closed: "
    await said_of(victim, EVENTS_REFUSED, reason, offend, line)


def test_every_reason_for_the_end_of_a_connection_is_shown() -> None:
    """The offences above cover every reason but those that the tests of limits cover."""
    assert {reason for reason, _, _ in OFFENCES} == {*CLOSE_REASONS} - {"backlog", "flood", "tries"}


def asked(method: str, query: str, status: int, **headers: str) -> Offence:
    """Send this request, which is refused."""

    async def offend(victim: Victim) -> None:
        assert (await request(victim.port, method, query, headers=headers)).status == status

    return offend


def written(sent: bytes, status: int, rest: bytes = b"") -> Offence:
    """Write a request's head or a part of it, and keep writing more in good time; it is refused."""

    async def offend(victim: Victim) -> None:
        async with wire.stream(victim.port) as (reader, writer):
            writer.write(sent)
            answer = asyncio.create_task(wire.read_answer(reader))
            while not answer.done():
                writer.write(rest)
                await asyncio.wait([answer], timeout=0.01)
            assert (await answer).status == status

    return offend


def closed_after(sent: bytes) -> Offence:
    """Write this; the gateway closes the connection without an answer."""

    async def offend(victim: Victim) -> None:
        async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
            writer.write(sent)
            assert await reader.read() == b""

    return offend


def behind_a_poll(sent: bytes) -> Offence:
    """Write this behind a poll that waits for its answer; the connection closes without one."""

    async def offend(victim: Victim) -> None:
        session = await Polling.open(victim.port)
        session.telling = True
        await session.say("40")
        assert (await session.receive()).startswith("40{")
        assert TOLD.fullmatch(await session.receive())
        async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
            writer.write(wire.head("GET", f"{wire.PATH}?{session.query}") + sent)
            assert await reader.read() == b""

    return offend


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


HANDSHAKE = wire.head("GET", f"{wire.PATH}?{wire.WEBSOCKET}", {**UPGRADE, "Sec-WebSocket-Key": wire.KEY})


HALF_HEAD = HALF_REQUESTS["half a head"]


REQUESTS: list[tuple[RefusalReason, str, Offence]] = [
    ("transport", "an unknown one", asked("GET", "EIO=4&transport=pigeon", 400)),
    ("session", "an unknown one", asked("GET", f"{wire.POLLING}&sid=nobody", 400)),
    ("method", "a session that begins with POST", asked("POST", wire.POLLING, 400)),
    ("version", "that of old clients", asked("GET", "EIO=3&transport=polling", 200)),
    ("version", "that of nobody", asked("GET", "EIO=5&transport=polling", 400)),
    ("origin", "a page elsewhere", asked("GET", wire.POLLING, 403, Origin="https://evil.example")),
    ("host", "a name of somebody else", asked("GET", wire.POLLING, 403, Host="evil.example")),
    ("bad_request", "no HTTP", written(b"\x16\x03\x01 hello\r\n\r\n", 400)),
    ("bad_request", "a frame before the answer", written(HANDSHAKE + frame(TEXT, "40"), 400)),
    ("bad_request", "two upgrades", written(HANDSHAKE * 2, 400)),
    ("bad_request", "an upgrade to what nobody speaks, and more", closed_after(H2C + b"PRI *")),
    ("bad_request", "an upgrade behind a poll", behind_a_poll(HANDSHAKE)),
    ("bad_request", "a thousand requests behind a poll", behind_a_poll(b"GET / HTTP/1.1\r\n\r\n" * 1_000)),
    ("bad_request", "half a head behind a poll", behind_a_poll(HALF_HEAD)),
    ("slow", "a slow head", written(HALF_HEAD, 408, b"x")),
    ("slow", "a slow line", written(b"G", 408)),
    ("too_big", "an endless head", written(HALF_HEAD, 431, b"x" * 5_000)),
    ("too_big", "endless headers", written(HALF_HEAD, 431, b"\r\nA: b" * 1_000)),
]


@pytest.mark.parametrize(
    ("reason", "offend"), [pytest.param(each, how, id=f"{each}: {what}") for each, what, how in REQUESTS]
)
async def test_what_is_turned_away_has_one_reason_and_one_line(
    victim: Victim, reason: str, offend: Offence
) -> None:
    """It is refused before it is anybody's connection, and costs no more than a log line."""
    line = "a page may not connect: " if reason == "origin" else "is turned away: "
    await said_of(victim, HANDSHAKES_REFUSED, reason, offend, line)


def test_every_reason_to_turn_a_request_away_is_shown() -> None:
    """The offences above cover every reason but those in test_limits, test_crowd and test_drain."""
    elsewhere = {"leaving", "full", "address", "connects", "descriptors"}
    assert {reason for reason, _, _ in REQUESTS} == {*REFUSAL_REASONS} - elsewhere


async def said_of(victim: Victim, metric: str, reason: str, offend: Offence, line: str) -> None:
    """Assert that an offence is counted once, in this metric alone, and makes one log line."""
    counts = {name: Counts(victim.service, name) for name in (EVENTS_REFUSED, HANDSHAKES_REFUSED)}
    await offend(victim)
    await until(lambda: victim.connections() == 1 and victim.service.process.tail)
    assert {name: each.more() for name, each in counts.items() if each.more()} == {metric: {reason: 1}}
    # The line about the next refusal comes after any other line that the offence might have made.
    another = "EIO=5&transport=polling", "(version)"
    query, last = another if reason == "transport" else ("EIO=4&transport=last", "(transport)")
    await request(victim.port, query=query)
    await until(lambda: last in victim.service.process.tail[-1])
    lines = [*victim.service.process.tail]
    assert len(lines) == 2, lines
    assert line in lines[0]


async def test_a_request_for_a_protocol_that_nobody_speaks_here_is_answered(victim: Victim) -> None:
    """Some HTTP clients ask for HTTP/2 first (RFC 9110, section 7.8) and then go on with HTTP/1.1."""
    async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
        for sent in (H2C, wire.head("GET", "/favicon.ico"), H2C):
            writer.write(sent)
            assert (await wire.read_answer(reader)).status == 308


async def test_a_connection_that_says_nothing_is_closed_and_nothing_is_said_of_it(victim: Victim) -> None:
    """Browsers open such connections ahead of need, so it is nobody's fault."""
    counts = Counts(victim.service, HANDSHAKES_REFUSED)
    async with wire.stream(victim.port) as (reader, _), asyncio.timeout(GIVES_UP_SECONDS):
        assert await reader.read() == b""
    assert counts.more() == {}
    assert not victim.service.process.tail
