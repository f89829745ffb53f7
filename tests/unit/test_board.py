import asyncio
from typing import Any

import pytest
from tests.unit.fakes import FakeServer

from queuecast_gateway import board as module
from queuecast_gateway.board import BOARD_NAMESPACE, MAX_SAMPLES, Board


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def board(server: FakeServer) -> Board:
    board = Board(server, "replica-1", "1.2.3")
    board.register()
    return board


async def told(board: Board, server: FakeServer, intervals: int = 1) -> list[tuple[str, Any, Any]]:
    """Return what boards are told in so many intervals."""
    running = asyncio.create_task(board.run())
    for _ in range(intervals + 2):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    return server.emitted


@pytest.mark.usefixtures("board")
async def test_a_board_learns_which_replica_it_is_on(server: FakeServer) -> None:
    """And measures its round trip with the same question."""
    answer = await server.receive("echo", "me", 1, 2, namespace=BOARD_NAMESPACE)
    assert answer == {"replica": "replica-1", "version": "1.2.3"}


async def test_a_board_is_told_how_long_deliveries_took(board: Board, server: FakeServer) -> None:
    """In milliseconds, of the records of the last interval."""
    for seconds in (0.001, 0.002, 0.0104):
        board.delivered(seconds)
    (event, figures, _), *_ = await told(board, server)
    assert (event, figures) == ("delivered", {"records": 3, "p50_ms": 2.0, "max_ms": 10.4})


async def test_figures_stay_on_this_replica(board: Board, server: FakeServer) -> None:
    """Through the bus, every board would be told about every replica, and the bus be busy with it."""
    board.delivered(0.001)
    ((_, _, options),) = await told(board, server)
    assert options == {"namespace": BOARD_NAMESPACE, "ignore_queue": True}


async def test_each_interval_begins_anew(board: Board, server: FakeServer) -> None:
    """A board shows what is, not what was since the start."""
    board.delivered(1.0)
    await told(board, server)
    board.delivered(0.001)
    _, (_, figures, _) = await told(board, server)
    assert figures == {"records": 1, "p50_ms": 1.0, "max_ms": 1.0}


async def test_an_interval_without_deliveries_is_silent(board: Board, server: FakeServer) -> None:
    """Nothing happened."""
    assert await told(board, server, intervals=5) == []


async def test_a_burst_is_counted_in_full_and_kept_in_part(board: Board, server: FakeServer) -> None:
    """Everything that can grow has a bound."""
    for _ in range(MAX_SAMPLES):
        board.delivered(0.001)
    board.delivered(5.0)
    ((_, figures, _),) = await told(board, server)
    assert figures == {"records": MAX_SAMPLES + 1, "p50_ms": 1.0, "max_ms": 1.0}
