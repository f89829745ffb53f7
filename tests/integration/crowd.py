"""Many connections to one gateway."""

import socket
from pathlib import Path

from .services import HOST, Service
from .wire import KEY, PATH, PATIENCE_SECONDS, TEXT, WEBSOCKET, WebSocket, frame, head


async def joined(port: int) -> WebSocket:
    """Return a browser that has joined the default namespace."""
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
    """Return a browser in the default namespace that does not read, with a small receive buffer."""
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    sock = unread_answer(port, head("GET", f"{PATH}?{WEBSOCKET}", {**asked, "Sec-WebSocket-Key": KEY}))
    for sent, awaited in ((b"", b"maxPayload"), (frame(TEXT, "40"), b"40{")):
        sock.sendall(sent)
        while awaited not in sock.recv(4096):
            pass
    return sock


def unread_answer(port: int, request: bytes) -> socket.socket:
    """Return a connection with a small receive buffer; nobody has read the answer to its request yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    sock.settimeout(PATIENCE_SECONDS)
    sock.connect((HOST, port))
    sock.sendall(request)
    return sock


def read_to_the_end(sock: socket.socket) -> bytes:
    """Read until the connection closes, or the gateway waits for our CLOSE; return the last bytes."""
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
