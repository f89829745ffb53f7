"""`make run`'s load balancer: one address for all gateways.

WebSockets that begin a session take turns. All else goes to the same gateway until that is away, because the
requests of a long-polling session must reach the gateway that has it.
"""

import argparse
import asyncio
from collections.abc import Sequence

HOST = "127.0.0.1"
CHUNK_BYTES = 1 << 16
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Balancer:
    """Chooses a gateway for each connection, and copies bytes both ways. `ports` are the gateways'."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._current = 0
        self._turn = 0

    async def serve(self, port: int) -> None:
        """Serve on this port until cancelled. Raises `OSError` if the port is in use."""
        server = await asyncio.start_server(self._connection, HOST, port, limit=CHUNK_BYTES)
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            gateway = await self._connect(
                begins_websocket=b"transport=websocket" in line and b"sid=" not in line
            )
            if gateway is None:
                writer.write(AWAY)
                await writer.drain()
                return
            gateway[1].write(line)
            await _both_ways((reader, writer), gateway)
        except (OSError, ValueError):
            pass  # one side has gone, or the first line is too long
        finally:
            writer.close()

    async def _connect(
        self, *, begins_websocket: bool
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the first gateway that answers; None if none does."""
        first = self._current
        if begins_websocket:
            first = self._turn
            self._turn += 1
        for index in (at % len(self._ports) for at in range(first, first + len(self._ports))):
            try:
                connection = await asyncio.open_connection(HOST, self._ports[index])
            except OSError:
                continue
            if not begins_websocket:
                self._current = index
            return connection
        return None


async def _both_ways(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    try:
        await asyncio.gather(_copy(one[0], other[1]), _copy(other[0], one[1]))
    finally:
        other[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the reader's end. Then the other way ends too: HTTP and WebSockets need both."""
    try:
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    options = argparse.ArgumentParser(prog="python -m queuecast_local.balancer", description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--gateways", type=int, nargs="+", required=True, help="the gateways' ports")
    given = options.parse_args()
    asyncio.run(Balancer(given.gateways).serve(given.port))


if __name__ == "__main__":
    main()
