"""Ways to abuse what a gateway keeps for a session: its rooms, its recovery, its place in Redis.

`abuse` has the ways that need no session.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.abuse import ROOMS, GotThrough, Joined, Means, join
from tests.faults.wire import TEXT, Wire, frame

LONG_ROOMS = 30
ROOM_LENGTH = 240
TOO_MANY_ROOMS = 101
"""One more than a session may be in."""
TOO_LONG_BYTES = 257
"""One more than a room's name may have in UTF-8."""
ROOMS_SECONDS = 0.1
"""Between two lists of long rooms; it makes three quarters of the allowed bytes."""
PONG_EVERY = 20
"""Rounds of leaving and entering rooms for each pong: more frames would be too many."""
LONG_AGO = "1-0"
RETURNS, ROUNDS = 35, 3
"""A session may be recovered 30 times, and once more every five seconds."""
SESSIONS = 10
BOARD_REQUESTS = (["past", 10], ["rooms_of", []], ["replicas"], ["send", {"event": "e", "data": 1}], ["kill"])


async def another_sid(means: Means) -> str:
    """Subscribe to an id that looks like another session's; then leave."""
    await join(means)
    code = await _subscribe_in_vain(means.wire, ["sid:" + "".join(means.dice.choices("abcdefgh", k=20))])
    await means.wire.leave()
    return code


async def long_room(means: Means) -> str:
    """Subscribe to a room whose name is too long in bytes, but not in characters; then leave."""
    await join(means)
    code = await _subscribe_in_vain(means.wire, [f"{ROOMS}é".ljust(TOO_LONG_BYTES - 1, "x")])
    await means.wire.leave()
    return code


async def many_rooms(means: Means) -> str:
    """Subscribe to too many rooms, then to rooms with too many bytes in all; then leave."""
    await join(means)
    await _subscribe_in_vain(means.wire, [f"{ROOMS}{number}" for number in range(TOO_MANY_ROOMS)])
    code = await _subscribe_in_vain(means.wire, _long_rooms(2 * LONG_ROOMS))
    await means.wire.leave()
    return code


async def strangers_board(means: Means) -> str:
    """Join the live board without a right, and ask for what needs one; then leave."""
    await join(means)
    await means.wire.send(frame(TEXT, f"40/board,{json.dumps({'token': means.token})}"))
    await means.wire.hear(b"40/board,")
    for request in BOARD_REQUESTS:
        await means.wire.send(frame(TEXT, f"42/board,5{json.dumps(request)}"))
        if (code := _error(await means.wire.hear(b"43/board,5"))) != "forbidden":
            raise GotThrough
    await means.wire.leave()
    return code


async def never_reading(means: Means) -> None:
    """Enter and leave long rooms at an allowed rate, and read none of the answers.

    Pongs are sent unasked: only what it does not read may end the connection, however long that takes.
    """
    await join(means)
    await _subscribe(means.wire, _long_rooms(LONG_ROOMS))
    means.wire.deafen()
    rooms = json.dumps(_long_rooms(LONG_ROOMS))
    while True:
        for _ in range(PONG_EVERY):
            for event in ("unsubscribe", "subscribe"):
                await means.wire.send(frame(TEXT, f'424["{event}",{rooms}]'))
                await means.wire.outlast(ROOMS_SECONDS)
        await means.wire.send(frame(TEXT, "3"))


async def many_sessions(means: Means) -> None:
    """Connect, join long rooms and leave, many at once: Redis keeps each session for a while."""

    async def visit() -> None:
        async with _another(means) as other:
            await join(other)
            await _subscribe(other.wire, _long_rooms(LONG_ROOMS))

    await asyncio.gather(*(visit() for _ in range(SESSIONS)), return_exceptions=True)
    await means.wire.leave()


async def made_up_session(means: Means) -> None:
    """Try to recover a session with a random private id, from the oldest offset; then leave."""
    await join(means, pid=means.dice.randbytes(10).hex(), offset=LONG_AGO)
    await means.wire.leave()


async def made_up_offset(means: Means) -> None:
    """Recover its own session from an offset that is much older; nothing from before it may come."""
    first = await join(means)
    await means.wire.leave()
    back = await _return(means, first.pid, LONG_AGO)
    if any(_order(offset) <= _order(first.offset) for offset in back.missed):
        raise GotThrough


async def many_returns(means: Means) -> None:
    """Recover its own session many times at once, until it begins anew.

    Raises TimeoutError if some were not answered: it may not have come back often enough to be refused.
    """
    first = await join(means)
    await means.wire.leave()
    recovered = 0
    for _ in range(ROUNDS):
        returns = (_return(means, first.pid, first.offset) for _ in range(RETURNS))
        answers = await asyncio.gather(*returns, return_exceptions=True)
        if means.wire.heard.verdict or any(
            isinstance(answer, Joined) and answer.pid != first.pid for answer in answers
        ):
            return
        recovered += sum(isinstance(answer, Joined) for answer in answers)
    raise GotThrough if recovered == ROUNDS * RETURNS else TimeoutError


async def _return(means: Means, pid: str, offset: str) -> Joined:
    async with _another(means) as other:
        return await join(other, pid=pid, offset=offset)


@asynccontextmanager
async def _another(means: Means) -> AsyncIterator[Means]:
    """Open another connection of the same attacker, who hears it if its request is refused."""
    wire = await Wire.open(*means.wire.ends)
    try:
        yield means._replace(wire=wire)
    finally:
        wire.close()
        if wire.heard.verdict and wire.heard.close_code is None:
            means.wire.heard = wire.heard


async def _subscribe(wire: Wire, rooms: list[str]) -> bytes:
    await wire.send(frame(TEXT, f'423["subscribe",{json.dumps(rooms)}]'))
    return await wire.hear(b"433[")


async def _subscribe_in_vain(wire: Wire, rooms: list[str]) -> str:
    return _error(await _subscribe(wire, rooms))


def _error(answer: bytes) -> str:
    """Return the code of the error in an acknowledgement. Raises GotThrough if there is none."""
    ack = json.loads(answer[answer.index(b"[") :])[0]
    if ack["ok"]:
        raise GotThrough
    code: str = ack["error"]["code"]
    return code


def _long_rooms(number: int) -> list[str]:
    return [f"{ROOMS}{each}:".ljust(ROOM_LENGTH, "x") for each in range(number)]


def _order(offset: str) -> tuple[int, ...]:
    return tuple(map(int, offset.split("-")))
