"""Many browsers at once: one that does not read, more than there are descriptors, and all leaving."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from functools import partial

from tests.claims import eventually

from queuecast_bus import Record
from queuecast_edge.listener import bind

from .crowd import joined, leave, read_to_the_end, resident_kib, unread
from .gateway import publish
from .services import HOST, Redis, Service, free_port
from .wire import WebSocket, without_offset

GATEWAY = "queuecast_gateway"


def settings(redis: Redis, port: int, **more: str) -> dict[str, str]:
    return {"QUEUECAST_REDIS_URL": redis.url, "QUEUECAST_PORT": str(port), **more}


PATIENT = (
    "from queuecast_gateway.engine import closing_handshake; closing_handshake.CLOSING_SECONDS = 60.0;"
    "from queuecast_gateway.__main__ import main; main()"
)
"""A gateway that keeps what a cut connection has not read until this process has time for it."""


async def test_a_browser_that_does_not_read_is_cut_and_the_others_get_everything(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """One tab in a tunnel must not delay a thousand others or hold memory."""
    port = free_port()
    service = start(GATEWAY, settings(forgetful_redis, port), PATIENT)
    await asyncio.to_thread(eventually, service.ready)
    fast = [await joined(port) for _ in range(20)]
    slow = await asyncio.to_thread(unread, port)

    async def last_words() -> bytes:
        """Read once the gateway has cut it; the CLOSE frame comes last."""
        cut = partial(service.metric, "queuecast_gateway_disconnects_total", reason="slow")
        await asyncio.to_thread(eventually, cut)
        return await asyncio.to_thread(read_to_the_end, slow)

    reading = asyncio.create_task(last_words())
    for start_at in range(0, 200, 10):
        numbers = list(range(start_at, start_at + 10))
        big = [Record("big", json.dumps([number, "x" * 50_000]).encode()) for number in numbers]
        await asyncio.to_thread(publish, forgetful_redis, *big)
        for browser in fast:
            assert [json.loads((await browser.text())[2:])[1] for _ in big] == numbers
    with slow:
        last = await reading
    assert service.metric("queuecast_gateway_disconnects_total", reason="slow") == 1
    assert service.metric("queuecast_gateway_connections") == 20
    assert last.endswith(b"\x88\x06\x0f\xa8slow"), "code 4008"
    await leave(fast)


async def test_more_browsers_than_descriptors_leave_the_rest_alone(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """The gateway raises the soft limit, keeps a reserve for Redis and the admin port, and logs it."""
    port = free_port()
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 200));"
        "from queuecast_gateway.__main__ import main; main()"
    )
    service = start(GATEWAY, settings(forgetful_redis, port), limited)
    await asyncio.to_thread(eventually, service.ready)
    assert "at most 200 files and sockets" in service.log()
    begun = time.monotonic()
    tries = await asyncio.gather(*(joined(port) for _ in range(300)), return_exceptions=True)
    served = [browser for browser in tries if isinstance(browser, WebSocket)]
    assert 50 < len(served) < 200
    assert service.ready()
    assert service.metric("queuecast_gateway_handshakes_refused_total", reason="descriptors") > 0
    seconds = time.monotonic() - begun
    assert 1 <= service.log().count("connections are refused") <= 1 + seconds, "one line a second at most"
    await asyncio.to_thread(publish, forgetful_redis, Record("e", b"[1]"))
    assert {without_offset(await browser.text()) for browser in served} == {'42["e",1]'}
    await leave(served)
    await asyncio.to_thread(eventually, lambda: service.metric("queuecast_gateway_connections") == 0)
    again = await joined(port)
    await leave([again])
    assert "Traceback" not in service.log()


async def test_browsers_that_leave_leave_no_memory_behind(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """The memory that the first crowd needed has to be enough for all later ones."""
    port = free_port()
    service = start(GATEWAY, settings(forgetful_redis, port, QUEUECAST_MAX_CONNECTS_PER_SECOND="0"))
    await asyncio.to_thread(eventually, service.ready)
    sizes = []
    for _ in range(8):
        crowd: list[WebSocket] = []
        while len(crowd) < 300:
            crowd += await asyncio.gather(*(joined(port) for _ in range(10)))
        assert service.metric("queuecast_gateway_connections") == 300
        await leave(crowd)
        await asyncio.to_thread(eventually, lambda: service.metric("queuecast_gateway_connections") == 0)
        sizes.append(resident_kib(service))
    assert sizes[-1] - sizes[4] < 900, f"900 more connections cost {sizes} KiB"


def test_the_listener_gives_its_patience_to_what_it_accepts() -> None:
    """Otherwise a peer that vanished with data pending would hold its buffers for a quarter of an hour."""
    port = free_port()
    with bind(HOST, port, "PORT", user_timeout_seconds=7.5) as listener:
        listener.listen()
        with socket.create_connection((HOST, port)), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
