"""`python -m tests.faults.attackers`: keeps connections of attackers for a while, then says what they heard.

A process of its own, which has little of a core that another wants. It reads one line of JSON, {"seconds": …,
"pause_seconds": …, "seed": …, "attackers": [[kind, address, port, token], …]}, writes one, {"cpu_seconds": …,
"kinds": {kind: {"tries": …, "heard": {…}}}}, and ends by itself.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from tests.faults import abuse
from tests.faults.abuse import Abuse, Means
from tests.faults.wire import Wire

NICENESS = 10

ABUSES: dict[str, Abuse] = {
    "event flood": abuse.event_flood,
    "subscribe flood": abuse.subscribe_flood,
    "ping flood": abuse.ping_flood,
    "endless fragments": abuse.endless_fragments,
    "oversized messages": abuse.oversized_message,
    "endless request heads": abuse.endless_head,
    "slow request heads": abuse.slow_head,
    "slow frames": abuse.slow_frame,
    "slow request bodies": abuse.slow_body,
    "garbage instead of a request": abuse.garbage_first,
    "garbage instead of frames": abuse.garbage_later,
    "tokens of another issuer": abuse.bad_tokens,
    "tokens that have expired": abuse.bad_tokens,
    "tokens that nobody signed": abuse.bad_tokens,
    "a name that is somebody else's": abuse.rebound_name,
    "elements of other sites' pages": abuse.foreign_element,
    "attachments that are named twice": abuse.attachment_named_twice,
    "the address of another session": abuse.another_sid,
    "sessions that are made up": abuse.made_up_session,
    "attachments that never come": abuse.lost_attachments,
    "messages without an end": abuse.half_message,
    "requests with endless bodies": abuse.endless_get,
    "coming back again and again": abuse.return_flood,
    "connect and leave": abuse.churn,
    "never reading": abuse.never_reading,
}


class Attacker(NamedTuple):
    """Who attacks how, from where, which port of 127.0.0.1, with what."""

    kind: str
    address: str
    port: int
    token: str


@dataclass
class Tale:
    """What the attackers of one kind have to tell: how often they tried, and how each try ended for them."""

    tries: int = 0
    heard: Counter[str] = field(default_factory=Counter)


async def attack(
    attackers: list[Attacker], seconds: float, pause_seconds: float, seed: int
) -> dict[str, Tale]:
    """Attack for so long; who was cut off comes back after a pause of about so many seconds."""
    tales: dict[str, Tale] = defaultdict(Tale)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number, attacker in enumerate(attackers):
                group.create_task(
                    _go_on(attacker, pause_seconds, random.Random(seed + number), tales[attacker.kind])
                )
    return tales


async def _go_on(attacker: Attacker, pause_seconds: float, dice: random.Random, tale: Tale) -> None:
    # Nobody comes on the dot, and nobody comes back as one.
    await asyncio.sleep(dice.uniform(0, pause_seconds))
    while True:
        tale.tries += 1
        await _try(attacker, dice, tale.heard)
        await asyncio.sleep(dice.uniform(0.5, 1.5) * pause_seconds)


async def _try(attacker: Attacker, dice: random.Random, heard: Counter[str]) -> None:
    """Try once, and note how it ended: with words, with none (`cut`), or not even with a connection."""
    try:
        wire = await Wire.open(attacker.address, attacker.port)
    except OSError as exc:
        heard[f"no connection: {type(exc).__name__}"] += 1
        return
    try:
        with contextlib.suppress(OSError):  # it is over; a TimeoutError is one too
            await ABUSES[attacker.kind](Means(wire, attacker.token, dice))
    finally:
        # Whoever was refused and is still there when the time is up was refused all the same.
        if wire.heard.verdict or wire.over.is_set():
            heard[wire.heard.verdict or "cut"] += 1
        wire.close()


def _yield_to_others() -> None:
    """Have a tenth of what another has who wants the same core."""
    os.nice(NICENESS)
    # Where sessions share the CPU among them first (sched(7)), this is what counts.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), "ascii")


def main() -> None:
    _yield_to_others()
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    attackers = [Attacker(*one) for one in told["attackers"]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tales = runner.run(attack(attackers, told["seconds"], told["pause_seconds"], told["seed"]))
    by_kind = {kind: {"tries": tale.tries, "heard": tale.heard} for kind, tale in tales.items()}
    print(json.dumps({"cpu_seconds": time.process_time(), "kinds": by_kind}))


if __name__ == "__main__":
    main()
