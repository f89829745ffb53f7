"""A connection to Redis that was reset is made anew, on uvloop too, whose transports raise `RuntimeError`."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from queuecast_bus import BusUnavailable
from queuecast_bus.connection import connect, redis_call

from .services import HOST, Redis
from .site import until

pytestmark = pytest.mark.usefixtures("patient_bus")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
AT_ONCE = struct.pack("ii", 1, 0)

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on one of the event loops that the services use."""

    def run(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(coroutine)

    return run


class ResettingServer(threading.Thread):
    """Answers one PING on each connection. It then resets the first, and keeps the second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        first = self._answered()
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        first.close()
        with contextlib.closing(self._answered()) as connection:
            connection.recv(1)  # until the client closes it
        self._listener.close()

    def _answered(self) -> socket.socket:
        connection, _ = self._listener.accept()
        assert b"PING" in connection.recv(100)
        connection.sendall(b"+PONG\r\n")
        return connection


@pytest.fixture
def server() -> Iterator[ResettingServer]:
    server = ResettingServer()
    server.start()
    yield server
    server.join(60)


def test_an_idle_connection_that_was_reset_is_not_used_again(server: ResettingServer, run: Run) -> None:
    """A failover or a load balancer resets what is idle: the next command, a browser's, must not fail."""

    async def reset() -> None:
        client: Any = connect(f"redis://{HOST}:{server.port}/0")
        async with redis_call("asking"):
            await client.ping()
        (connection,) = client.connection_pool._available_connections
        await until(lambda: connection._reader.exception() is not None)
        async with redis_call("asking again"):
            assert await client.ping()
        await client.aclose()

    run(reset())


def test_a_connection_that_is_closed_before_a_command_is_written_is_a_failure_of_redis(
    shared_redis: Redis, run: Run
) -> None:
    """A gateway ended with it, and its browsers with the gateway."""

    async def reset() -> None:
        client: Any = connect(shared_redis.url)
        connection = await client.connection_pool.get_connection()
        connection._writer.transport.abort()
        await until(lambda: connection._reader.at_eof())
        with pytest.raises(BusUnavailable, match="asking"):
            await _ask(connection)
        await client.connection_pool.release(connection)
        async with redis_call("asking again"):
            assert await client.ping()
        await client.aclose()

    run(reset())


async def _ask(connection: Any) -> None:
    async with redis_call("asking"):
        await connection.send_command("PING")
        await connection.read_response()


def test_other_runtime_errors_are_not_taken_for_a_failure_of_redis(run: Run) -> None:
    """They are mistakes of ours, and must be loud."""

    async def mistake() -> None:
        async with redis_call("asking"):
            raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        run(mistake())
