"""Which gateway a new connection goes to, chosen as a Kubernetes Service does.

Round robin over those that answer 200 on `/readyz`, polled every quarter of a second. Open connections stay
where they are. If no gateway is ready, the connection is reset.
"""

import asyncio
from collections.abc import Mapping, Sequence

HOST = "127.0.0.1"
PERIOD_SECONDS = 0.25
PROBE_SECONDS = 1.0
PROBE = f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()


class Balancer:
    """Knows which gateways are ready. `gateways` maps public ports to admin ports."""

    def __init__(self, gateways: Mapping[int, int]) -> None:
        self._gateways = gateways
        self._ready: Sequence[int] = ()
        self._silent: Sequence[int] = ()
        self._turn = 0

    @property
    def is_whole(self) -> bool:
        """Say whether all gateways were ready at the last poll."""
        return len(self._ready) == len(self._gateways)

    def choose(self) -> int | None:
        """Return the port of the next gateway, or None if none is ready."""
        if not self._ready:
            return None
        self._turn += 1
        return self._ready[self._turn % len(self._ready)]

    async def watch(self) -> None:
        """Poll the gateways' readiness until cancelled."""
        while True:
            answers = await asyncio.gather(*map(_is_ready, self._gateways.values()))
            found = list(zip(self._gateways, answers, strict=True))
            self._ready = [port for port, ready in found if ready]
            self._silent = [port for port, ready in found if ready is None]
            await asyncio.sleep(PERIOD_SECONDS)


class Affine(Balancer):
    """Sends everybody to one gateway for as long as that is there, ready or not, as sticky sessions do.

    Long-polling needs it: each of its requests may be a connection of its own, or one that is still open.
    """

    def __init__(self, gateways: Mapping[int, int]) -> None:
        super().__init__(gateways)
        self.chosen: int | None = None
        """The port of that gateway; None before the first connection."""

    def choose(self) -> int | None:
        """Return the port of that gateway, or of the next one."""
        if self.chosen not in (*self._ready, *self._silent):
            self.chosen = super().choose()
        return self.chosen


async def _is_ready(admin_port: int) -> bool | None:
    """Say whether a gateway is ready; None if it is there but does not say that it is."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, admin_port)
            try:
                writer.write(PROBE)
                return b" 200 " in await reader.readline() or None
            finally:
                writer.close()
    except TimeoutError:
        return None
    except OSError:
        return False
