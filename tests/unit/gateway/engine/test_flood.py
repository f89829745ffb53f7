"""Browsers that send too much: their events are refused, not handled, and then the connection is closed."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server, residue
from tests.unit.fakes import FakeClock, Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.engine import session as module
from queuecast_gateway.engine.frames import PING, TEXT, encode
from queuecast_gateway.engine.inbox import MESSAGES_PER_TURN
from queuecast_gateway.engine.polling import post
from queuecast_gateway.engine.session import FLOODED, Session
from queuecast_gateway.server.socketio_server import SocketServer

RATE = 5
BURST = 10
"""Two seconds of the rate, which may be sent at once. Twice as much is a flood."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Counter:
    """A server with low rate limits; it records the events that it has handled."""

    def __init__(self, make: Callable[..., SocketServer], **limits: float) -> None:
        self.server = make(**{"max_events_per_second": RATE, "max_bytes_per_second": 0, **limits})
        self.handled: list[Any] = []
        self.server.on("add", lambda sid, *arguments: self.handled.append(arguments), "/")

    async def joined(self, clock: FakeClock) -> Browser:
        """Return a browser that has joined, and whose token buckets are full again."""
        browser = Browser(self.server)
        await browser.joined()
        clock.pass_by(60)
        return browser


async def test_events_over_the_rate_are_refused_and_not_handled(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """By acknowledgement, so that the page knows which of its events to send again."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for number in range(BURST + 3):
        await browser.says(f'2{number}["add"]')
    assert len(counter.handled) == BURST
    assert browser.texts[:BURST] == [f"43{number}[]" for number in range(BURST)]
    for number, text in enumerate(browser.texts[BURST:], BURST):
        assert text.startswith(f'43{number}[{{"ok":false,"error":{{"code":"rate_limited","message":"')
    assert len(browser.texts) == BURST + 3
    assert browser.close_code is None
    assert figure("acks_refused_total", code="rate_limited") == 3


async def test_a_browser_that_pauses_may_go_on(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """A refusal is not a punishment."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    await browser.says(*['2["add"]'] * BURST)
    await browser.says('2["add"]')
    assert len(counter.handled) == BURST
    clock.pass_by(2)
    await browser.says('2["add"]')
    assert len(counter.handled) == BURST + 1


async def test_a_refused_event_without_an_acknowledgement_gets_no_answer(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """The client would not expect an acknowledgement that it has not requested."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for _ in range(BURST + 3):
        await browser.says('2["add"]')
    assert browser.texts == []
    assert len(counter.handled) == BURST
    assert figure("acks_refused_total", code="rate_limited") == 3


async def test_a_refused_event_takes_its_attachments_with_it(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """The next event after them is decoded as it should be."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    await browser.says(*['2["add"]'] * BURST)
    await browser.says('51-7["add",{"_placeholder":true,"num":0}]')
    browser.session.receive(b"attached")
    await browser.settle()
    assert [text[:25] for text in browser.texts] == ['437[{"ok":false,"error":{']
    clock.pass_by(60)
    await browser.says('28["add",1]')
    assert browser.texts[-1] == "438[]"
    assert (len(counter.handled), counter.handled[-1]) == (BURST + 1, (1,))


async def test_an_acknowledgement_from_a_browser_is_accepted_at_any_rate(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """The gateway has requested it, and somebody waits for it."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    sid = counter.server.manager.sid_from_eio_sid(browser.session.sid, "/")
    answers: list[Any] = []
    await counter.server.manager.emit(
        "ask", 1, namespace="/", room=sid, callback=lambda *said: answers.append(said), ignore_queue=True
    )
    await browser.says(*['2["add"]'] * BURST)
    await browser.says("31[7]")
    assert answers == [(7,)]


async def test_a_browser_that_does_not_slow_down_is_closed(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """With a close code of its own; and it cannot recover its session."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for number in range(2 * BURST):
        await browser.says(f'2{number}["add"]')
    assert browser.close_code is None
    caplog.clear()
    await browser.says('299["add"]')
    assert browser.close_code == FLOODED == 4029
    assert len(counter.handled) == BURST
    assert figure("events_refused_total", reason="flood") == figure.sum("events_refused_total") == 1
    assert figure("disconnects_total", reason="flood") == 1
    assert len(caplog.records) == 1
    assert residue(counter.server) == {}


async def test_a_flood_in_one_burst_is_not_handled(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """After the close nobody would check the rate of messages that wait: all of them would be handled."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    await browser.says(*['2["add"]'] * (2 * BURST + 1), '2["add"]')
    assert browser.close_code == FLOODED
    assert len(counter.handled) <= BURST
    assert figure("disconnects_total", reason="flood") == 1
    assert residue(counter.server) == {}


async def test_a_flood_after_the_end_does_not_change_the_end(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """The client closes and goes on sending: its end waits in the inbox, and must not be dropped."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    frame = encode(TEXT, b"41")
    close = encode(TEXT, b"1")
    browser.session.data_received(masked(close) + masked(frame) * (3 * BURST))
    for _ in range(3 * BURST):
        browser.session.spend(1, 0)
    await browser.settle()
    assert figure("disconnects_total", reason="client_disconnect") == 1
    assert figure("connections") == 0
    assert residue(counter.server) == {}


def masked(frame: bytes) -> bytes:
    """Return a short frame with a mask, as a client has to send it."""
    return bytes((frame[0], frame[1] | 0x80)) + bytes(4) + frame[2:]


async def test_a_flood_ends_the_session_for_good(clock: FakeClock) -> None:
    """Otherwise the client would recover its rooms and go on."""
    sessions = FakeSessions()
    counter = Counter(partial(make_server, CollectorRegistry(), sessions))
    browser = await counter.joined(clock)
    (pid, *_), *_ = sessions.notes
    await browser.says(*['2["add"]'] * (2 * BURST + 1))
    assert sessions.verbs(pid) == ["save", "drop"]


async def test_pings_and_pongs_are_counted(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """Each is answered or at least decoded; without a limit they would be the cheapest flood."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for _ in range(2 * BURST):
        browser.session.data_received(masked(encode(PING, b"")))
    assert browser.close_code is None
    browser.session.data_received(masked(encode(TEXT, b"3")))
    await browser.settle()
    assert browser.close_code == FLOODED


async def test_bytes_are_counted(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """A few large events are as much work as many small ones. Two of the largest are always allowed."""
    counter = Counter(
        make, max_events_per_second=0, max_bytes_per_second=500, max_message_bytes=1_000, connect_seconds=10
    )
    browser = await counter.joined(clock)
    large = f'21["add","{"x" * 900}"]'
    for _ in range(3):
        await browser.says(large)
    assert len(counter.handled) == 2
    assert browser.close_code is None
    assert figure("acks_refused_total", code="rate_limited") == 1
    await browser.says(large, large)
    assert browser.close_code == FLOODED
    assert residue(counter.server) == {}


async def test_bytes_that_never_become_an_event_are_counted(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """Control frames between the fragments of a message that never ends are work, too."""
    counter = Counter(make, max_events_per_second=0, max_bytes_per_second=500, max_message_bytes=1_000)
    browser = await counter.joined(clock)
    browser.session.data_received(masked(bytes((0x01, 2)) + b"42"))
    for _ in range(37):
        browser.session.data_received(masked(encode(PING, b"x" * 100)))
    assert browser.close_code is None
    browser.session.data_received(masked(encode(PING, b"x" * 100)))
    await browser.settle()
    assert browser.close_code == FLOODED


async def polling(server: SocketServer, clock: FakeClock) -> Session:
    """Return a long-polling session that has joined, and whose token buckets are full again."""
    session: Session = server.eio.open_polling({})
    await post(session, b"40")
    clock.pass_by(60)
    return session


async def test_bytes_of_a_request_are_counted(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """Like those of a WebSocket."""
    counter = Counter(make, max_events_per_second=0, max_bytes_per_second=500, max_message_bytes=1_000)
    session = await polling(counter.server, clock)
    for _ in range(3):
        await post(session, f'42["add","{"x" * 900}"]'.encode())
    assert len(counter.handled) == 2
    assert not session.closed
    for _ in range(2):
        await post(session, f'42["add","{"x" * 900}"]'.encode())
    assert session.closed
    assert len(counter.handled) == 2
    assert residue(counter.server) == {}


async def test_polling_does_not_bypass_the_limits(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """The packets of a POST are counted one by one."""
    counter = Counter(make)
    session = await polling(counter.server, clock)
    await post(session, "\x1e".join(['42["add"]'] * (BURST + 3)).encode())
    assert len(counter.handled) == 0, "all are over the limit by the time the first one is handled"
    assert figure("acks_refused_total", code="rate_limited") == BURST + 3
    clock.pass_by(60)
    for _ in range(BURST + 3):
        await post(session, b'42["add"]')
    assert len(counter.handled) == BURST
    assert not session.closed
    await post(session, "\x1e".join(['42["add"]'] * BURST).encode())
    assert session.closed
    assert len(counter.handled) == BURST
    assert figure("disconnects_total", reason="flood") == 1
    assert residue(counter.server) == {}


async def test_without_limits_nothing_is_counted(make: Callable[..., SocketServer]) -> None:
    """Without limits, counting costs nothing."""
    counter = Counter(make, max_events_per_second=0)
    assert counter.server.eio.rates is None
    browser = Browser(counter.server)
    await browser.joined()
    await browser.says(*['2["add"]'] * 500)
    assert len(counter.handled) == 500


async def test_a_browser_that_sends_much_at_once_does_not_delay_others(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """Handlers that never wait would all run before the first one of anybody else."""
    counter = Counter(make, max_events_per_second=1_000)
    many, one = await counter.joined(clock), await counter.joined(clock)
    texts = [f'2["add",{number}]' for number in range(50)]
    await asyncio.gather(many.says(*texts), one.says('2["add","one"]'))
    assert len(counter.handled) == 51
    assert counter.handled.index(("one",)) <= MESSAGES_PER_TURN
