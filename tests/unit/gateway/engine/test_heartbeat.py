"""Pings by the clock, and pongs that a process which stood still has not read yet."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.fake_loop import Loop

from queuecast_gateway.engine.heartbeat import Heartbeat
from queuecast_gateway.engine.timer_wheel import TimerWheel

TICK, INTERVAL, TIMEOUT = 0.1, 25.0, 20.0


class Client:
    """A session of a client that answers pings or does not, and when it was pinged."""

    def __init__(self, loop: Loop, wheel: TimerWheel, timeout: float = TIMEOUT) -> None:
        reason = SimpleNamespace(PING_TIMEOUT="ping timeout")
        self.engine = SimpleNamespace(
            ping_wheel=wheel, ping_interval=INTERVAL, ping_timeout=timeout, ping=lambda _: b"2", reason=reason
        )
        self.closed = False
        self.work: Any = None
        self.answers = True
        self.pinged: list[float] = []
        self.ended: list[str] = []
        self._loop = loop
        self.began = loop.now
        self.heartbeat = Heartbeat(self)  # type: ignore[arg-type]  # the part of a session that it needs

    def write(self, frames: bytes) -> None:
        self.pinged.append(self._loop.now - self.began)
        if self.answers:
            self.heartbeat.awaits_pong = False

    def end(self, reason: str) -> None:
        self.closed = True
        self.ended.append(reason)
        self.heartbeat.stop()

    def pong_is_read(self) -> None:
        """Have the pong of the last ping read now."""
        self.heartbeat.awaits_pong = False


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    loop.drive(monkeypatch)
    return loop


@pytest.fixture
def client(loop: Loop) -> Client:
    return Client(loop, TimerWheel(TICK, driver=TimerWheel(TICK)))


def run(loop: Loop, seconds: float) -> None:
    loop.tick(round(seconds / TICK))


def test_the_first_ping_leaves_time_to_join(loop: Loop) -> None:
    """It came 14 ms after the handshake once, before the answer to CONNECT. They are spread all the same."""
    wheel = TimerWheel(TICK, driver=TimerWheel(TICK))
    clients = [Client(loop, wheel) for _ in range(50)]
    run(loop, INTERVAL + 1)
    first = sorted(client.pinged[0] for client in clients)
    assert first[0] >= INTERVAL / 2
    assert first[-1] <= INTERVAL + TICK
    assert max(after - before for before, after in pairwise(first)) < INTERVAL / 10


@pytest.mark.parametrize("timeout", [TIMEOUT, INTERVAL, 30.0, 2.5 * INTERVAL])
def test_pings_come_at_the_interval(loop: Loop, timeout: float) -> None:
    """As the handshake has promised it, also when a client may take longer than that to answer."""
    client = Client(loop, TimerWheel(TICK, driver=TimerWheel(TICK)), timeout=timeout)
    run(loop, 5 * INTERVAL)
    gaps = [after - before for before, after in pairwise(client.pinged)]
    assert len(gaps) >= 3
    assert gaps == pytest.approx([INTERVAL] * len(gaps), abs=2 * TICK)


@pytest.mark.parametrize("at", [1.0, 10.0, 19.0, 22.0])
def test_after_standing_still_the_ping_comes_when_it_was_due(client: Client, loop: Loop, at: float) -> None:
    """python-engineio's client gives up five seconds after the longer of interval and timeout."""
    while not client.pinged:
        loop.tick()
    run(loop, at)
    loop.stand_still(10)
    run(loop, 2 * INTERVAL)
    gaps = [after - before for before, after in pairwise(client.pinged)]
    assert max(gaps) <= max(INTERVAL, at + 10) + 2 * TICK
    assert not client.ended


@pytest.mark.parametrize("timeout", [TIMEOUT, INTERVAL, 30.0, 2.5 * INTERVAL])
def test_a_client_that_does_not_answer_is_ended_after_the_timeout(loop: Loop, timeout: float) -> None:
    """It is gone. It is not pinged again before that."""
    client = Client(loop, TimerWheel(TICK, driver=TimerWheel(TICK)), timeout=timeout)
    client.answers = False
    while not client.pinged:
        loop.tick()
    run(loop, timeout - 1)
    assert not client.ended
    run(loop, 2)
    assert client.ended == ["ping timeout"]
    assert len(client.pinged) == 1


def test_a_client_that_answers_after_the_interval_is_pinged_when_its_timeout_is_over(loop: Loop) -> None:
    """Not before: there is one ping at a time."""
    client = Client(loop, TimerWheel(TICK, driver=TimerWheel(TICK)), timeout=30)
    client.answers = False
    while not client.pinged:
        loop.tick()
    run(loop, INTERVAL + 2)
    client.pong_is_read()
    run(loop, 2)
    assert len(client.pinged) == 1
    run(loop, 2)
    assert len(client.pinged) == 2
    assert not client.ended


def test_a_process_that_stood_still_blames_nobody(client: Client, loop: Loop) -> None:
    """The pong may wait in the kernel. If it does not, the client is ended when there was time to read it."""
    client.answers = False
    while not client.pinged:
        loop.tick()
    loop.stand_still(TIMEOUT)
    loop.tick(2)
    assert not client.ended
    run(loop, TIMEOUT + INTERVAL)
    assert client.ended == ["ping timeout"]


def test_a_pong_that_was_read_late_counts(client: Client, loop: Loop) -> None:
    """And pings go on."""
    client.answers = False
    while not client.pinged:
        loop.tick()
    loop.stand_still(TIMEOUT + 5)
    client.pong_is_read()
    client.answers = True
    run(loop, 3 * INTERVAL)
    assert not client.ended
    assert len(client.pinged) >= 3


def test_a_busy_handler_delays_the_end(client: Client, loop: Loop) -> None:
    """The pong may be behind what it works on."""
    client.answers = False
    client.work = "a handler"
    run(loop, 3 * INTERVAL)
    assert not client.ended
    client.work = None
    run(loop, INTERVAL)
    assert client.ended == ["ping timeout"]
