"""How a gateway is abused, one function each: it goes on until its connection is over.

Nobody here takes a CLOSE frame for an answer: who floods floods on until the connection is cut.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.faults.wire import BINARY, CONTINUATION, HOST, PATH, PING, TEXT, UPGRADE, Heard, Wire, frame, head

ROOMS = "mallory:"
"""What the rooms begin with that an insider may join: there is nothing in them."""

SEPARATOR = b"\x1e"
DRIP_SECONDS = 1.0
FLOOD_BYTES = 1 << 15
OVERSIZE_BYTES = 10_000_000
TOKEN_SECONDS = 0.1
LONG_ROOMS = 30
ROOM_LENGTH = 240
ROOMS_SECONDS = 0.1
"""Between two lists of long rooms: three quarters of the bytes that are allowed."""
ATTACHMENT_BYTES = 50_000
VISITS = 20
TOO_OFTEN = b"connections of this address in a time"


class Means(NamedTuple):
    """What an attacker has: a connection, a token of some kind, and dice of its own."""

    wire: Wire
    token: str
    dice: random.Random


Abuse = Callable[[Means], Awaitable[None]]


async def event_flood(means: Means) -> None:
    """Events that are all in order, as fast as the socket takes them."""
    await _join(means)
    await _flood(means.wire, frame(TEXT, '421["item_removed",{"id":"all of it"}]'))


async def subscribe_flood(means: Means) -> None:
    """Each is written down in Redis, if it is let through."""
    await _join(means)
    rooms = json.dumps([f"{ROOMS}{number}" for number in range(10)])
    await _flood(means.wire, frame(TEXT, f'422["subscribe",{rooms}]'))


async def ping_flood(means: Means) -> None:
    """Control frames, which ask for an answer each, from somebody who has not even joined."""
    await _upgrade(means)
    await _flood(means.wire, frame(PING, b"x" * 100))


async def endless_fragments(means: Means) -> None:
    """A message of empty parts that never ends."""
    await _upgrade(means)
    await means.wire.send(frame(TEXT, "4", final=False))
    await _flood(means.wire, frame(CONTINUATION, final=False))


async def oversized_message(means: Means) -> None:
    """A hundred times what a message may have, and sent in full."""
    await _upgrade(means)
    await means.wire.send(head(TEXT, OVERSIZE_BYTES))
    await _flood(means.wire, bytes(1000))


async def endless_head(means: Means) -> None:
    """A request whose headers never end."""
    await means.wire.send(f"GET {PATH}polling HTTP/1.1\r\nHost: {HOST}\r\n".encode())
    await _flood(means.wire, b"X-More: " + b"x" * 500 + b"\r\n")


async def slow_head(means: Means) -> None:
    """A request's head, a byte at a time."""
    await _drip(means.wire, UPGRADE)


async def slow_frame(means: Means) -> None:
    """A frame, a byte at a time, and nothing before it."""
    await _upgrade(means)
    await _drip(means.wire, frame(TEXT, "4" * 120))


async def slow_body(means: Means) -> None:
    """A POST of a session that has joined, a byte at a time."""
    wire = means.wire
    await wire.send(_request("GET", f"{PATH}polling"))
    opened = await wire.hear(b'"sid":"')
    sid = json.loads(opened[1:].partition(SEPARATOR)[0])["sid"]
    path = f"{PATH}polling&sid={sid}"
    await wire.send(_request("POST", path, f"40{json.dumps({'token': means.token})}"))
    await wire.hear(b"ok")
    whole = _request("POST", path, "4" * 120)
    await wire.send(whole[:-120])
    await _drip(wire, whole[-120:])


async def garbage_first(means: Means) -> None:
    """As of TLS, and then noise, where a request should be."""
    await means.wire.send(b"\x16\x03\x01" + means.dice.randbytes(500))
    await means.wire.over.wait()


async def garbage_later(means: Means) -> None:
    """Frames with bits that nobody agreed on, and noise, of an open connection."""
    await _upgrade(means)
    await means.wire.send(b"\xf1" + means.dice.randbytes(500))
    await means.wire.over.wait()


async def bad_tokens(means: Means) -> None:
    """The same bad token again and again."""
    await _upgrade(means)
    while True:
        await means.wire.send(frame(TEXT, f"40{json.dumps({'token': means.token})}"))
        await means.wire.outlast(TOKEN_SECONDS)


async def rebound_name(means: Means) -> None:
    """What a page asks whose own name was made to lead to the gateway."""
    await means.wire.send(_request("GET", f"{PATH}polling", host="evil.example"))
    await means.wire.over.wait()


async def foreign_element(means: Means) -> None:
    """What an image of another site asks, with its visitor's cookies."""
    await means.wire.send(_request("GET", f"{PATH}polling", more="Sec-Fetch-Site: cross-site\r\n"))
    await means.wire.over.wait()


async def attachment_named_twice(means: Means) -> None:
    """It would be two to everyone; none of it comes, as the packet is over before."""
    await _join(means)
    place = '{"_placeholder":true,"num":0}'
    await means.wire.send(frame(TEXT, f'451-["item_removed",{place},{place}]'))
    await means.wire.over.wait()


async def another_sid(means: Means) -> None:
    """Ask for what is sent to one session alone, by an id as sessions have it; then go."""
    await _join(means)
    sid = "sid:" + "".join(means.dice.choices("abcdefgh", k=20))
    await means.wire.send(frame(TEXT, f'425["subscribe","{sid}"]'))
    await means.wire.hear(b"435[")
    means.wire.close()
    await means.wire.over.wait()


async def made_up_session(means: Means) -> None:
    """Come back as whoever has this private id, to what was ever published; then go."""
    await _upgrade(means)
    back = {"token": means.token, "pid": means.dice.randbytes(10).hex(), "offset": "1-0"}
    await means.wire.send(frame(TEXT, f"40{json.dumps(back)}"))
    await means.wire.hear(b"40{")
    means.wire.close()
    await means.wire.over.wait()


async def churn(means: Means) -> None:
    """Come, and go at once."""
    await _upgrade(means)
    means.wire.close()
    await means.wire.over.wait()


async def never_reading(means: Means) -> None:
    """Enter and leave long rooms, at a pace that is allowed, and read none of the answers."""
    wire = means.wire
    await _join(means)
    rooms = json.dumps([f"{ROOMS}{number}:".ljust(ROOM_LENGTH, "x") for number in range(LONG_ROOMS)])
    await wire.send(frame(TEXT, f'423["subscribe",{rooms}]'))
    await wire.hear(b"433[")
    wire.deafen()
    while True:
        for event in ("unsubscribe", "subscribe"):
            await wire.send(frame(TEXT, f'424["{event}",{rooms}]'))
            await wire.outlast(ROOMS_SECONDS)


async def lost_attachments(means: Means) -> None:
    """Announce two attachments, and send one."""
    wire = means.wire
    await _join(means)
    places = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(2))
    await wire.send(frame(TEXT, f'452-["item_removed",{places}]'))
    await wire.send(frame(BINARY, bytes(ATTACHMENT_BYTES)))
    await wire.over.wait()


async def half_message(means: Means) -> None:
    """Join, and begin a message that has no end."""
    await _join(means)
    await means.wire.send(frame(TEXT, "4" * ATTACHMENT_BYTES, final=False))
    await means.wire.over.wait()


async def endless_get(means: Means) -> None:
    """A GET with a body that has no end."""
    poll = f"GET {PATH}polling HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    await means.wire.send(poll.encode())
    await _flood(means.wire, b"4\r\nbody\r\n")


async def return_flood(means: Means) -> None:
    """Come and go, many at once, until it is told to wait."""
    while True:
        visits = [_visit(*means.wire.ends) for _ in range(VISITS)]
        heard = await asyncio.gather(*visits, return_exceptions=True)
        if refused := next((one for one in heard if isinstance(one, Heard)), None):
            means.wire.heard = refused
            return


async def _visit(address: str, port: int) -> Heard | None:
    """Connect, and leave; return what was said if that was too often."""
    wire = await Wire.open(address, port)
    try:
        await wire.send(UPGRADE)
        return wire.heard if TOO_OFTEN in await wire.hear(b"") else None
    finally:
        wire.close()


async def _upgrade(means: Means) -> None:
    await means.wire.send(UPGRADE)
    await means.wire.hear(b"maxPayload")


async def _join(means: Means) -> None:
    await _upgrade(means)
    await means.wire.send(frame(TEXT, f"40{json.dumps({'token': means.token})}"))
    await means.wire.hear(b"40{")


async def _flood(wire: Wire, one: bytes) -> None:
    many = one * (FLOOD_BYTES // len(one))
    while True:
        await wire.send(many)
        await asyncio.sleep(0)  # the others of this loop have a turn too


async def _drip(wire: Wire, whole: bytes) -> None:
    for byte in whole:
        await wire.send(bytes((byte,)))
        await wire.outlast(DRIP_SECONDS)
    await wire.over.wait()


def _request(method: str, path: str, body: str = "", host: str = HOST, more: str = "") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}{length}\r\n{body}".encode()
