"""A long-polling session moves to a WebSocket: https://socket.io/docs/v4/engine-io-protocol/#upgrade"""

import asyncio

import pytest

from queuecast_gateway.engine import closing_handshake

from . import wire
from .echo import Echo
from .wire import CLOSE, TEXT, WebSocket, soon


async def _is_closed(second: WebSocket) -> bool:
    return second.accepted and await second.close_code() == 1000


async def test_an_upgrade_moves_the_session_to_the_websocket(patient: Echo) -> None:
    """Probe, answer, NOOP for the waiting GET, upgrade: the sid stays, and nothing comes twice."""
    session = await patient.polling()
    waiting = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    async with await session.upgrade() as one:
        assert one.accepted
        assert not waiting.done(), "opening a WebSocket is not yet a probe"
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
    """It arrives complete and in order; the JavaScript client polls until it has the probe's answer."""
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


async def test_no_message_is_lost_or_doubled_whenever_the_upgrade_happens(patient: Echo) -> None:
    """Messages stream while the client polls, probes and upgrades, as the stock client does."""
    session = await patient.polling()
    count = 400
    got: list[str] = []

    async def send_all() -> None:
        for number in range(count):
            await patient.engine.send(session.sid, str(number))
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
    """A client may send everything at once; the bytes of an incomplete frame must not be lost either."""
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
    """The published suite requires it; the session over WebSocket is unharmed."""
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
async def test_a_second_websocket_for_a_session_is_closed(patient: Echo, first_says: tuple[str, ...]) -> None:
    """It is closed while the first probes and after it has upgraded; the first is unharmed. A handshake that
    is refused would be an error to the client.
    """
    session = await patient.polling()
    async with await session.upgrade() as first:
        first.send(*first_says)
        assert await first.text() == "3probe"
        await soon(lambda: "5" not in first_says or patient.engine.sockets[session.sid].upgraded)
        async with await session.upgrade() as second:
            assert await _is_closed(second)
        if "5" not in first_says:
            first.send("5")
        first.send("4hello")
        assert await first.text() == "4hello"


async def test_a_second_websocket_that_does_not_leave_is_cut_off(
    patient: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that it says is worked on, and it holds no connection for long."""
    monkeypatch.setattr(closing_handshake, "CLOSING_SECONDS", 0.1)
    session = await patient.polling()
    async with await session.upgrade() as first, await session.upgrade() as second:
        second.send("2probe", "5", "4stolen")
        assert await second.next_frame() == (CLOSE, b"\x03\xe8the session has a WebSocket")
        await second.end()
        first.send("2probe")
        assert await first.text() == "3probe"
    assert patient.heard == []
    await soon(lambda: not patient.engine.closing_handshakes)


async def test_a_session_tries_one_websocket_at_a_time(patient: Echo) -> None:
    """Each waiting WebSocket holds memory, and a stock client never opens a second one."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        assert one.accepted
        async with await session.upgrade() as other:
            assert await _is_closed(other)
        one.send("2probe")
        assert await one.text() == "3probe"
        one.send("5", "4hello")
        assert await one.text() == "4hello"


async def test_a_websocket_session_has_no_second_one(patient: Echo) -> None:
    """There is nothing to upgrade, and learning a sid must not be enough to take over its session."""
    async with await WebSocket.open(patient.port) as one:
        sid = (await one.opening())["sid"]
        async with await WebSocket.open(patient.port, f"{wire.WEBSOCKET}&sid={sid}") as other:
            assert await _is_closed(other)
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
    """Middleboxes break WebSockets; the session must survive that, with what was sent meanwhile."""
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
    """Otherwise the WebSocket would be a connection that nobody owns."""
    session = await patient.polling()
    async with await session.upgrade() as one:
        one.send("2probe")
        assert await one.text() == "3probe"
        await patient.engine.disconnect(session.sid)
        one.send("5", "4x")
        await one.end()
    assert not patient.engine.sockets


async def test_a_session_is_pinged_after_its_upgrade(echo: Echo) -> None:
    """The heartbeat belongs to the session, not to the transport."""
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
