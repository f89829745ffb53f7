"""Ways to abuse a gateway, one function each, which goes on until its connection is over.

Each returns the code of the error that it was answered with, if it was. They ignore CLOSE frames: a flood
goes on until the connection is cut. `session_abuse` has those
that abuse what is kept for a session.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.faults.wire import BINARY, CONTINUATION, HOST, PATH, PING, TEXT, UPGRADE, Heard, Wire, frame, head

ROOMS = "mallory:"
"""The prefix of the rooms that an insider may join; nothing is published to them."""

SEPARATOR = b"\x1e"
DRIP_SECONDS = 1.0
FLOOD_BYTES = 1 << 15
OVERSIZE_BYTES = 10_000_000
TOKEN_SECONDS = 0.1
ATTACHMENT_BYTES = 50_000
VISITS = 40
TOO_OFTEN = b"connections of this address in a time"
TURN_SECONDS = 0.1
OFFSET = b"queuecast:offset"
"""The event that follows the answer to a CONNECT packet."""


class GotThrough(Exception):
    """An attacker got what a gateway should have refused."""


class Joined(NamedTuple):
    """The answer to a CONNECT packet: the private id, the newest offset, and those of events before it."""

    pid: str
    offset: str
    missed: list[str]


class Means(NamedTuple):
    """What an attacker has: a connection, a token of some kind, and its own source of randomness."""

    wire: Wire
    token: str
    dice: random.Random


Abuse = Callable[[Means], Awaitable[str | None]]


async def event_flood(means: Means) -> None:
    """Send valid events as fast as the socket takes them."""
    await join(means)
    await _flood(means.wire, frame(TEXT, '421["item_removed",{"id":"all of it"}]'))


async def subscribe_flood(means: Means) -> None:
    """Subscribe again and again; each one that gets through is stored in Redis."""
    await join(means)
    rooms = json.dumps([f"{ROOMS}{number}" for number in range(10)])
    await _flood(means.wire, frame(TEXT, f'422["subscribe",{rooms}]'))


async def ping_flood(means: Means) -> None:
    """Send ping frames, each of which wants an answer, without joining a namespace."""
    await _upgrade(means)
    await _flood(means.wire, frame(PING, b"x" * 100))


async def endless_fragments(means: Means) -> None:
    """Send a message of empty fragments that never ends."""
    await _upgrade(means)
    await means.wire.send(frame(TEXT, "4", final=False))
    await _flood(means.wire, frame(CONTINUATION, final=False))


async def oversized_message(means: Means) -> None:
    """Send a message a hundred times as large as allowed, in full."""
    await _upgrade(means)
    await means.wire.send(head(TEXT, OVERSIZE_BYTES))
    await _flood(means.wire, bytes(1000))


async def endless_head(means: Means) -> None:
    """Send a request whose headers never end."""
    await means.wire.send(f"GET {PATH}polling HTTP/1.1\r\nHost: {HOST}\r\n".encode())
    await _flood(means.wire, b"X-More: " + b"x" * 500 + b"\r\n")


async def slow_head(means: Means) -> None:
    """Send a request's head, a byte at a time."""
    await _drip(means.wire, UPGRADE)


async def slow_frame(means: Means) -> None:
    """Send a frame, a byte at a time, before joining."""
    await _upgrade(means)
    await _drip(means.wire, frame(TEXT, "4" * 120))


async def slow_body(means: Means) -> None:
    """Join, then send a POST body a byte at a time."""
    whole = _request("POST", await _join_by_polling(means), "4" * 120)
    await means.wire.send(whole[:-120])
    await _drip(means.wire, whole[-120:])


async def two_bodies(means: Means) -> None:
    """Join, then send two POSTs at once, on two connections; neither ends."""
    half = _request("POST", await _join_by_polling(means), "4" * 120)[:-60]
    other = await Wire.open(*means.wire.ends)
    try:
        await other.send(half)
        await other.outlast(TURN_SECONDS)
        await means.wire.send(half)
        await means.wire.over.wait()
    finally:
        other.close()


async def garbage_first(means: Means) -> None:
    """Send the start of a TLS handshake and then noise, instead of a request."""
    await means.wire.send(b"\x16\x03\x01" + means.dice.randbytes(500))
    await means.wire.over.wait()


async def garbage_later(means: Means) -> None:
    """Send frames with reserved bits, and noise, over an open connection."""
    await _upgrade(means)
    await means.wire.send(b"\xf1" + means.dice.randbytes(500))
    await means.wire.over.wait()


async def bad_tokens(means: Means) -> None:
    """Show the same bad token again and again."""
    await _upgrade(means)
    while True:
        await means.wire.send(frame(TEXT, f"40{json.dumps({'token': means.token})}"))
        await means.wire.outlast(TOKEN_SECONDS)


async def rebound_name(means: Means) -> None:
    """Send what a page sends after DNS rebinding, when its own name leads to the gateway."""
    await means.wire.send(_request("GET", f"{PATH}polling", host="evil.example"))
    await means.wire.over.wait()


async def foreign_element(means: Means) -> None:
    """Send what an image element of another site requests, with its visitor's cookies."""
    await means.wire.send(_request("GET", f"{PATH}polling", more="Sec-Fetch-Site: cross-site\r\n"))
    await means.wire.over.wait()


async def attachment_named_twice(means: Means) -> None:
    """Name one attachment twice, so that everyone would get two; then send none."""
    await join(means)
    place = '{"_placeholder":true,"num":0}'
    await means.wire.send(frame(TEXT, f'451-["item_removed",{place},{place}]'))
    await means.wire.over.wait()


async def churn(means: Means) -> None:
    """Connect and leave at once."""
    await _upgrade(means)
    await means.wire.leave()


async def lost_attachments(means: Means) -> None:
    """Announce two attachments and send one."""
    wire = means.wire
    await join(means)
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(2))
    await wire.send(frame(TEXT, f'452-["item_removed",{places}]'))
    await wire.send(frame(BINARY, bytes(ATTACHMENT_BYTES)))
    await wire.over.wait()


async def half_message(means: Means) -> None:
    """Join, and begin a message that never ends."""
    await join(means)
    await means.wire.send(frame(TEXT, "4" * ATTACHMENT_BYTES, final=False))
    await means.wire.over.wait()


async def endless_get(means: Means) -> None:
    """Send a GET with a body that never ends."""
    poll = f"GET {PATH}polling HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await means.wire.send(poll.encode())
    await _flood(means.wire, b"4\r\nbody\r\n")


async def return_flood(means: Means) -> None:
    """Connect and leave, many at once, until told to wait."""
    await _visit_until_refused(means, UPGRADE)


async def websockets_beside(means: Means) -> None:
    """Open WebSockets for a session that has one, many at once, until told to wait."""
    await means.wire.send(UPGRADE)
    opened = await means.wire.hear(b"maxPayload")
    sid = json.loads(opened[1:])["sid"]
    # Otherwise the session would end before a starved machine has seen enough of them.
    await means.wire.send(frame(TEXT, f"40{json.dumps({'token': means.token})}"))
    await means.wire.hear(OFFSET)
    await _visit_until_refused(means, UPGRADE.replace(b"=websocket", b"=websocket&sid=%b" % sid.encode()))


async def no_namespace(means: Means) -> None:
    """Join, and leave the namespace again: no token says when the connection ends."""
    await join(means)
    await means.wire.send(frame(TEXT, "41"))
    await means.wire.over.wait()


async def _visit_until_refused(means: Means, request: bytes) -> None:
    """Visit until one is told to wait, or the attacker's own connection is over."""
    while not means.wire.over.is_set():
        visits = [asyncio.create_task(_visit(*means.wire.ends, request)) for _ in range(VISITS)]
        try:
            for visit in asyncio.as_completed(visits):
                with contextlib.suppress(OSError):
                    if refused := await visit:
                        means.wire.heard = refused
                        return
        finally:
            for visit in visits:
                visit.cancel()


async def _visit(address: str, port: int, request: bytes) -> Heard | None:
    """Connect and leave; return the answer if that was too often."""
    wire = await Wire.open(address, port)
    try:
        await wire.send(request)
        return wire.heard if TOO_OFTEN in await wire.hear(b"") else None
    finally:
        wire.close()


async def _upgrade(means: Means) -> None:
    await means.wire.send(UPGRADE)
    await means.wire.hear(b"maxPayload")


async def join(means: Means, **auth: str) -> Joined:
    """Open a WebSocket and join the namespace, with more to authenticate or recover."""
    await _upgrade(means)
    await means.wire.send(frame(TEXT, f"40{json.dumps({'token': means.token, **auth})}"))
    heard = await means.wire.hear_up_to(OFFSET)
    connected = next(text for text in heard if text.startswith(b"40"))
    *missed, newest = [_offset(text) for text in heard if text.startswith(b"42")]  # no pings
    return Joined(json.loads(connected[2:])["pid"], newest, missed)


async def _join_by_polling(means: Means) -> str:
    """Open a polling session and join the namespace; return the path of its requests."""
    await means.wire.send(_request("GET", f"{PATH}polling"))
    opened = await means.wire.hear(b'"sid":"')
    sid = json.loads(opened[1:].partition(SEPARATOR)[0])["sid"]
    path = f"{PATH}polling&sid={sid}"
    await means.wire.send(_request("POST", path, f"40{json.dumps({'token': means.token})}"))
    await means.wire.hear(b"ok")
    return path


def _offset(event: bytes) -> str:
    """Return an event's last argument."""
    offset: str = json.loads(event[2:])[-1]
    return offset


async def _flood(wire: Wire, one: bytes) -> None:
    many = one * (FLOOD_BYTES // len(one))
    while True:
        await wire.send(many)
        await asyncio.sleep(0)  # lets the loop's other attackers have a turn


async def _drip(wire: Wire, whole: bytes) -> None:
    for byte in whole:
        await wire.send(bytes((byte,)))
        await wire.outlast(DRIP_SECONDS)
    await wire.over.wait()


def _request(method: str, path: str, body: str = "", host: str = HOST, more: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}{length}\r\n{body}".encode()
