"""`python -m tests.faults.attackers`: attacks for a while, then reports what the attackers heard.

Its own process, with a small share of a core that others want. It reads one line of JSON, {"seconds": …,
"pause_seconds": …, "niceness": …, "seed": …, "wanted": {kind: its expected end, …}, "attackers": [[kind,
address, port, token], …]}, goes on until its input ends, and writes one, {"cpu_share": …, "kinds": {kind:
{"tries": …, "heard": {…}}}}.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from tests.faults import abuse, session_abuse
from tests.faults.abuse import Abuse, GotThrough, Means
from tests.faults.wire import Wire

MORE_SECONDS = 60.0
CUT, LEFT, GOT_THROUGH, NO_ANSWER = "cut", "left", "got through", "no answer"

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
    "the address of another session": session_abuse.another_sid,
    "sessions that are made up": session_abuse.made_up_session,
    "attachments that never come": abuse.lost_attachments,
    "messages without an end": abuse.half_message,
    "requests with endless bodies": abuse.endless_get,
    "coming back again and again": abuse.return_flood,
    "websockets beside a session": abuse.websockets_beside,
    "connections in no namespace": abuse.no_namespace,
    "boards of strangers": session_abuse.strangers_board,
    "two bodies at once": abuse.two_bodies,
    "rooms with long names": session_abuse.long_room,
    "too many rooms": session_abuse.many_rooms,
    "sessions to fill Redis": session_abuse.many_sessions,
    "offsets from before the session": session_abuse.made_up_offset,
    "recovering again and again": session_abuse.many_returns,
    "connect and leave": abuse.churn,
    "never reading": session_abuse.never_reading,
}


class Attacker(NamedTuple):
    """An attacker: how it attacks, from which address, which port of 127.0.0.1, and with which token."""

    kind: str
    address: str
    port: int
    token: str


@dataclass
class Tally:
    """The report of one kind of attackers: how often they tried, and how each try ended."""

    tries: int = 0
    heard: Counter[str] = field(default_factory=Counter)


async def attack(attackers: list[Attacker], plan: Mapping[str, Any]) -> dict[str, Tally]:
    """Attack for `seconds`, and until the input ends; who was cut off returns after about `pause_seconds`.

    On a busy machine it goes on, up to `MORE_SECONDS`, until each kind has met with its expected end.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    pause_seconds, wanted = plan["pause_seconds"], plan["wanted"]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                _go_on(attacker, pause_seconds, random.Random(plan["seed"] + number), tallies[attacker.kind])
            )
            for number, attacker in enumerate(attackers)
        ]
        await asyncio.sleep(plan["seconds"])
        await asyncio.to_thread(sys.stdin.read)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MORE_SECONDS):
                while not all(tally.heard[wanted[kind]] for kind, tally in tallies.items()):  # noqa: ASYNC110  # thousands of ends, and once a second is enough
                    await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
    return tallies


async def _go_on(attacker: Attacker, pause_seconds: float, dice: random.Random, tally: Tally) -> None:
    # Spread the attackers, so that they do not come or return in step.
    await asyncio.sleep(dice.uniform(0, pause_seconds))
    while True:
        tally.tries += 1
        await _try(attacker, dice, tally.heard)
        await asyncio.sleep(dice.uniform(0.5, 1.5) * pause_seconds)


async def _try(attacker: Attacker, dice: random.Random, heard: Counter[str]) -> None:
    """Try once and note the end: a refusal, or none (`cut`), no answer in time, no connection at all, or a
    success; or that the attacker did what it could and left.

    A try that the end of the attack cuts short counts only if it was refused before.
    """
    try:
        wire = await Wire.open(attacker.address, attacker.port)
    except OSError as exc:
        heard[f"no connection: {type(exc).__name__}"] += 1
        return
    end = None
    try:
        code = await ABUSES[attacker.kind](Means(wire, attacker.token, dice))
        end = code or (LEFT if wire.has_left else CUT)
    except TimeoutError:  # on a starved machine the attacker itself is late
        end = NO_ANSWER
    except OSError:  # the connection is over
        end = CUT
    except GotThrough:
        heard[GOT_THROUGH] += 1
    finally:
        if word := wire.heard.verdict or end:
            heard[word] += 1
        wire.close()


def _yield_to_others(niceness: int) -> None:
    """Take less of a core than others on it: with a niceness of 10 a tenth, with 5 a third."""
    os.nice(niceness)
    # With autogroups (sched(7)) the CPU is shared between sessions first, and this value counts.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), "ascii")


def main() -> None:
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    _yield_to_others(plan["niceness"])
    attackers = [Attacker(*one) for one in plan["attackers"]]
    begun = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tallies = runner.run(attack(attackers, plan))
    by_kind = {kind: {"tries": tally.tries, "heard": tally.heard} for kind, tally in tallies.items()}
    cpu_share = time.process_time() / (time.monotonic() - begun)
    print(json.dumps({"cpu_share": cpu_share, "kinds": by_kind}))


if __name__ == "__main__":
    main()
