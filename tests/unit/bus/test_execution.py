"""Commands go over the pool's connections, each of which is free again afterwards, whatever happened."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError

from queuecast_bus.execution import executor


class Connection:
    """Answers with what it was told, and knows what was done with it."""

    def __init__(self, **_: Any) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.is_open = False
        self.is_worn = False
        self.answer: Any = b"OK"
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._parser = SimpleNamespace(on_disconnect=lambda: None)

    async def connect(self) -> None:
        self.is_open = True

    async def can_read(self) -> bool:
        return False

    async def send_command(self, *args: Any) -> None:
        self.said.append(args)

    async def read_response(self) -> Any:
        self.asked.set()
        await self.may_answer.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def disconnect(self, *, nowait: bool = False) -> None:
        self.is_open = self.is_worn = False

    def should_reconnect(self) -> bool:
        return self.is_worn


@pytest.fixture
def pool() -> Any:
    return ConnectionPool(connection_class=Connection)  # type: ignore[type-var]  # the part that is used


@pytest.fixture
def execute(pool: Any) -> Any:
    return executor(Redis(connection_pool=pool))


async def test_one_connection_serves_one_command_after_another(pool: Any, execute: Any) -> None:
    """Making one costs a hundred times as much as a command."""
    assert await execute("GET", "a") == b"OK"
    assert await execute("GET", "b") == b"OK"
    [connection] = pool._available_connections
    assert connection.said == [("GET", "a"), ("GET", "b")]
    assert not pool._in_use_connections


async def test_commands_at_the_same_time_have_a_connection_each(pool: Any, execute: Any) -> None:
    """An answer belongs to the command before it on its connection."""
    await execute("GET", "a")
    [first] = pool._available_connections
    first.asked.clear()
    first.may_answer.clear()
    slow = asyncio.create_task(execute("GET", "b"))
    await first.asked.wait()
    assert await execute("GET", "c") == b"OK"
    first.may_answer.set()
    await slow
    assert [each.said for each in pool._available_connections] == [
        [("GET", "c")],
        [("GET", "a"), ("GET", "b")],
    ]


async def test_an_answer_is_read_as_the_library_does(pool: Any, execute: Any) -> None:
    """Its callbacks make dictionaries of lists, for example."""
    await execute("PING")
    pool._available_connections[0].answer = b"PONG"
    assert await execute("PING") is True


@pytest.mark.parametrize(
    ("error", "stays_open"), [(ResponseError("WRONGTYPE"), True), (ConnectionLost("reset"), False)]
)
async def test_an_error_leaves_the_connection_in_the_pool(
    pool: Any, execute: Any, error: Exception, stays_open: bool
) -> None:
    """It is closed if its answers can no longer be relied on; the next command then opens it again."""
    await execute("GET", "a")
    [connection] = pool._available_connections
    connection.answer = error
    with pytest.raises(type(error)):
        await execute("GET", "a")
    assert (pool._available_connections, connection.is_open) == ([connection], stays_open)
    assert not pool._in_use_connections


async def test_a_cancelled_command_gives_its_connection_back(pool: Any, execute: Any) -> None:
    """The connection itself closes when a read of it is cancelled: see redis-py's `read_response`."""
    await execute("GET", "a")
    [connection] = pool._available_connections
    connection.asked.clear()
    connection.may_answer.clear()
    task = asyncio.create_task(execute("GET", "a"))
    await connection.asked.wait()
    assert pool._in_use_connections == {connection}
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool._available_connections == [connection]


async def test_a_connection_that_is_to_be_made_anew_is_closed_after_its_command(
    pool: Any, execute: Any
) -> None:
    """As the pool would do."""
    await execute("GET", "a")
    [connection] = pool._available_connections
    connection.is_worn = True
    await execute("GET", "a")
    assert not connection.is_open
