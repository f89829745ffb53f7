"""A raw socket that does everything wrong to a gateway, while an honest client goes on undisturbed."""

import asyncio
import itertools
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from tests.claims import eventually

from queuecast_gateway.faults import FAULTS, TURNS, Fault, Turn
from queuecast_local.redis_server import RedisServer

from . import wire
from .conftest import Redis, Service, free_port
from .counts import EVENTS_REFUSED, HANDSHAKES_REFUSED, Counts
from .site import until
from .wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, TOLD, Polling, WebSocket, frame, request

MAX_BYTES = 10_000
PING_SECONDS = 1.0
"""Interval of pings, and as long again for their answers."""
ASK_SECONDS = 0.02
GIVES_UP_SECONDS = 30.0
"""How long a connection that says nothing useful may last at most; the settings below are far shorter."""

PLACEHOLDER = '{"_placeholder":true,"num":0}'
DEPTH = 4_000
CONTINUED = frame(CONTINUATION, final=False)
H2C = wire.head("GET", "/favicon.ico", {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"})


ALL_LINES = (
    "from queuecast_gateway.limits import lines; lines.LINES_PER_SECOND = 1_000;"
    "from queuecast_gateway.__main__ import main; main()"
)
"""A gateway of which no line is left out because there were so many just before."""


class Victim:
    """A gateway with small limits, and what it says about itself."""

    def __init__(self, redis: Redis) -> None:
        self.port = free_port()
        self.service = Service(
            "queuecast_gateway",
            {
                "QUEUECAST_REDIS_URL": redis.url,
                "QUEUECAST_PORT": str(self.port),
                "QUEUECAST_MAX_MESSAGE_BYTES": str(MAX_BYTES),
                "QUEUECAST_PING_INTERVAL_SECONDS": f"{PING_SECONDS}",
                "QUEUECAST_PING_TIMEOUT_SECONDS": f"{PING_SECONDS}",
                "QUEUECAST_CONNECT_SECONDS": f"{PING_SECONDS}",
                # What is wrong is to be found out before how much there is of it.
                "QUEUECAST_MAX_EVENTS_PER_SECOND": "0",
                "QUEUECAST_MAX_BYTES_PER_SECOND": "0",
            },
            ALL_LINES,
        )
        # One traceback of too deep a recursion is far longer than what is kept otherwise.
        self.service.process.tail = deque(maxlen=100_000)
        eventually(lambda: self.service.ready() and "serves browsers" in self.service.log())
        self.service.process.tail.clear()

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[WebSocket]:
        """Open a connection that has joined the main namespace as it should."""
        async with await WebSocket.open(self.port) as one:
            assert one.accepted, one.answer
            await one.opening()
            one.send("40")
            assert (await one.text()).startswith('40{"sid":')
            yield one

    def connections(self) -> float:
        return self.service.metric("queuecast_gateway_connections")


@pytest.fixture(scope="module")
def shared_victim(any_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """One gateway for all of it: what one of them leaves behind, the next would show."""
    redis = Redis(any_redis, tmp_path_factory.mktemp("redis"))
    victim = Victim(redis)
    yield victim
    victim.service.process.stop(grace_seconds=0)
    redis.close()


@pytest.fixture
async def victim(shared_victim: Victim) -> AsyncIterator[Victim]:
    """The gateway and an honest client, who must notice nothing; nobody else is there at the end."""
    async with shared_victim.joined() as honest:
        asking = asyncio.create_task(ask_on(honest))
        yield shared_victim
        await asyncio.wait([asking], timeout=ASK_SECONDS)
        assert not asking.done(), asking.exception()
        asking.cancel()
        await asyncio.wait([asking])
        honest.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        await honest.end()
    await asyncio.to_thread(eventually, lambda: shared_victim.connections() == 0)
    log = shared_victim.service.log()
    shared_victim.service.process.tail.clear()
    assert "Traceback" not in log
    assert shared_victim.service.process.exit_code is None


async def ask_on(honest: WebSocket) -> None:
    """Ask and be answered, again and again."""
    for number in itertools.count():
        honest.send(f'42{number}["subscribe","a"]')
        while (answer := await honest.receive())[:2] != "43":
            pass  # what an offender may say to everyone
        rooms = "[]" if number else '["a"]'
        assert answer == f'43{number}[{{"ok":true,"rooms":{rooms}}}]'
        await asyncio.sleep(ASK_SECONDS / 2)


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
    """Each with the close code for it, which the offender can read."""
    async with victim.joined() as one:
        one.send_bytes(sent)
        assert await one.close_code() == code


@pytest.mark.parametrize("seed", range(6))
async def test_noise_ends_its_connection(victim: Victim, seed: int) -> None:
    """Whatever it is."""
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
        pytest.param(("5",), id="an upgrade to nothing"),
    ],
)
async def test_packets_that_break_the_rules_end_their_connection(
    victim: Victim, packets: tuple[str | bytes, ...]
) -> None:
    """The same code for all; what is well-formed may be refused alone."""
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
"""JSON, and so no breach of the protocol: the event alone may be refused."""


async def test_packets_of_noise_end_their_connections(victim: Victim) -> None:
    """64 of them at once."""

    async def send(seed: int) -> int:
        async with await WebSocket.open(victim.port) as one:
            await one.opening()
            text = noise(seed, 200).decode("latin-1")
            one.send(f"4{text}" if seed % 2 else text)
            return await one.close_code()

    assert set(await asyncio.gather(*map(send, range(64)))) == {1008}


async def test_packets_before_a_namespace_is_joined_end_the_connection(victim: Victim) -> None:
    """A burst of them at once is one offence: nothing behind the first is worked on."""
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
    """The parser, the attachments' places and the relay each have a depth of their own where they give up."""
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


# Silence, and bad timing


async def test_data_before_the_answer_is_not_dropped_silently(victim: Victim) -> None:
    """RFC 6455, section 4.1, forbids it: the connection may end, but not go on without what was lost."""
    async with await WebSocket.open(victim.port, early=frame(TEXT, "40")) as one:
        if one.accepted:
            await one.opening()
            assert (await one.text()).startswith('40{"sid":')


HALVES = {
    "a byte": b"\x81",
    "half a header": b"\x81\xfe\x10",
    "half a payload": frame(TEXT, '42["subscribe","a"]')[:-3],
    "half a message": frame(TEXT, '42["subscribe', final=False),
    "half a packet": frame(TEXT, f'451-["item_removed",{PLACEHOLDER}]'),
}
HALF_REQUESTS = {
    "nothing": b"",
    "half a line": b"GET /socket.io/?EIO=4&tran",
    "half a head": b"POST /socket.io/ HTTP/1.1\r\nHost: x\r\nX-Slow: ",
}


async def test_half_a_frame_and_silence_end_the_connection(victim: Victim) -> None:
    """Whoever never finishes is not waited for; and whoever does not answer a CLOSE is cut."""

    async def code_after(half: bytes) -> int:
        async with victim.joined() as one:
            one.send_bytes(half)
            return await one.close_code(answer=False)

    codes = await asyncio.gather(*map(code_after, HALVES.values()))
    assert dict(zip(HALVES, codes, strict=True)) == dict.fromkeys(HALVES, 1008)


async def test_half_a_request_and_silence_end_the_connection(victim: Victim) -> None:
    """f: a thousand of these cost nothing to hold open, and would take every descriptor."""

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
    """It cannot be a packet of a session that is over."""
    async with victim.joined() as one:
        one.send("abc")
        while (await one.next_frame())[0] != CLOSE:
            pass  # the offset that follows CONNECT
        one.send_bytes(noise(1, 50_000))
        await one.end()


async def test_garbage_after_the_upgrade_ends_the_session(victim: Victim) -> None:
    """In the segment of the upgrade packet, so that it crosses from one protocol to the next."""
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
async def test_what_is_no_request_is_refused(victim: Victim, sent: bytes) -> None:
    """A line in the log at most."""
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
    """With a status of the protocol's own."""
    assert (await request(victim.port, query=query)).status == 400
    async with await WebSocket.open(victim.port, query) as one:
        assert one.answer.status == 400


@pytest.mark.parametrize(
    "body", [b"4" * (MAX_BYTES + 1), b"4\x1e" * 65, noise(3, 500), b"b" + b"=" * 100, b"42[" + b"[" * DEPTH]
)
async def test_bad_bodies_end_their_session(victim: Victim, body: bytes) -> None:
    """Over long-polling the status is the close code."""
    session = await Polling.open(victim.port)
    await session.say("40")
    answer = await request(victim.port, "POST", session.query, body)
    assert answer.status in (200, 400, 413)
    assert json.loads((await session.get()).body) == {"code": 1, "message": "Session ID unknown"}


# Why it was: one reason of a closed set, and one line in the log


Offence = Callable[[Victim], Awaitable[None]]


def said(*sent: str | bytes) -> Offence:
    """Say this over a WebSocket that has joined, which ends it."""

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


def before_joining(*sent: str) -> Offence:
    """Say this, or nothing, over a WebSocket that has not joined, which ends it."""

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


OFFENCES: list[tuple[Fault, str, Offence]] = [
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
    ("payload", "a name that is no text", said("42[1]")),
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
    """An operator can count who does what; and a log that an offender can fill hides the rest."""
    await said_of(victim, EVENTS_REFUSED, reason, offend, "is closed: ")


def test_every_reason_for_the_end_of_a_connection_is_shown() -> None:
    """By an offence above, or where limits are tested."""
    assert {reason for reason, _, _ in OFFENCES} == {*FAULTS} - {"backlog", "flood", "tries"}


def asked(method: str, query: str, status: int, **headers: str) -> Offence:
    """Ask this, which is refused."""

    async def offend(victim: Victim) -> None:
        assert (await request(victim.port, method, query, headers=headers)).status == status

    return offend


def written(sent: bytes, status: int, rest: bytes = b"") -> Offence:
    """Write a request's head or less, and more of it each time that would be in time; it is refused."""

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
    """Write this; the connection is closed without an answer."""

    async def offend(victim: Victim) -> None:
        async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
            writer.write(sent)
            assert await reader.read() == b""

    return offend


def behind_a_poll(sent: bytes) -> Offence:
    """Write this behind a request that is not answered yet; the connection is closed without an answer."""

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

REQUESTS: list[tuple[Turn, str, Offence]] = [
    ("transport", "an unknown one", asked("GET", "EIO=4&transport=pigeon", 400)),
    ("session", "an unknown one", asked("GET", f"{wire.POLLING}&sid=nobody", 400)),
    ("method", "a session that begins with POST", asked("POST", wire.POLLING, 400)),
    ("version", "that of old clients", asked("GET", "EIO=3&transport=polling", 400)),
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
    """Before it is anybody's connection, and before it costs more than a line."""
    await said_of(victim, HANDSHAKES_REFUSED, reason, offend, "is turned away: ")


def test_every_reason_to_turn_a_request_away_is_shown() -> None:
    """By an offence above, or where limits (test_limits, test_crowd) and leaving (test_drain) are tested."""
    elsewhere = {"leaving", "full", "address", "connects", "tries", "descriptors"}
    assert {reason for reason, _, _ in REQUESTS} == {*TURNS} - elsewhere


async def said_of(victim: Victim, metric: str, reason: str, offend: Offence, line: str) -> None:
    """Claim that an offence is counted once, in this metric alone, and is one line of the log."""
    counts = {name: Counts(victim.service, name) for name in (EVENTS_REFUSED, HANDSHAKES_REFUSED)}
    await offend(victim)
    await until(lambda: victim.connections() == 1 and victim.service.process.tail)
    assert {name: each.more() for name, each in counts.items() if each.more()} == {metric: {reason: 1}}
    # Whoever is turned away after it has a line behind any other that it might have.
    query, last = ("EIO=3", "(version)") if reason == "transport" else ("EIO=4&transport=last", "(transport)")
    await request(victim.port, query=query)
    await until(lambda: last in victim.service.process.tail[-1])
    (only, _) = victim.service.process.tail
    assert line in only


async def test_a_request_for_a_protocol_that_nobody_speaks_here_is_answered(victim: Victim) -> None:
    """Some HTTP clients ask for HTTP/2 first (RFC 9110, section 7.8), and then go on."""
    async with wire.stream(victim.port) as (reader, writer), asyncio.timeout(wire.PATIENCE_SECONDS):
        for sent in (H2C, wire.head("GET", "/favicon.ico"), H2C):
            writer.write(sent)
            assert (await wire.read_answer(reader)).status == 308


async def test_a_connection_that_says_nothing_is_closed_and_nothing_is_said_of_it(victim: Victim) -> None:
    """Browsers open such ahead of need, so it is nobody's fault."""
    counts = Counts(victim.service, HANDSHAKES_REFUSED)
    async with wire.stream(victim.port) as (reader, _), asyncio.timeout(GIVES_UP_SECONDS):
        assert await reader.read() == b""
    assert counts.more() == {}
    assert not victim.service.process.tail
