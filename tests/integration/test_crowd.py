"""Many browsers at once: one that does not read, more than there are descriptors for, and all that leave."""

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

from tests.claims import eventually

from queuecast_bus import Record
from queuecast_edge.listener import bind

from .conftest import HOST, Redis, Service, free_port
from .test_gateway import publish
from .wire import KEY, PATH, PATIENCE_SECONDS, TEXT, WEBSOCKET, WebSocket, frame, head, without_offset

GATEWAY = "queuecast_gateway"


def settings(redis: Redis, port: int, **more: str) -> dict[str, str]:
    return {"QUEUECAST_REDIS_URL": redis.url, "QUEUECAST_PORT": str(port), **more}


async def joined(port: int) -> WebSocket:
    """Return a browser that is in the default namespace."""
    browser = await WebSocket.open(port)
    try:
        await browser.opening()
        browser.send("40")
        assert (await browser.text()).startswith("40{")
    except BaseException:
        await browser.leave()
        raise
    return browser


def unread(port: int) -> socket.socket:
    """Return a browser that is in the default namespace, and whose kernel keeps little that nobody reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    sock.settimeout(PATIENCE_SECONDS)
    sock.connect((HOST, port))
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    sock.sendall(head("GET", f"{PATH}?{WEBSOCKET}", {**asked, "Sec-WebSocket-Key": KEY}))
    for sent, awaited in ((b"", b"maxPayload"), (frame(TEXT, "40"), b"40{")):
        sock.sendall(sent)
        while awaited not in sock.recv(4096):
            pass
    return sock


def read_to_the_end(sock: socket.socket) -> bytes:
    """Return the last bytes that come before the connection is closed, or the gateway awaits our CLOSE."""
    last = b""
    while not last.endswith(b"slow") and (chunk := sock.recv(1 << 20)):
        last = (last + chunk)[-64:]
    return last


async def leave(browsers: list[WebSocket]) -> None:
    for browser in browsers:
        await browser.leave()


def resident_kib(service: Service) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


async def test_a_browser_that_does_not_read_is_cut_and_the_others_get_everything(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """One tab in a tunnel must not hold up a thousand, or keep their memory."""
    port = free_port()
    service = start(GATEWAY, settings(forgetful_redis, port))
    await asyncio.to_thread(eventually, service.ready)
    fast = [await joined(port) for _ in range(20)]
    slow = await asyncio.to_thread(unread, port)
    for start_at in range(0, 200, 10):
        numbers = list(range(start_at, start_at + 10))
        big = [Record("big", json.dumps([number, "x" * 50_000]).encode()) for number in numbers]
        await asyncio.to_thread(publish, forgetful_redis, *big)
        for browser in fast:
            assert [json.loads((await browser.text())[2:])[1] for _ in big] == numbers
    ended = await asyncio.to_thread(
        eventually, lambda: service.metric("queuecast_gateway_disconnects_total", reason="slow")
    )
    assert ended == 1
    assert service.metric("queuecast_gateway_connections") == 20
    with slow:
        last = await asyncio.to_thread(read_to_the_end, slow)
    assert last.endswith(b"\x88\x06\x0f\xa8slow"), "code 4008"
    await leave(fast)


async def test_more_browsers_than_descriptors_leave_the_rest_alone(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """The soft limit is raised, a reserve is kept for Redis and the admin port, and it is said."""
    port = free_port()
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 200));"
        "from queuecast_gateway.__main__ import main; main()"
    )
    service = start(GATEWAY, settings(forgetful_redis, port), limited)
    await asyncio.to_thread(eventually, service.ready)
    assert "at most 200 files and sockets" in service.log()
    tries = await asyncio.gather(*(joined(port) for _ in range(300)), return_exceptions=True)
    served = [browser for browser in tries if isinstance(browser, WebSocket)]
    assert 100 < len(served) < 200
    assert service.ready()
    assert service.metric("queuecast_gateway_handshakes_refused_total", reason="descriptors") > 0
    assert 1 <= service.log().count("connections are refused") <= 5
    await asyncio.to_thread(publish, forgetful_redis, Record("e", b"[1]"))
    assert {without_offset(await browser.text()) for browser in served} == {'42["e",1]'}
    await leave(served)
    again = await joined(port)
    await leave([again])
    assert "Traceback" not in service.log()


async def test_browsers_that_leave_leave_no_memory_behind(
    forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """What the first crowd needed must do for all that come after it."""
    port = free_port()
    at_will = {"QUEUECAST_CONNECT_SECONDS": "2", "QUEUECAST_MAX_CONNECTS_PER_SECOND": "0"}
    service = start(GATEWAY, settings(forgetful_redis, port, **at_will))
    await asyncio.to_thread(eventually, service.ready)
    sizes = []
    for _ in range(8):
        crowd: list[WebSocket] = []
        while len(crowd) < 300:  # not more at once than a busy machine lets in within the two seconds
            crowd += await asyncio.gather(*(joined(port) for _ in range(20)))
        assert service.metric("queuecast_gateway_connections") == 300
        await leave(crowd)
        await asyncio.to_thread(eventually, lambda: service.metric("queuecast_gateway_connections") == 0)
        sizes.append(resident_kib(service))
    assert sizes[-1] - sizes[4] < 900, f"900 more connections cost {sizes} KiB"


def test_the_listener_gives_its_patience_to_what_it_accepts() -> None:
    """A peer that vanished while data was pending would hold its buffers for a quarter of an hour."""
    port = free_port()
    with bind(HOST, port, "PORT", user_timeout_seconds=7.5) as listener:
        listener.listen()
        with socket.create_connection((HOST, port)), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
