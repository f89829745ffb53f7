"""Which gateway a new connection goes to, as a Kubernetes Service decides it.

Round robin over those that answer 200 on `/readyz`, asked every quarter of a second. Connections that are
there stay where they are. Nobody ready: the connection is reset.
"""

import asyncio
from collections.abc import Mapping, Sequence

HOST = "127.0.0.1"
PERIOD_SECONDS = 0.25
PROBE_SECONDS = 1.0
PROBE = f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()


class Balancer:
    """Knows who is ready. `gateways` maps public ports to admin ports."""

    def __init__(self, gateways: Mapping[int, int]) -> None:
        self._gateways = gateways
        self._ready: Sequence[int] = ()
        self._turn = 0

    @property
    def is_whole(self) -> bool:
        """Say whether all are ready, as far as it knows."""
        return len(self._ready) == len(self._gateways)

    def choose(self) -> int | None:
        """Return the port of the gateway whose turn it is; None if none is ready."""
        if not self._ready:
            return None
        self._turn += 1
        return self._ready[self._turn % len(self._ready)]

    async def watch(self) -> None:
        """Ask who is ready, until cancelled."""
        while True:
            answers = await asyncio.gather(*map(_is_ready, self._gateways.values()))
            self._ready = [port for port, ready in zip(self._gateways, answers, strict=True) if ready]
            await asyncio.sleep(PERIOD_SECONDS)


async def _is_ready(admin_port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, admin_port)
            try:
                writer.write(PROBE)
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
