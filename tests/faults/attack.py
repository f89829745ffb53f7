"""An attack on the gateways by connections of every kind that a gateway refuses, and whether it was refused.

The attackers' side is `attackers`, which runs as a process of its own; here is who they are and what is to
become of them. Each kind has addresses of its own, so that no limit of one hides what becomes of another.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import jwt
from tests.faults.abuse import ROOMS
from tests.faults.attackers import Attacker
from tests.faults.faults import Sign

ROOT = Path(__file__).parents[2]
ADDRESSES = 4
"""Of each kind."""

SEED = 7
END_SECONDS = 20.0
CUT = "cut"
HOUR_SECONDS = 3600.0

Token = Literal["none", "good", "foreign", "expired", "unsigned"]


@dataclass(frozen=True)
class Kind:
    """A kind of attacker: its name, where its end is seen, what it hears then, its token.

    It hears a close code, an HTTP status, or is cut: nothing is said, or it is the attacker who goes.
    """

    name: str
    sign: Sign
    heard: str
    token: Token = "none"


def closed(fault: str) -> Sign:
    return Sign("queuecast_gateway_events_refused_total", {"reason": fault})


def turned_away(turn: str) -> Sign:
    return Sign("queuecast_gateway_handshakes_refused_total", {"reason": turn})


def not_let_in(fault: str) -> Sign:
    return Sign("queuecast_gateway_connects_refused_total", {"reason": fault})


def not_done(code: str) -> Sign:
    return Sign("queuecast_gateway_acks_refused_total", {"code": code})


def not_recovered(outcome: str) -> Sign:
    return Sign("queuecast_gateway_recoveries_total", {"outcome": outcome})


def gone(reason: str) -> Sign:
    return Sign("queuecast_gateway_disconnects_total", {"reason": reason})


TRIES = not_let_in("too_many_tries")
"""What becomes of all who guess tokens, after the first few."""

KINDS = (
    Kind("event flood", closed("flood"), "4029", "good"),
    Kind("subscribe flood", closed("flood"), "4029", "good"),
    Kind("ping flood", closed("flood"), "4029"),
    Kind("endless fragments", closed("fragments"), "1008"),
    Kind("oversized messages", closed("too_big"), "1009"),
    Kind("endless request heads", turned_away("too_big"), "HTTP 431"),
    Kind("slow request heads", turned_away("slow"), "HTTP 408"),
    Kind("slow frames", closed("no_connect"), "1008"),
    Kind("slow request bodies", closed("slow_body"), "HTTP 408", "good"),
    Kind("attachments that never come", closed("slow_message"), "1008", "good"),
    Kind("messages without an end", closed("slow_message"), "1008", "good"),
    Kind("requests with endless bodies", turned_away("bad_request"), "HTTP 400"),
    Kind("coming back again and again", turned_away("connects"), "HTTP 429"),
    Kind("garbage instead of a request", turned_away("bad_request"), "HTTP 400"),
    Kind("garbage instead of frames", closed("frame"), "1002"),
    Kind("tokens of another issuer", TRIES, "1008", "foreign"),
    Kind("tokens that have expired", not_let_in("expired"), "1008", "expired"),
    Kind("tokens that nobody signed", TRIES, "1008", "unsigned"),
    Kind("a name that is somebody else's", turned_away("host"), "HTTP 403"),
    Kind("elements of other sites' pages", turned_away("origin"), "HTTP 403"),
    Kind("attachments that are named twice", closed("attachments"), "1008", "good"),
    Kind("the address of another session", not_done("bad_room"), CUT, "good"),
    Kind("sessions that are made up", not_recovered("unknown"), CUT, "good"),
    Kind("connect and leave", gone("transport_close"), CUT),
    Kind("never reading", gone("slow"), CUT, "good"),
)


def token(kind: Token, secret: str, subject: str, **claims: Any) -> str:
    """Return a token of this kind; `secret` is the one that the gateways know."""
    expires = time.time() + (-HOUR_SECONDS if kind == "expired" else HOUR_SECONDS)
    content = {"sub": subject, "exp": expires, **claims}
    if kind == "none":
        return ""
    if kind == "unsigned":
        return jwt.encode(content, "", "none")
    return jwt.encode(content, secret[::-1] if kind == "foreign" else secret, "HS256")


def attackers(count: int, ports: Sequence[int], secret: str) -> Iterator[Attacker]:
    """Draw up so many attackers: every kind, from several addresses, on every port."""
    for number in range(count):
        place, kind = divmod(number, len(KINDS))
        port = ports[place % len(ports)]
        address = f"127.0.{kind + 1}.{place // len(ports) % ADDRESSES + 1}"
        made = token(KINDS[kind].token, secret, f"mallory-{number}", rooms=[f"{ROOMS}*"])
        yield Attacker(KINDS[kind].name, address, port, made)


@dataclass(frozen=True)
class Fate:
    """What became of one kind: its tries, how often it heard what it is to, or else, and what was counted."""

    kind: Kind
    tries: int
    heard: int
    others: Mapping[str, int]
    noted: int


def fates(tales: Mapping[str, Any], noted: Mapping[str, int]) -> list[Fate]:
    """Put together what the attackers tell and what the gateways do. Pure."""
    found = []
    for kind in KINDS:
        tale = tales.get(kind.name, {"tries": 0, "heard": {}})
        others = {word: count for word, count in tale["heard"].items() if word != kind.heard}
        heard = tale["heard"].get(kind.heard, 0)
        found.append(Fate(kind, tale["tries"], heard, others, noted[str(kind.sign)]))
    return found


def unrefused(all_fates: Sequence[Fate]) -> list[str]:
    """Return what speaks against that each kind was refused for what it is. Pure.

    A gateway must have counted at least as much as the attackers of that sign have heard.
    """
    troubles = [
        f"{fate.kind.name}: {fate.tries} tries, and none was told {fate.kind.heard}"
        for fate in all_fates
        if not fate.heard and fate.kind.heard != CUT
    ]
    by_sign = sorted(all_fates, key=lambda fate: str(fate.kind.sign))
    for sign, group in itertools.groupby(by_sign, key=lambda fate: fate.kind.sign):
        members = list(group)
        # Who guesses slowly is cut off for joining nothing, with the same code.
        heard = 0 if sign == TRIES else sum(fate.heard for fate in members)
        if members[0].noted < max(heard, 1):
            names = " and ".join(fate.kind.name for fate in members)
            troubles.append(f"{names}: told so {heard} times, and {sign} moved by {members[0].noted}")
    return troubles


class Attack:
    """A context: it begins with it and ends by itself after `seconds`; `tales` is what it says then."""

    def __init__(self, troop: Sequence[Attacker], seconds: float, pause_seconds: float) -> None:
        plan = {"seconds": seconds, "pause_seconds": pause_seconds, "seed": SEED, "attackers": troop}
        self._plan = json.dumps(plan)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.faults.attackers"),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._plan}\n")
        self._process.stdin.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def tales(self) -> dict[str, Any]:
        """Wait for the end of the attack; return what the attackers tell."""
        assert self._process.stdout is not None
        # Not `communicate`, which would write to what is closed.
        line = self._process.stdout.readline()
        code = self._process.wait(END_SECONDS)
        assert code == 0, f"the attackers ended with code {code}"
        told: dict[str, Any] = json.loads(line)
        return told
