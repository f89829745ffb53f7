"""An attack on the gateways by every kind of connection that they refuse, and whether it was refused.

`attackers` is the attackers' side and runs as its own process; this module says who they are and how each
kind should end. Each kind has its own addresses, so that one kind's limit does not hide another's end.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import jwt
from tests.faults.abuse import ROOMS
from tests.faults.attackers import CUT, GOT_THROUGH, LEFT, Attacker
from tests.faults.fault import Sign

ROOT = Path(__file__).parents[2]
ADDRESSES = 4
"""The number of addresses of each kind."""

SEED = 7
END_SECONDS = 20.0
HOUR_SECONDS = 3600.0

Token = Literal["none", "good", "foreign", "expired", "unsigned"]


@dataclass(frozen=True)
class Kind:
    """A kind of attacker: its name, the metric that counts its end, what it hears then, its token.

    It hears a close code, an HTTP status or an error code, or nothing: it is cut, or leaves by itself.
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


def recovery(outcome: str) -> Sign:
    return Sign("queuecast_gateway_recoveries_total", {"outcome": outcome})


def gone(reason: str) -> Sign:
    return Sign("queuecast_gateway_disconnects_total", {"reason": reason})


TRIES = not_let_in("too_many_tries")
"""How all who guess tokens end, after their first few tries."""

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
    Kind("the address of another session", not_done("bad_room"), "bad_room", "good"),
    Kind("sessions that are made up", recovery("unknown"), LEFT, "good"),
    Kind("websockets beside a session", turned_away("connects"), "HTTP 429", "good"),
    Kind("connections in no namespace", closed("no_connect"), "1008", "good"),
    Kind("boards of strangers", not_done("forbidden"), "forbidden", "good"),
    Kind("two bodies at once", turned_away("bad_request"), "HTTP 400", "good"),
    Kind("rooms with long names", not_done("bad_room"), "bad_room", "good"),
    Kind("too many rooms", not_done("too_many_rooms"), "too_many_rooms", "good"),
    Kind("sessions to fill Redis", Sign("queuecast_gateway_sessions_not_kept_total"), LEFT, "good"),
    Kind("offsets from before the session", recovery("recovered"), LEFT, "good"),
    Kind("recovering again and again", recovery("too_often"), LEFT, "good"),
    Kind("connect and leave", gone("transport_close"), LEFT),
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
    """Yield `count` attackers: every kind, from several addresses, on every port."""
    for number in range(count):
        place, kind = divmod(number, len(KINDS))
        port = ports[place % len(ports)]
        address = f"127.0.{kind + 1}.{place // len(ports) % ADDRESSES + 1}"
        made = token(KINDS[kind].token, secret, f"mallory-{number}", rooms=[f"{ROOMS}*"])
        yield Attacker(KINDS[kind].name, address, port, made)


@dataclass(frozen=True)
class Result:
    """How one kind fared: its tries, how often it heard the expected end or another, and what was counted."""

    kind: Kind
    tries: int
    heard: int
    others: Mapping[str, int]
    noted: int

    @property
    def refused(self) -> int:
        """How often it was refused as expected. If it never heard so, its cuts count: a client that is still
        sending may lose the last words of a connection, RFC 9293, section 3.6.1.
        """
        return self.heard or self.others.get(CUT, 0)


def results(tallies: Mapping[str, Any], noted: Mapping[str, int]) -> list[Result]:
    """Combine the attackers' reports with the gateways' metrics. Pure."""
    found = []
    for kind in KINDS:
        tally = tallies.get(kind.name, {"tries": 0, "heard": {}})
        others = {word: count for word, count in tally["heard"].items() if word != kind.heard}
        heard = tally["heard"].get(kind.heard, 0)
        found.append(Result(kind, tally["tries"], heard, others, noted[str(kind.sign)]))
    return found


def unrefused(all_results: Sequence[Result]) -> list[str]:
    """Return evidence that a kind was not refused for the right reason. Pure.

    Every metric must have moved. And for every answer that attackers hear, the gateways must have counted at
    least as many refusals: the code 1008 has several reasons, and a starved attacker may be refused for
    another one than it wants. Who is cut or leaves by itself is not told why.
    """

    def by(key: Callable[[Result], str]) -> list[tuple[str, list[Result]]]:
        return [(word, list(group)) for word, group in itertools.groupby(sorted(all_results, key=key), key)]

    troubles = [
        f"{result.kind.name}: {result.tries} tries, and none was told {result.kind.heard}"
        for result in all_results
        if not result.refused and result.kind.heard not in (CUT, LEFT)
    ]
    troubles += [
        f"{result.kind.name}: {result.others[GOT_THROUGH]} of {result.tries} tries {GOT_THROUGH}"
        for result in all_results
        if GOT_THROUGH in result.others
    ]
    moved = {str(result.kind.sign): result.noted for result in all_results}
    troubles += [f"{_names(group)}: {sign} did not move" for sign, group in by(_sign) if not moved[sign]]
    for _, group in by(_answer):
        signs = {_sign(result) for result in group}
        told, counted = sum(result.refused for result in group), sum(moved[sign] for sign in signs)
        if counted < told and group[0].kind.heard not in (CUT, LEFT):
            troubles.append(f"{_names(group)}: told so {told} times, and counted {counted} times")
    return troubles


def _sign(result: Result) -> str:
    return str(result.kind.sign)


def _answer(result: Result) -> str:
    return result.kind.heard


def _names(group: Iterable[Result]) -> str:
    return " and ".join(result.kind.name for result in group)


class Attack:
    """As a context manager, it starts at once, goes on for `seconds` or more, and ends with `tallies`."""

    def __init__(
        self, troop: Sequence[Attacker], seconds: float, pause_seconds: float, niceness: int
    ) -> None:
        plan = {
            "seconds": seconds,
            "pause_seconds": pause_seconds,
            "niceness": niceness,
            "seed": SEED,
            "wanted": {kind.name: kind.heard for kind in KINDS},
            "attackers": troop,
        }
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
        self._process.stdin.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(END_SECONDS)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def tallies(self) -> dict[str, Any]:
        """End the attack once each kind has met its end, if it does; return the attackers' report."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        # Not `communicate`, which would write to the closed stdin.
        line = self._process.stdout.readline()
        code = self._process.wait(END_SECONDS)
        assert code == 0, f"the attackers ended with code {code}"
        told: dict[str, Any] = json.loads(line)
        return told
