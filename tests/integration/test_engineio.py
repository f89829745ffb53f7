"""The engine alone, as an echo server: the bytes and status codes of the published Engine.IO v4 text.

https://socket.io/docs/v4/engine-io-protocol/, clause by clause, and the test suite that is published with it.
"""

import asyncio
import base64
import json
import re
import time

import pytest

from . import wire
from .echo import MAX_BYTES, Echo, is_refusal
from .wire import TEXT, WebSocket, request, soon

BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


# Handshake


async def test_a_polling_session_opens_with_the_handshake_packet(echo: Echo) -> None:
    """The client configures itself from these keys, in milliseconds and bytes."""
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
    """Its handshake names no upgrade."""
    async with await WebSocket.open(echo.port) as one:
        assert one.accepted
        assert "sec-websocket-extensions" not in one.answer.headers
        opening = await one.opening()
        assert isinstance(opening.pop("sid"), str)
        assert opening == {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": MAX_BYTES}


async def test_session_ids_are_unique_and_fit_into_a_url(patient: Echo) -> None:
    """Clients put them into queries as they are."""
    sids = {(await patient.polling()).sid for _ in range(20)}
    assert len(sids) == 20
    assert all(sid.replace("-", "").replace("_", "").isalnum() for sid in sids)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("transport={}", 5),
        ("EIO=&transport={}", 5),
        ("EIO=abc&transport={}", 5),
        ("EIO=3&transport={}&j=0", 5),
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
    """A client of another revision must see the reason, not fail on a packet that it does not know."""
    filled = query.format(transport)
    if transport == "polling":
        assert is_refusal(await request(patient.port, query=filled), 400, code)
    else:
        async with await WebSocket.open(patient.port, filled) as one:
            assert is_refusal(one.answer, 400, code)
            assert await one.end() == b""
    assert not patient.engine.sockets


def _is_error(packet: str) -> bool:
    return packet[:2] == "44" and "upgrade the client" in json.loads(packet[2:])


async def test_a_client_of_revision_3_is_told_over_polling(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session opens, gets an error, and is closed by the poll that waits; what it posts means nothing."""
    monkeypatch.setattr(echo.engine._requests, "_request_seconds", 0.3)
    query = "EIO=3&transport=polling"
    answer = await request(echo.port, query=query)
    (_, opening), (_, error) = (part.split(":", 1) for part in re.split(r"(?<=})(?=\d+:44)", answer.body))
    assert _is_error(error)
    query += f"&sid={json.loads(opening[1:])['sid']}"
    began = time.monotonic()
    polling = asyncio.create_task(request(echo.port, query=query))
    assert (await request(echo.port, "POST", query, "5:40/x,")).body == "ok"
    assert (await polling).body == "1:1"
    assert time.monotonic() - began >= 0.3, "who is answered at once comes back at once"
    assert not echo.engine.sockets


async def test_a_client_of_revision_3_is_told_over_websocket(echo: Echo) -> None:
    """The same in frames; whatever it sends, its connection ends after a while."""
    echo.engine.request_seconds = 0.3
    async with await WebSocket.open(echo.port, "EIO=3&transport=websocket") as one:
        assert (await one.opening())["upgrades"] == []
        assert _is_error(await one.text())
        one.send("2", "40/x,", b"x")
        assert await one.end() == b""
    assert not echo.engine.sockets
    await soon(lambda: not echo.engine.closing_handshakes)


async def test_each_transport_is_asked_for_in_its_own_way(patient: Echo) -> None:
    """A plain GET cannot become a WebSocket, and a WebSocket polls nothing."""
    assert is_refusal(await request(patient.port, query=wire.WEBSOCKET), 400, 3)
    async with await WebSocket.open(patient.port, wire.POLLING) as one:
        assert is_refusal(one.answer, 400, 3)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_a_session_opens_with_get_alone(patient: Echo, method: str) -> None:
    """The published suite tries POST and PUT as well."""
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
    """Only GET and POST have a meaning."""
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
    """TCP does not preserve message boundaries."""
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
    """The engine owns a single path on the port."""
    async with await WebSocket.open(patient.port, "", path="/elsewhere") as one:
        assert one.accepted
        assert await one.text() == "the application at /elsewhere"
        assert await one.close_code() == 1000


# Heartbeat


@BOTH
async def test_a_session_that_answers_pings_stays(echo: Echo, transport: str) -> None:
    """The server pings in each interval for as long as the session lasts."""
    wheel = echo.engine.wheel  # it does not turn while this process stands still
    if transport == "polling":
        session = await echo.polling()
        for _ in range(5):
            began = wheel.turns
            assert (await session.get()).body == "2"
            assert wheel.turns - began < 250, "five seconds"
            await session.say("3")
        await session.say("4still here")
        assert await session.receive() == "4still here"
    else:
        async with echo.websocket() as one:
            for _ in range(5):
                began = wheel.turns
                assert await one.next_frame() == (TEXT, b"2")
                assert wheel.turns - began < 250, "five seconds"
                one.send("3")
            one.send("4still here")
            assert await one.text() == "4still here"
    assert not echo.ended


@BOTH
async def test_a_session_that_does_not_answer_a_ping_ends(echo: Echo, transport: str) -> None:
    """It ends after the ping timeout, and its id is unknown from then on."""
    if transport == "polling":
        session = await echo.polling()
        assert (await session.get()).body == "2"
        # On a machine that is late, the next ping comes before the deadline of the first.
        while (answer := await session.get()).body == "2":
            pass
        assert (answer.status, answer.body) in (
            (200, "6"),
            (400, '{"code":1,"message":"Session ID unknown"}'),
        )
        assert await echo.refuses(session)
    else:
        async with echo.websocket() as one:
            assert await one.next_frame() == (TEXT, b"2")
            assert await one.close_code() == 1000
    await soon(lambda: list(echo.ended.values()) == ["ping timeout"])


async def test_a_polling_session_that_never_comes_back_ends(echo: Echo) -> None:
    """A client that does not poll never gets the ping, so it cannot answer."""
    session = await echo.polling()
    await soon(lambda: echo.ended == {session.sid: "ping timeout"})
    assert await echo.refuses(session)
