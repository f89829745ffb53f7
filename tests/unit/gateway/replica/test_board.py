"""The live board learns which replica it is connected to, and how long deliveries take."""

import asyncio
from typing import Any

import pytest
from tests.unit.gateway.fakes import FakeServer

from queuecast_gateway.replica import board as module
from queuecast_gateway.replica.board import MAX_SAMPLES, Board
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def board(server: FakeServer) -> Board:
    board = Board(server, "replica-1", "1.2.3", lambda: 12.3456)
    board.register()
    return board


async def emitted(board: Board, server: FakeServer, intervals: int = 1) -> list[tuple[str, Any, Any]]:
    """Return what boards receive in so many intervals."""
    running = asyncio.create_task(board.run())
    for _ in range(intervals + 2):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    return server.emitted


@pytest.mark.usefixtures("board")
async def test_a_board_learns_which_replica_it_is_on(server: FakeServer) -> None:
    """And measures its round trip, and how far its clock is from Redis's, with the same event."""
    answer = await server.receive("echo", "me", 1, 2, namespace=BOARD_NAMESPACE)
    assert answer == {"replica": "replica-1", "version": "1.2.3", "now_ms": 12346}


def deliver(board: Board, *milliseconds: float, stored: int = 0) -> None:
    """Deliver records that were sent at 0, stored at `stored` and written after so many milliseconds."""
    for each in milliseconds:
        board.delivered(f"{stored}-0", 0, each / 1000)


async def test_a_board_learns_how_long_deliveries_took(board: Board, server: FakeServer) -> None:
    """In milliseconds, for the records of the last interval."""
    deliver(board, 1, 2, 10.4)
    (event, figures, _), *_ = await emitted(board, server)
    assert event == "delivered"
    assert (figures["records"], figures["p50_ms"], figures["max_ms"]) == (3, 2.0, 10.4)


async def test_a_board_learns_how_long_each_stage_took(board: Board, server: FakeServer) -> None:
    """On the queue until it is stored, then until it is written; by bucket, the last one without a bound."""
    deliver(board, 12, 30, 90_000, stored=9)
    ((_, figures, _),) = await emitted(board, server)
    bounds = figures["buckets_ms"]
    assert list(bounds) == sorted(bounds)
    stages = figures["stages"]
    assert stages["queue"] == [3 if bound == 10 else 0 for bound in bounds] + [0]
    assert stages["bus"] == [1 if bound in (5, 25) else 0 for bound in bounds] + [1]


async def test_what_came_from_no_queue_has_no_latency_there(board: Board, server: FakeServer) -> None:
    """A relayed event has no time at which it was sent."""
    board.delivered("9-0", None, 0.010)
    ((_, figures, _),) = await emitted(board, server)
    assert (figures["records"], figures["p50_ms"], figures["max_ms"]) == (0, None, None)
    assert sum(figures["stages"]["queue"]) == 0
    assert sum(figures["stages"]["bus"]) == 1


def test_nothing_need_be_noted_while_no_board_is_connected(board: Board, server: FakeServer) -> None:
    """Its namespace exists as long as somebody is in it."""
    assert not board.is_watched
    server.manager.rooms[BOARD_NAMESPACE] = {None: {"me": "connection"}}
    assert board.is_watched


async def test_figures_stay_on_this_replica(board: Board, server: FakeServer) -> None:
    """Over the bus, every board would get the figures of every replica, and the bus would be busy
    with them.
    """
    deliver(board, 1)
    ((_, _, options),) = await emitted(board, server)
    assert options == {"namespace": BOARD_NAMESPACE, "ignore_queue": True}


async def test_each_interval_begins_anew(board: Board, server: FakeServer) -> None:
    """A board shows the present, not everything since the start."""
    deliver(board, 1000)
    await emitted(board, server)
    deliver(board, 1)
    _, (_, figures, _) = await emitted(board, server)
    assert (figures["records"], figures["max_ms"], sum(figures["stages"]["bus"])) == (1, 1.0, 1)


async def test_an_interval_without_deliveries_is_silent(board: Board, server: FakeServer) -> None:
    """Nothing happened."""
    assert await emitted(board, server, intervals=5) == []


async def test_a_burst_is_counted_in_full_and_kept_in_part(board: Board, server: FakeServer) -> None:
    """Everything that can grow has a limit."""
    deliver(board, *[1] * MAX_SAMPLES, 5000)
    ((_, figures, _),) = await emitted(board, server)
    assert (figures["records"], figures["p50_ms"], figures["max_ms"]) == (MAX_SAMPLES + 1, 1.0, 1.0)
