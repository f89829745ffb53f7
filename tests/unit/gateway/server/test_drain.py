"""Draining: connections end evenly over a time, at random moments; and how long connections last."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from tests.unit.browser import Browser, connect, make_server, residue
from tests.unit.fakes import FakeClock, Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.engine.frames import SERVICE_RESTART
from queuecast_gateway.server import drain as module
from queuecast_gateway.server import socketio_server as server_module
from queuecast_gateway.server.drain import LEAVING, Lifetimes, drain


class Connection:
    """A session that records when it ended, and how."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.ended: list[float] = []
        self.how: tuple[str, int | None] | None = None

    def end(self, reason: str, *, code: int | None = None, text: str = "") -> None:
        self.ended.append(self._clock.now)
        self.how = (reason, code)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that advances by the time that somebody sleeps."""
    clock = FakeClock(0.0)

    class Loop:
        time = staticmethod(clock)

    class Asyncio:
        get_running_loop = staticmethod(Loop)

        @staticmethod
        async def sleep(seconds: float) -> None:
            clock.pass_by(seconds)

    monkeypatch.setattr(module, "asyncio", Asyncio)
    return clock


async def drained(clock: FakeClock, count: int, seconds: float) -> list[Connection]:
    connections = [Connection(clock) for _ in range(count)]
    await drain(connections, seconds)  # type: ignore[arg-type]
    return connections


async def test_connections_end_evenly(clock: FakeClock) -> None:
    """If a thousand browsers reconnected at once, that would be the next outage."""
    connections = await drained(clock, 1_000, 10)
    moments = sorted(moment for each in connections for moment in each.ended)
    assert len(moments) == 1_000, "each once"
    assert moments[-1] <= 10
    by_second = [sum(second <= moment < second + 1 for moment in moments) for second in range(10)]
    assert all(99 <= count <= 101 for count in by_second), by_second


async def test_the_moments_are_random(clock: FakeClock) -> None:
    """Replicas that drain at the same time must not do it in step."""
    one = await drained(clock, 5, 10)
    began, clock.now = clock.now, 0.0
    other = await drained(clock, 5, 10)
    assert began <= 10
    assert {moment for each in one for moment in each.ended}.isdisjoint(
        moment for each in other for moment in each.ended
    )


async def test_the_order_is_random(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest connections must not all reconnect together."""
    monkeypatch.setattr(module, "random", random.Random(7))
    moments = [moment for each in await drained(clock, 100, 10) for moment in each.ended]
    assert moments != sorted(moments)


async def test_connections_end_so_that_clients_reconnect(clock: FakeClock) -> None:
    """Below Socket.IO, with the close code for it: https://www.iana.org/assignments/websocket/."""
    (connection,) = await drained(clock, 1, 10)
    assert connection.how == (LEAVING, SERVICE_RESTART) == ("leaving", 1012)


async def test_without_time_all_end_at_once(clock: FakeClock) -> None:
    """`QUEUECAST_DRAIN_SECONDS=0`."""
    connections = await drained(clock, 500, 0)
    assert {moment for each in connections for moment in each.ended} == {0.0}


async def test_without_connections_draining_ends_at_once(clock: FakeClock) -> None:
    """A replica without browsers has nothing to wait for."""
    assert await drained(clock, 0, 600) == []
    assert clock.now == 0


# Real connections


async def test_connections_may_end_while_others_drain(registry: CollectorRegistry) -> None:
    """Browsers leave at any time; some connections are closing when their turn comes."""
    server = make_server(registry, FakeSessions())
    browsers = [Browser(server) for _ in range(20)]
    for browser in browsers:
        await browser.joined()
    draining = asyncio.create_task(drain(list(server.eio.sockets.values()), 0.01))
    for browser in browsers[::2]:
        browser.session.connection_lost(None)
    await draining
    for browser in browsers:
        await browser.settle()
    assert [browser.close_code == SERVICE_RESTART for browser in browsers] == [False, True] * 10
    assert residue(server) == {}
    figure = Figures(registry, "queuecast_gateway")
    assert figure("disconnects_total", reason="leaving") == 10
    assert figure("disconnects_total", reason="transport_close") == 10


async def test_a_connection_ends_with_a_ping_after_its_lifetime(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same way, so that its browser reconnects; one within its lifetime stays."""
    clock = FakeClock()
    monkeypatch.setattr(server_module, "time", clock)
    server = make_server(registry, FakeSessions(), max_connection_seconds=100)
    browser = Browser(server)
    await browser.joined()
    clock.pass_by(74)
    browser.session.heartbeat.ping()
    await browser.settle()
    assert browser.texts == ["2", '42["queuecast:offset","0-0"]']
    clock.pass_by(52)
    browser.session.heartbeat.ping()
    await browser.settle()
    assert browser.close_code == 1012
    assert residue(server) == {}


async def test_connections_last_for_ever_by_default(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 is for ever."""
    clock = FakeClock()
    monkeypatch.setattr(server_module, "time", clock)
    browser = Browser(make_server(registry, FakeSessions()))
    await browser.says(connect())
    clock.pass_by(1e9)
    browser.session.heartbeat.ping()
    await browser.settle()
    assert browser.close_code is None


# Lifetimes


@given(st.floats(1, 1e6), st.floats(0, 1e9))
def test_a_lifetime_is_close_to_the_setting(seconds: float, now: float) -> None:
    """Up to a quarter more or less, so that connections that began together do not end together."""
    lifetimes = Lifetimes(seconds)
    lifetimes.begin("a", now)
    assert not lifetimes.over("a", now + seconds * 0.749)
    assert lifetimes.over("a", now + seconds * 1.251)


def test_lifetimes_differ() -> None:
    """After a deployment ten thousand connections begin within a minute."""
    lifetimes = Lifetimes(100)
    for number in range(1_000):
        lifetimes.begin(f"{number}", 0)
    over = [sum(lifetimes.over(f"{n}", moment) for n in range(1_000)) for moment in (75, 100, 125)]
    assert over[0] == 0
    assert 400 < over[1] < 600
    assert over[2] == 1_000


def test_the_lifetime_of_an_ended_connection_is_never_over() -> None:
    """An ended connection is forgotten, and without a limit none is kept."""
    limited, endless = Lifetimes(1), Lifetimes(0)
    for lifetimes in (limited, endless):
        lifetimes.begin("a", 0)
    limited.end("a")
    endless.end("a")
    for lifetimes in (limited, endless):
        assert not lifetimes.over("a", 1e9)
        assert lifetimes._ends == {}
