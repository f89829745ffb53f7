"""Engine.IO over HTTP long-polling, as the protocol specifies it."""

import asyncio
import base64

import pytest

from . import wire
from .echo import MAX_BYTES, Echo, is_refusal
from .wire import request, soon


async def test_a_message_is_answered_over_polling(patient: Echo) -> None:
    """A client sends packets with POST, which is answered "ok", and receives them with GET."""
    session = await patient.polling()
    posted = await session.post("4hello")
    assert (posted.status, posted.body) == (200, "ok")
    assert posted.headers["content-type"].lower() in ("text/plain; charset=utf-8", "text/html")
    got = await session.get()
    assert (got.status, got.body) == (200, "4hello")
    assert got.headers["content-type"].lower() == "text/plain; charset=utf-8"


async def test_several_packets_share_a_payload(patient: Echo) -> None:
    """In both directions they are separated by 0x1e and keep their order."""
    session = await patient.polling()
    await session.say("4test1", "4test2", "4test3")
    assert (await session.get()).body == "4test1\x1e4test2\x1e4test3"


async def test_a_waiting_get_is_answered_when_there_is_something(patient: Echo) -> None:
    """The wait is what makes it long-polling."""
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


async def test_base64_in_lines_is_read_with_the_packets_around_it(patient: Echo) -> None:
    """Java's client breaks lines, and ends its base64 with a newline."""
    session = await patient.polling()
    data = bytes(range(200))
    await session.say("4before", "b" + base64.encodebytes(data).decode(), "4after")
    packets = (await session.get()).packets
    assert packets == ["4before", "b" + base64.b64encode(data).decode(), "4after"]


@pytest.mark.parametrize("count", [65, 5_000])
async def test_a_request_may_have_any_number_of_packets(patient: Echo, count: int) -> None:
    """Stock clients put all that was emitted meanwhile into one request."""
    session = await patient.polling()
    await session.say(*(f"4{number}" for number in range(count)))
    assert patient.heard == [f"{number}" for number in range(count)]


async def test_an_answer_has_sixteen_packets_at_most(patient: Echo) -> None:
    """python-engineio's client breaks beyond; the rest comes with the next answers, in order."""
    session = await patient.polling()
    for number in range(40):
        await patient.engine.send(session.sid, str(number))
    await soon(lambda: patient.engine.sockets[session.sid].buffered_bytes)
    answers = [(await session.get()).packets for _ in range(3)]
    assert [len(packets) for packets in answers] == [16, 16, 8]
    assert [packet for packets in answers for packet in packets] == [f"4{number}" for number in range(40)]
    assert patient.engine.sockets[session.sid].buffered_bytes == 0
    await session.say("4hello")
    assert (await session.get()).body == "4hello"


async def test_what_was_not_polled_follows_over_the_websocket(patient: Echo) -> None:
    """The upgrade comes between two answers, and the rest needs no more polls."""
    session = await patient.polling()
    for number in range(40):
        await patient.engine.send(session.sid, str(number))
    await soon(lambda: patient.engine.sockets[session.sid].buffered_bytes)
    got = (await session.get()).packets
    async with await session.upgrade() as one:
        one.send("2probe", "5")
        assert await one.text() == "3probe"
        while len(got) < 40:
            got.append(await one.text())
    assert got == [f"4{number}" for number in range(40)]


async def test_text_that_is_not_ascii_survives_polling(patient: Echo) -> None:
    """Payloads are UTF-8."""
    session = await patient.polling()
    await session.say("4€ 😀 \u2028")
    assert (await session.get()).body == "4€ 😀 \u2028"


async def test_two_gets_at_once_end_the_session(patient: Echo) -> None:
    """The order of their answers would be undefined; the first GET gets a close packet."""
    session = await patient.polling()
    first = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    assert (await session.get()).status == 400
    answer = await first
    assert (answer.status, answer.body) == (200, "1")
    assert await patient.refuses(session)


@pytest.mark.parametrize("body", ["abc", "", "2", "7x", "4a\x1e", "b!!!", "bA", b"4\xff"])
async def test_an_invalid_packet_ends_a_polling_session(patient: Echo, body: str | bytes) -> None:
    """The published suite: the answer is 400, and the session is gone."""
    session = await patient.polling()
    answer = await request(patient.port, "POST", session.query, body)
    assert is_refusal(answer, 400, 3), answer
    assert await patient.refuses(session)
    await soon(lambda: patient.ended.get(session.sid) == "parse error")


async def test_packets_that_mean_nothing_in_a_session_are_ignored(patient: Echo) -> None:
    """The reference server ignores them, and takes a pong with data for a pong."""
    session = await patient.polling()
    await session.say("0{}", "5", "6", "6x", "3late", "4after")
    assert await session.receive() == "4after"


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large_a_body_is_refused_while_it_is_read(patient: Echo, chunked: bool) -> None:
    """The handshake's limit holds, whether the body has a Content-Length or comes in chunks."""
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
    """The limit is the largest size that a client may send."""
    session = await patient.polling()
    body = "4" + "x" * (MAX_BYTES - 1)
    await session.say(body)
    assert (await session.get()).body == body


async def test_a_get_that_the_client_gives_up_ends_the_session(patient: Echo) -> None:
    """That is how a closing tab looks: nobody would read the next packets."""
    session = await patient.polling()
    async with wire.stream(patient.port) as (_, writer):
        writer.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
        await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await soon(lambda: patient.ended.get(session.sid) == "transport close")
    assert await patient.refuses(session)


async def test_the_clients_close_packet_ends_a_polling_session(patient: Echo) -> None:
    """The published suite: a waiting GET gets a NOOP; later requests find the session unknown."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await session.say("1")
    answer = await waiting
    assert (answer.status, answer.body) == (200, "6")
    assert await patient.refuses(session)
    assert patient.ended[session.sid] == "client disconnect"


async def test_a_get_that_comes_together_with_the_end_is_answered(patient: Echo) -> None:
    """Clients poll and leave at the same moment, over two connections."""
    for _ in range(10):
        session = await patient.polling()
        async with wire.stream(patient.port) as (asking, get), wire.stream(patient.port) as (_, post):
            get.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
            post.write(wire.head("POST", f"{wire.PATH}?{session.query}", body=b"1"))
            async with asyncio.timeout(wire.PATIENCE_SECONDS):
                assert (await wire.read_answer(asking)).status in (200, 400)


async def test_what_follows_a_close_packet_is_not_worked_on(patient: Echo) -> None:
    """The close packet ends the session."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await session.say("1", "4late")
    assert (await waiting).body == "6"


async def test_the_servers_end_reaches_a_waiting_get(patient: Echo) -> None:
    """The GET also gets what was sent just before the end."""
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
    """Browsers keep connections alive; nothing of one request may leak into the next."""
    session = await patient.polling()
    async with wire.stream(patient.port) as (reader, writer):
        for number in range(5):
            writer.write(wire.head("POST", f"{wire.PATH}?{session.query}", body=b"4%d" % number))
            assert (await wire.read_answer(reader)).body == "ok"
            writer.write(wire.head("GET", f"{wire.PATH}?{session.query}"))
            assert (await wire.read_answer(reader)).body == f"4{number}"
    await session.say("4after")
    assert await session.receive() == "4after", "an idle connection that closes ends no session"
