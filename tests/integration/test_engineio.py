"""The engine alone, as an echo server: the bytes and status codes of the published Engine.IO v4 text.

https://socket.io/docs/v4/engine-io-protocol/, clause by clause, and the test suite that is published with it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from queuecast_gateway.engine.engine import Engine

from . import wire
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Answer, Polling, WebSocket, request, soon

MAX_BYTES = 1_000_000

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


class Echo:
    """An engine that sends every message back; `ended` has the reasons of the sessions that are over."""

    def __init__(self, ping_interval: float) -> None:
        self.port = 0
        self.heard: list[str | bytes] = []
        self.ended: dict[str, str] = {}
        self.engine = Engine(
            ping_interval=ping_interval,
            ping_timeout=ping_interval * 2 / 3,
            tick_seconds=0.02,
            max_http_buffer_size=MAX_BYTES,
        )
        self.engine.on("connect", self._connect)
        self.engine.on("message", self._message)
        self.engine.on("disconnect", self._disconnect)

    async def _connect(self, sid: str, environ: dict[str, Any]) -> None:
        pass

    async def _message(self, sid: str, data: str | bytes) -> None:
        self.heard.append(data)
        await self.engine.send(sid, data)

    async def _disconnect(self, sid: str, reason: str) -> None:
        self.ended[sid] = reason

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.engine.handle_request(scope, receive, send)
            return
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"the application at {scope['path']}"})
        await send({"type": "websocket.close", "code": 1000})

    async def polling(self) -> Polling:
        return await Polling.open(self.port)

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[WebSocket]:
        async with await WebSocket.open(self.port) as one:
            assert one.accepted, one.answer
            await one.opening()
            yield one

    async def refuses(self, session: Polling) -> bool:
        """Say whether the session is unknown now, for GET and POST."""
        answers = [await session.get(), await session.post("4x")]
        return all(is_refusal(answer, 400, 1) for answer in answers)


def is_refusal(answer: Answer, status: int, code: int) -> bool:
    """Say whether a request was refused with this status and the protocol's code, and the text to it."""
    messages = (
        "Transport unknown",
        "Session ID unknown",
        "Bad handshake method",
        "Bad request",
        "Forbidden",
        "Unsupported protocol version",
    )
    return (
        answer.status == status
        and answer.headers["content-type"] == "application/json"
        and answer.json == {"code": code, "message": messages[code]}
    )


async def _run(echo: Echo) -> AsyncIterator[Echo]:
    async with wire.serving(echo.app, echo.engine.websocket_protocol) as echo.port:
        yield echo
        await echo.engine.shutdown()
    assert not echo.engine.sockets
    assert not len(echo.engine.wheel)


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """An echo server with the intervals of the published test suite."""
    async for running in _run(Echo(0.3)):
        yield running


@pytest.fixture
async def patient() -> AsyncIterator[Echo]:
    """An echo server that asks nobody whether they are there while a test runs."""
    async for running in _run(Echo(30)):
        yield running


# Handshake


async def test_a_polling_session_opens_with_the_handshake_packet(echo: Echo) -> None:
    """The client configures itself by these keys, in milliseconds and bytes."""
    answer = await request(echo.port)
    assert answer.status == 200
    assert answer.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert answer.body[0] == "0"
    opening = json.loads(answer.body[1:])
    assert isinstance(opening.pop("sid"), str)
    assert opening == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": MAX_BYTES,
    }


async def test_a_websocket_session_opens_with_the_handshake_packet(echo: Echo) -> None:
    """It has nothing to upgrade to."""
    async with await WebSocket.open(echo.port) as one:
        assert one.accepted
        assert "sec-websocket-extensions" not in one.answer.headers
        opening = await one.opening()
        assert isinstance(opening.pop("sid"), str)
        assert opening == {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": MAX_BYTES}


async def test_session_ids_are_unique_and_fit_into_a_url(patient: Echo) -> None:
    """They are put into queries as they are."""
    sids = {(await patient.polling()).sid for _ in range(20)}
    assert len(sids) == 20
    assert all(sid.replace("-", "").replace("_", "").isalnum() for sid in sids)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("transport={}", 5),
        ("EIO=&transport={}", 5),
        ("EIO=abc&transport={}", 5),
        ("EIO=3&transport={}", 5),
        ("EIO=5&transport={}", 5),
        ("EIO=4", 0),
        ("EIO=4&transport=abc", 0),
        ("EIO=4&transport={}&sid=unknown", 1),
        ("EIO=4&transport={}&sid=", 1),
    ],
)
@BOTH
async def test_a_handshake_that_is_not_the_protocols_is_refused(
    patient: Echo, transport: str, query: str, code: int
) -> None:
    """A client of another revision must read why, not fail on a packet that it does not know."""
    filled = query.format(transport)
    if transport == "polling":
        assert is_refusal(await request(patient.port, query=filled), 400, code)
    else:
        async with await WebSocket.open(patient.port, filled) as one:
            assert is_refusal(one.answer, 400, code)
            assert await one.end() == b""
    assert not patient.engine.sockets


async def test_each_transport_is_asked_for_in_its_own_way(patient: Echo) -> None:
    """A plain GET cannot become a WebSocket, and a WebSocket polls nothing."""
    assert is_refusal(await request(patient.port, query=wire.WEBSOCKET), 400, 0)
    async with await WebSocket.open(patient.port, wire.POLLING) as one:
        assert is_refusal(one.answer, 400, 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_a_session_opens_with_get_alone(patient: Echo, method: str) -> None:
    """The published suite tries POST and PUT."""
    if method == "HEAD":
        assert (await _status_of_head(patient.port)) == 400
    else:
        assert is_refusal(await request(patient.port, method, body="4x"), 400, 2)
    assert not patient.engine.sockets


async def _status_of_head(port: int) -> int:
    async with wire.stream(port) as (reader, writer):
        writer.write(wire.head("HEAD", f"{wire.PATH}?{wire.POLLING}", {"Connection": "close"}))
        return (await wire.read_head(reader))[0]


async def test_other_methods_for_a_session_are_refused_and_it_goes_on(patient: Echo) -> None:
    """Only GET and POST mean something."""
    session = await patient.polling()
    assert is_refusal(await request(patient.port, "PUT", session.query, "4x"), 400, 3)
    await session.say("4x")
    assert await session.receive() == "4x"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Sec-WebSocket-Key": None}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Sec-WebSocket-Key": base64.b64encode(b"15 bytes, no 16").decode()}, 400),
        ({"Sec-WebSocket-Key": "not base64 at all!!!!!!!"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": None}, 426),
    ],
)
async def test_a_bad_websocket_handshake_is_refused(
    patient: Echo, header: dict[str, str | None], status: int
) -> None:
    """RFC 6455, section 4.2: 426 names the version that is spoken here."""
    async with await WebSocket.open(patient.port, headers=header) as one:
        assert is_refusal(one.answer, status, 3), one.answer
        assert one.answer.headers.get("sec-websocket-version") == ("13" if status == 426 else None)
    assert not patient.engine.sockets


async def test_a_handshake_in_small_pieces_is_one(patient: Echo) -> None:
    """TCP keeps no boundaries."""
    reader, writer = await wire.connect(patient.port)
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    whole = wire.head("GET", f"{wire.PATH}?{wire.WEBSOCKET}", asked | {"Sec-WebSocket-Key": wire.KEY})
    for at in range(0, len(whole), 7):
        writer.write(whole[at : at + 7])
        await asyncio.sleep(0)
    async with WebSocket(reader, writer, await wire.read_answer(reader)) as one:
        assert one.accepted
        await one.opening()


async def test_a_websocket_for_another_path_reaches_the_application(patient: Echo) -> None:
    """The engine owns one path of the port."""
    async with await WebSocket.open(patient.port, "", path="/elsewhere") as one:
        assert one.accepted
        assert await one.text() == "the application at /elsewhere"
        assert await one.close_code() == 1000


# Long-polling


async def test_a_message_is_answered_over_polling(patient: Echo) -> None:
    """Packets go out with POST, which is answered "ok", and come in with GET."""
    session = await patient.polling()
    posted = await session.post("4hello")
    assert (posted.status, posted.body) == (200, "ok")
    assert posted.headers["content-type"].lower() in ("text/plain; charset=utf-8", "text/html")
    got = await session.get()
    assert (got.status, got.body) == (200, "4hello")
    assert got.headers["content-type"].lower() == "text/plain; charset=utf-8"


async def test_several_packets_share_a_payload(patient: Echo) -> None:
    """They are separated by 0x1e, both ways, and keep their order."""
    session = await patient.polling()
    await session.say("4test1", "4test2", "4test3")
    assert (await session.get()).body == "4test1\x1e4test2\x1e4test3"


async def test_a_waiting_get_is_answered_when_there_is_something(patient: Echo) -> None:
    """That is what makes it long."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await session.say("4hello")
    assert (await waiting).body == "4hello"


async def test_binary_is_base64_over_polling(patient: Echo) -> None:
    """A payload is text; `b` marks an attachment, which has no packet type."""
    session = await patient.polling()
    await session.say("bAQIDBA==", "4text", "b")
    assert (await session.get()).body == "bAQIDBA==\x1e4text\x1eb"


async def test_text_that_is_not_ascii_survives_polling(patient: Echo) -> None:
    """Payloads are UTF-8."""
    session = await patient.polling()
    await session.say("4€ 😀 \u2028")
    assert (await session.get()).body == "4€ 😀 \u2028"


async def test_two_gets_at_once_end_the_session(patient: Echo) -> None:
    """Whose answer comes first could not be told; the first is told to close."""
    session = await patient.polling()
    first = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    assert (await session.get()).status == 400
    answer = await first
    assert (answer.status, answer.body) == (200, "1")
    assert await patient.refuses(session)


@pytest.mark.parametrize(
    "body", ["abc", "", "0{}", "2", "5", "6", "7x", "4a\x1e", "b!!!", "bA", b"4\xff", "4x\x1e" * 64 + "4x"]
)
async def test_an_invalid_packet_ends_a_polling_session(patient: Echo, body: str | bytes) -> None:
    """The published suite: 400 now, and the session is gone."""
    session = await patient.polling()
    answer = await request(patient.port, "POST", session.query, body)
    assert is_refusal(answer, 400, 3), answer
    assert await patient.refuses(session)
    await soon(lambda: patient.ended.get(session.sid) == "parse error")


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large_a_body_is_refused_while_it_is_read(patient: Echo, chunked: bool) -> None:
    """The limit that the handshake names holds however the body's length is given."""
    session = await patient.polling()
    body = b"4" + b"x" * MAX_BYTES
    if chunked:
        pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
        encoded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
        answer = await request(patient.port, "POST", session.query, encoded, headers)
    else:
        answer = await request(patient.port, "POST", session.query, body)
    assert is_refusal(answer, 413, 3), answer
    assert await patient.refuses(session)


async def test_a_body_of_exactly_the_limit_is_taken(patient: Echo) -> None:
    """The limit is the largest that may be sent."""
    session = await patient.polling()
    body = "4" + "x" * (MAX_BYTES - 1)
    await session.say(body)
    assert (await session.get()).body == body


async def test_a_get_that_the_client_gives_up_ends_the_session(patient: Echo) -> None:
    """It is how a browser's tab closes: nobody would read what comes."""
    session = await patient.polling()
    async with wire.stream(patient.port) as (_, writer):
        writer.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
        await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await soon(lambda: patient.ended.get(session.sid) == "transport close")
    assert await patient.refuses(session)


async def test_the_clients_close_packet_ends_a_polling_session(patient: Echo) -> None:
    """The published suite: a waiting GET is sent home with a NOOP; later requests are unknown."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await session.say("1")
    answer = await waiting
    assert (answer.status, answer.body) == (200, "6")
    assert await patient.refuses(session)
    assert patient.ended[session.sid] == "client disconnect"


async def test_a_get_that_comes_together_with_the_end_is_answered(patient: Echo) -> None:
    """Clients ask for the next packets and leave in the same moment, each over a connection of its own."""
    for _ in range(10):
        session = await patient.polling()
        async with wire.stream(patient.port) as (asking, get), wire.stream(patient.port) as (_, post):
            get.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
            post.write(wire.head("POST", f"{wire.PATH}?{session.query}", body=b"1"))
            async with asyncio.timeout(wire.PATIENCE_SECONDS):
                assert (await wire.read_answer(asking)).status in (200, 400)


async def test_what_follows_a_close_packet_is_not_worked_on(patient: Echo) -> None:
    """The session is over with it."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await session.say("1", "4late")
    assert (await waiting).body == "6"


async def test_the_servers_end_reaches_a_waiting_get(patient: Echo) -> None:
    """Together with what was sent just before it."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await patient.engine.send(session.sid, "last")
    await patient.engine.disconnect(session.sid)
    packets = (await waiting).packets
    if packets == ["4last"]:
        packets += (await session.get()).packets
    assert packets == ["4last", "1"]


async def test_many_requests_share_a_connection(patient: Echo) -> None:
    """Browsers keep theirs alive; nothing of one request may reach the next."""
    session = await patient.polling()
    async with wire.stream(patient.port) as (reader, writer):
        for number in range(5):
            writer.write(wire.head("POST", f"{wire.PATH}?{session.query}", body=b"4%d" % number))
            assert (await wire.read_answer(reader)).body == "ok"
            writer.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
            assert (await wire.read_answer(reader)).body == f"4{number}"
    await session.say("4after")
    assert await session.receive() == "4after", "an idle connection that closes ends no session"


# WebSocket


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, MAX_BYTES - 1])
async def test_messages_are_answered_over_websocket(patient: Echo, size: int) -> None:
    """Around every change of a frame's length field."""
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
    """More than may wait at once, so reading is paused and goes on."""
    async with patient.websocket() as one:
        one.send(*(f"4{number}" for number in range(1000)))
        assert [await one.text() for _ in range(1000)] == [f"4{number}" for number in range(1000)]


async def test_a_frame_byte_by_byte_is_one_frame(patient: Echo) -> None:
    """TCP keeps no boundaries here either."""
    async with patient.websocket() as one:
        for byte in wire.frame(TEXT, "4" + "slow" * 40):
            one.send_bytes(bytes((byte,)))
            await one.drain()
            await asyncio.sleep(0)
        assert await one.text() == "4" + "slow" * 40


async def test_a_ping_frame_is_answered_with_its_payload(patient: Echo) -> None:
    """RFC 6455, section 5.5.2; it is not Engine.IO's ping."""
    async with patient.websocket() as one:
        one.send_frame(PONG, "nobody asked")
        one.send_frame(PING, b"\x00\xffping")
        assert await one.next_frame() == (PONG, b"\x00\xffping")
        one.send_frame(PING)
        assert await one.next_frame() == (PONG, b"")


async def test_fragments_are_one_message_and_control_frames_come_between(patient: Echo) -> None:
    """Even in the middle of a character."""
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
    """RFC 6455, section 7.1: the server is the one that closes first."""
    async with patient.websocket() as one:
        one.send_frame(CLOSE, payload)
        assert await one.close_code(answer=False) == code
        await soon(lambda: list(patient.ended.values()) == ["transport close"])


async def test_the_clients_close_packet_ends_a_websocket_session(patient: Echo) -> None:
    """Engine.IO has a close packet besides the frame."""
    async with patient.websocket() as one:
        one.send("1")
        assert await one.close_code() == 1000
        await soon(lambda: list(patient.ended.values()) == ["client disconnect"])


async def test_a_connection_that_breaks_ends_the_session(patient: Echo) -> None:
    """Most browsers leave so."""
    async with patient.websocket() as one:
        await one.leave()
        await soon(lambda: list(patient.ended.values()) in (["transport close"], ["transport error"]))


@pytest.mark.parametrize("packet", ["abc", "", "0{}", "2", "2probe", "5", "6", "7", "31", "3probe"])
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
    ids=lambda value: str(value) if isinstance(value, int) else "frames",  # their masks are random
)
async def test_a_frame_that_breaks_the_rules_ends_the_connection_with_the_code_for_it(
    patient: Echo, sent: bytes, code: int
) -> None:
    """The client reads the reason even if it was in the middle of sending."""
    async with patient.websocket() as one:
        one.send_bytes(sent)
        assert await one.close_code() == code
        await soon(lambda: list(patient.ended.values()) == ["parse error"])


async def test_what_comes_after_an_error_is_not_worked_on(patient: Echo) -> None:
    """Also if it comes in the same segment."""
    async with patient.websocket() as one:
        one.send("4before", "abc", "4after")
        assert await one.close_code() == 1008
    await soon(lambda: patient.ended)
    assert patient.heard == ["before"]


# Heartbeat


@BOTH
async def test_a_session_that_answers_pings_stays(echo: Echo, transport: str) -> None:
    """The server asks within each interval, for as long as it lasts."""
    loop = asyncio.get_running_loop()
    if transport == "polling":
        session = await echo.polling()
        for _ in range(5):
            began = loop.time()
            assert (await session.get()).body == "2"
            assert loop.time() - began < 5
            await session.say("3")
        await session.say("4still here")
        assert await session.receive() == "4still here"
    else:
        async with echo.websocket() as one:
            for _ in range(5):
                began = loop.time()
                assert await one.next_frame() == (TEXT, b"2")
                assert loop.time() - began < 5
                one.send("3")
            one.send("4still here")
            assert await one.text() == "4still here"
    assert not echo.ended


@BOTH
async def test_a_session_that_does_not_answer_a_ping_ends(echo: Echo, transport: str) -> None:
    """After the ping's timeout, and it is known no more."""
    if transport == "polling":
        session = await echo.polling()
        assert (await session.get()).body == "2"
        answer = await session.get()
        assert (answer.status, answer.body) in (
            (200, "1"),
            (400, '{"code":1,"message":"Session ID unknown"}'),
        )
        assert await echo.refuses(session)
    else:
        async with echo.websocket() as one:
            assert await one.next_frame() == (TEXT, b"2")
            assert await one.close_code() == 1000
    await soon(lambda: list(echo.ended.values()) == ["ping timeout"])


async def test_a_polling_session_that_never_comes_back_ends(echo: Echo) -> None:
    """Nobody asks for its ping, so nobody answers."""
    session = await echo.polling()
    await soon(lambda: echo.ended == {session.sid: "ping timeout"})
    assert await echo.refuses(session)


# Upgrade


async def test_an_upgrade_moves_the_session_to_the_websocket(patient: Echo) -> None:
    """Probe, answer, NOOP for the waiting GET, upgrade; the sid stays, and nothing is said twice."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    async with await session.upgrade() as one:
        assert one.accepted
        assert not waiting.done(), "a WebSocket alone is no probe"
        one.send("2probe")
        assert await one.text() == "3probe"
        answer = await waiting
        assert (answer.status, answer.body) == (200, "6")
        one.send("5", "4hello")
        assert await one.text() == "4hello"
        assert list(patient.engine.sockets) == [session.sid]
        assert patient.engine.sockets[session.sid].upgraded
        await patient.engine.send(session.sid, b"\x01")
        assert await one.receive() == b"\x01"
        await patient.engine.disconnect(session.sid)
        assert await one.close_code() == 1000


@pytest.mark.parametrize("polls", [False, True])
async def test_what_is_sent_during_the_probe_follows_over_the_websocket(patient: Echo, polls: bool) -> None:
    """In order and complete; the JavaScript client polls until it has read the probe's answer."""
    session = await patient.polling()
    expected = [f"4{number}" for number in range(6)]
    async with await session.upgrade() as one:
        await patient.engine.send(session.sid, "0")
        one.send("2probe")
        assert await one.text() == "3probe"
        await patient.engine.send(session.sid, "1")
        await session.say("42", "43")
        if polls:
            assert (await session.get()).body == "6"
        await patient.engine.send(session.sid, "4")
        one.send("5", "45")
        assert [await one.text() for _ in expected] == expected


async def test_no_message_is_lost_or_doubled_whenever_the_upgrade_happens(echo: Echo) -> None:
    """A stream of messages runs while the client polls, probes and upgrades, as the stock client does."""
    session = await echo.polling()
    count = 400
    got: list[str] = []

    async def send_all() -> None:
        for number in range(count):
            await echo.engine.send(session.sid, str(number))
            await asyncio.sleep(0.0005)

    async def poll(until: asyncio.Event) -> None:
        while not until.is_set():
            got.extend((await session.get()).packets)

    probed = asyncio.Event()
    sending, polling = asyncio.create_task(send_all()), asyncio.create_task(poll(probed))
    await soon(lambda: len(got) > 20)
    async with await session.upgrade() as one:
        one.send("2probe")
        assert await one.text() == "3probe"
        probed.set()
        await polling
        one.send("5")
        while "4399" not in got:
            got.append(await one.text())
        await sending
    assert [packet for packet in got if packet not in ("2", "6")] == [f"4{number}" for number in range(count)]


async def test_packets_in_the_upgrades_segment_are_worked_on(patient: Echo) -> None:
    """A client may say everything at once; bytes that are no whole frame yet must not be lost either."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        late = wire.frame(TEXT, "4late")
        frames = [wire.frame(TEXT, text) for text in ("2probe", "5", "4soon")]
        one.send_bytes(b"".join(frames) + late[:5])
        assert await one.text() == "3probe"
        assert await one.text() == "4soon"
        one.send_bytes(late[5:])
        assert await one.text() == "4late"


async def test_after_the_upgrade_long_polling_is_refused(patient: Echo) -> None:
    """The published suite; and the session over WebSocket is unharmed."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        one.send("2probe", "5")
        assert await one.text() == "3probe"
        await soon(lambda: patient.engine.sockets[session.sid].upgraded)
        assert (await session.get()).status == 400
        assert (await session.post("4x")).status == 400
        one.send("4hello")
        assert await one.text() == "4hello"


@pytest.mark.parametrize("first_says", [("2probe",), ("2probe", "5")])
async def test_a_second_websocket_for_a_session_is_refused(
    patient: Echo, first_says: tuple[str, ...]
) -> None:
    """While the first probes and after it has upgraded; the first is unharmed."""
    session = await patient.polling()
    async with await session.upgrade() as first:
        first.send(*first_says)
        assert await first.text() == "3probe"
        await soon(lambda: "5" not in first_says or patient.engine.sockets[session.sid].upgraded)
        async with await session.upgrade() as second:
            assert is_refusal(second.answer, 400, 3)
        if "5" not in first_says:
            first.send("5")
        first.send("4hello")
        assert await first.text() == "4hello"


async def test_a_session_tries_one_websocket_at_a_time(patient: Echo) -> None:
    """Each that waits holds memory, and a stock client never opens a second one."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        assert one.accepted
        async with await session.upgrade() as other:
            assert is_refusal(other.answer, 400, 3)
        one.send("2probe")
        assert await one.text() == "3probe"
        one.send("5", "4hello")
        assert await one.text() == "4hello"


async def test_a_websocket_session_has_no_second_one(patient: Echo) -> None:
    """There is nothing to upgrade; nobody who learns a sid may take its session over."""
    async with await WebSocket.open(patient.port) as one:
        sid = (await one.opening())["sid"]
        async with await WebSocket.open(patient.port, f"{wire.WEBSOCKET}&sid={sid}") as other:
            assert is_refusal(other.answer, 400, 3)
        one.send("4hello")
        assert await one.text() == "4hello"


@pytest.mark.parametrize(
    "says",
    [
        ("4hello",),
        ("5",),
        ("2",),
        ("2wrong",),
        (b"2probe",),
        ("2probe", "2probe"),
        ("2probe", "4x"),
        ("2probe",),
    ],
)
async def test_a_probe_that_fails_leaves_long_polling_as_it_was(
    patient: Echo, says: tuple[str | bytes, ...]
) -> None:
    """Middleboxes break WebSockets; the session must outlive that, with what was sent meanwhile."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        one.send(*says)
        await patient.engine.send(session.sid, "meanwhile")
        if says == ("2probe",):
            assert await one.text() == "3probe"
            await one.leave()
        else:
            await one.end()
    packets: list[str] = []
    while not packets or packets[-1] == "6":
        packets = (await session.get()).packets
    assert packets[-1] == "4meanwhile"
    await session.say("4hello")
    assert await session.receive() == "4hello"
    async with await session.upgrade() as again:
        again.send("2probe", "5", "4again")
        assert await again.text() == "3probe"
        assert await again.text() == "4again"


async def test_a_session_that_ends_takes_its_probe_along(patient: Echo) -> None:
    """An upgrade to nothing would be a connection that nobody owns."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        one.send("2probe")
        assert await one.text() == "3probe"
        await patient.engine.disconnect(session.sid)
        one.send("5", "4x")
        await one.end()
    assert not patient.engine.sockets


async def test_a_session_is_pinged_after_its_upgrade(echo: Echo) -> None:
    """The heartbeat is the session's, not the transport's."""
    session = await echo.polling()
    async with await session.upgrade() as one:
        one.send("2probe")
        assert await one.text() == "3probe"
        one.send("5")
        for _ in range(3):
            assert await one.next_frame() == (TEXT, b"2")
            one.send("3")
        assert not echo.ended
        assert await one.close_code() == 1000
    await soon(lambda: echo.ended == {session.sid: "ping timeout"})
