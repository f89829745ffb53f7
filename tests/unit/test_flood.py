"""Browsers that say too much: refused by acknowledgement, then cut off, and nothing of it is done."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, make_server, residue
from tests.unit.fakes import FakeClock, FakeSessions, Figures

from queuecast_gateway.engine import session as module
from queuecast_gateway.engine.frames import PING, TEXT, encode
from queuecast_gateway.engine.polling import post
from queuecast_gateway.engine.session import FLOODED, Session
from queuecast_gateway.server import SocketServer

RATE = 5
BURST = 10
"""Two seconds of it: what may be said at once. Twice as much is a flood."""


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def make(registry: CollectorRegistry) -> Callable[..., SocketServer]:
    return partial(make_server, registry, FakeSessions())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Counter:
    """A server of a slow pace, and what it has carried out."""

    def __init__(self, make: Callable[..., SocketServer], **limits: float) -> None:
        self.server = make(**{"max_events_per_second": RATE, "max_bytes_per_second": 0, **limits})
        self.done: list[Any] = []
        self.server.on("add", lambda sid, *arguments: self.done.append(arguments), "/")

    async def joined(self, clock: FakeClock) -> Browser:
        """Return a browser that has joined, with nothing said that still counts."""
        browser = Browser(self.server)
        await browser.joined()
        clock.pass_by(60)
        return browser


async def test_what_is_over_the_rate_is_refused_and_not_done(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """By its acknowledgement, so that the page knows which of its events has to be said again."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for number in range(BURST + 3):
        await browser.says(f'2{number}["add"]')
    assert len(counter.done) == BURST
    assert browser.texts[:BURST] == [f"43{number}[]" for number in range(BURST)]
    for number, text in enumerate(browser.texts[BURST:], BURST):
        assert text.startswith(f'43{number}[{{"ok":false,"error":{{"code":"rate_limited","message":"')
    assert len(browser.texts) == BURST + 3
    assert browser.close_code is None
    assert figure("acks_refused_total", code="rate_limited") == 3


async def test_who_pauses_may_go_on(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """A refusal is no punishment."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    await browser.says(*['2["add"]'] * BURST)
    await browser.says('2["add"]')
    assert len(counter.done) == BURST
    clock.pass_by(2)
    await browser.says('2["add"]')
    assert len(counter.done) == BURST + 1


async def test_who_wants_no_answer_gets_none(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """An acknowledgement that nobody asked for would be a packet that the client does not expect."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for _ in range(BURST + 3):
        await browser.says('2["add"]')
    assert browser.texts == []
    assert len(counter.done) == BURST
    assert figure("acks_refused_total", code="rate_limited") == 3


async def test_attachments_count_and_are_not_lost_track_of(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """A refused event with attachments is refused whole, and the next one is read as it should be."""
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
    assert (len(counter.done), counter.done[-1]) == (BURST + 1, (1,))


async def test_an_answer_to_the_gateway_is_taken_at_any_rate(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """It was asked for: a refusal would leave who asked waiting."""
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


async def test_who_does_not_slow_down_is_cut_off(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """With a close code of its own, and for good: it does not come back to what it was."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for number in range(2 * BURST):
        await browser.says(f'2{number}["add"]')
    assert browser.close_code is None
    caplog.clear()
    await browser.says('299["add"]')
    assert browser.close_code == FLOODED == 4029
    assert len(counter.done) == BURST
    assert figure("events_refused_total", reason="flood") == figure.sum("events_refused_total") == 1
    assert figure("disconnects_total", reason="flood") == 1
    assert len(caplog.records) == 1
    assert residue(counter.server) == {}


async def test_a_flood_at_once_is_not_done(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """What waits when a connection is cut off is counted by nobody: all of it would get through."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    await browser.says(*['2["add"]'] * (2 * BURST + 1), '2["add"]')
    assert browser.close_code == FLOODED
    assert len(counter.done) <= BURST
    assert figure("disconnects_total", reason="flood") == 1
    assert residue(counter.server) == {}


async def test_a_flood_after_the_end_is_no_other_end(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """A client that says goodbye and goes on: its end waits, and must not be forgotten with the rest."""
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
    """Return a short frame as a client has to send it."""
    return bytes((frame[0], frame[1] | 0x80)) + bytes(4) + frame[2:]


async def test_sessions_of_who_floods_are_over(clock: FakeClock) -> None:
    """Else it would come back to its rooms and go on."""
    sessions = FakeSessions()
    counter = Counter(partial(make_server, CollectorRegistry(), sessions))
    browser = await counter.joined(clock)
    (pid, *_), *_ = sessions.said
    await browser.says(*['2["add"]'] * (2 * BURST + 1))
    assert sessions.verbs(pid) == ["save", "drop"]


async def test_pings_and_pongs_count(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """Each is answered or at least read: without a limit they are the cheapest flood."""
    counter = Counter(make)
    browser = await counter.joined(clock)
    for _ in range(2 * BURST):
        browser.session.data_received(masked(encode(PING, b"")))
    assert browser.close_code is None
    browser.session.data_received(masked(encode(TEXT, b"3")))
    await browser.settle()
    assert browser.close_code == FLOODED


async def test_bytes_count(make: Callable[..., SocketServer], clock: FakeClock, figure: Figures) -> None:
    """Few large events are as much work as many small ones. Two of the largest are always let through."""
    counter = Counter(
        make, max_events_per_second=0, max_bytes_per_second=500, max_message_bytes=1_000, connect_seconds=10
    )
    browser = await counter.joined(clock)
    large = f'21["add","{"x" * 900}"]'
    for _ in range(3):
        await browser.says(large)
    assert len(counter.done) == 2
    assert browser.close_code is None
    assert figure("acks_refused_total", code="rate_limited") == 1
    await browser.says(large, large)
    assert browser.close_code == FLOODED
    assert residue(counter.server) == {}


async def test_bytes_of_what_never_becomes_an_event_count(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """Control frames between the pieces of a message that never ends are work, too."""
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
    """Return a session that has joined by HTTP, with nothing said that still counts."""
    session: Session = server.eio.open_polling({})
    await post(session, b"40")
    clock.pass_by(60)
    return session


async def test_bytes_of_a_request_count(make: Callable[..., SocketServer], clock: FakeClock) -> None:
    """As those of a WebSocket do."""
    counter = Counter(make, max_events_per_second=0, max_bytes_per_second=500, max_message_bytes=1_000)
    session = await polling(counter.server, clock)
    for _ in range(3):
        await post(session, f'42["add","{"x" * 900}"]'.encode())
    assert len(counter.done) == 2
    assert not session.closed
    for _ in range(2):
        await post(session, f'42["add","{"x" * 900}"]'.encode())
    assert session.closed
    assert len(counter.done) == 2
    assert residue(counter.server) == {}


async def test_polling_is_no_way_around(
    make: Callable[..., SocketServer], clock: FakeClock, figure: Figures
) -> None:
    """The packets of a POST count one by one."""
    counter = Counter(make)
    session = await polling(counter.server, clock)
    await post(session, "\x1e".join(['42["add"]'] * (BURST + 3)).encode())
    assert len(counter.done) == 0, "all are over by the time that the first one is worked on"
    assert figure("acks_refused_total", code="rate_limited") == BURST + 3
    clock.pass_by(60)
    for _ in range(BURST + 3):
        await post(session, b'42["add"]')
    assert len(counter.done) == BURST
    assert not session.closed
    await post(session, "\x1e".join(['42["add"]'] * BURST).encode())
    assert session.closed
    assert len(counter.done) == BURST
    assert figure("disconnects_total", reason="flood") == 1
    assert residue(counter.server) == {}


async def test_without_limits_nothing_is_counted(make: Callable[..., SocketServer]) -> None:
    """Who turns them off pays nothing for them."""
    counter = Counter(make, max_events_per_second=0)
    assert counter.server.eio.rates is None
    browser = Browser(counter.server)
    await browser.joined()
    await browser.says(*['2["add"]'] * 500)
    assert len(counter.done) == 500


async def test_who_says_much_at_once_lets_others_have_their_turn(
    make: Callable[..., SocketServer], clock: FakeClock
) -> None:
    """Handlers that wait for nothing would all run before anybody else's first."""
    counter = Counter(make, max_events_per_second=1_000)
    many, one = await counter.joined(clock), await counter.joined(clock)
    texts = [f'2["add",{number}]' for number in range(50)]
    await asyncio.gather(many.says(*texts), one.says('2["add","one"]'))
    assert len(counter.done) == 51
    assert counter.done.index(("one",)) <= module.TURN_MESSAGES
