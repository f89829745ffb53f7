"""One run with an attack: honest clients before, during and after it, with books for each phase.

`run` strikes at what the services depend on; this attacks only the gateways, and it measures latency.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tests.faults import books, gauge, lateness
from tests.faults.attack import KINDS, TRIES, Attack, Result, attackers, results, token, unrefused
from tests.faults.books import Account, Ledger, Page
from tests.faults.crowd import Crowd
from tests.faults.gauge import Reading, Taken
from tests.faults.journal import Journal, local
from tests.faults.residue import Footprint, footprints, growth, total
from tests.faults.run import ASSEMBLE_SECONDS, MOST_NEW_DESCRIPTORS, wrong
from tests.faults.sender import Sender
from tests.faults.settling import unsettled
from tests.faults.stack import Shape, Stack
from tests.reservation import PortBlock

NAME = "an attack"
PHASES = ("before the attack", "under attack", "after it")
WARM_UP_SECONDS = 3.0
FLOOR_MS = 25
"""A p99 below this counts as this: so short a time depends on the machine, which may double it by itself."""
MOST_TIMES_LATER = 2.0
MOST_LINES_PER_SECOND = 60
"""In one gateway's log, however many attack it: ten of each of five kinds (requests turned away, connections
closed, clients that may not join, sessions not kept, clients asked to come back later), plus bursts of twenty
of each, which are two more a second in an attack of ten seconds."""
MOST_KIB = 64 << 10
"""The most that a gateway may grow with 1,000 attackers."""
MOST_REDIS_KIB = 32 << 10
"""The same for Redis, the honest clients' messages included."""
MORE_SECONDS = 120.0
"""How much longer an attack may go on, on a busy machine, until the gateways have refused every kind."""
RETURN_SECONDS = 60.0
LEFT_KIB, LEFT_REDIS_KIB = 24 << 10, 8 << 10
"""How much of it may be left some time after the attack: the history and the stream keep filling, and
the allocator keeps some memory."""
SMALL_LIMITS = {
    "QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS": str(256 << 10),
    "QUEUECAST_MAX_BUFFERED_BYTES": str(1 << 20),
    "QUEUECAST_MAX_REPLAY_BYTES": str(500_000),
    "QUEUECAST_MAX_RECORD_BYTES": str(500_000),
}
"""By default the sessions of an address may have 4 MiB, for each of four addresses and two gateways: that is
as much as Redis may grow in all, and stays for longer than the run. And a client that reads nothing needs a
minute, at the rate that it may send, until 4 MiB wait for it."""
SECRET_BYTES = 32
SIGNS = {str(sign): sign for sign in (TRIES, *(kind.sign for kind in KINDS))}


@dataclass(frozen=True)
class AttackRun:
    """The parameters of a run; `judges_latency` needs a quiet machine."""

    before_seconds: float = 20.0
    seconds: float = 40.0
    after_seconds: float = 10.0
    clients: int = 200
    attackers: int = 1_000
    pause_seconds: float = 5.0
    """The average pause before an attacker returns: the longest that a stock client waits."""
    niceness: int = 10
    """Of the attackers: so high that those they attack keep their cores; less where other work has them."""
    rate: int = 100
    judges_latency: bool = True
    gateway: Mapping[str, str] = field(default_factory=SMALL_LIMITS.copy)


@dataclass(frozen=True)
class Phase:
    """What the honest clients saw in a part of the run, and what the gateways used meanwhile."""

    name: str
    account: Account
    p50_ms: int
    p99_ms: int
    worst_ms: int
    taken: Taken


@dataclass(frozen=True)
class AttackOutcome:
    """The outcome of a run. `troubles` lists every broken promise; if there is none, the run passed."""

    attack_run: AttackRun
    phases: Sequence[Phase]
    results: Sequence[Result]
    tries_refused: int
    attackers_cpu: float
    growth: Footprint
    redis_kib: int
    """By how much Redis had grown at its peak."""
    troubles: tuple[str, ...]

    @property
    def times_later(self) -> float:
        """How many times as long the p99 is under attack; both count as at least the floor."""
        return times_later(self.phases[0].p99_ms, self.phases[1].p99_ms)


def times_later(before_ms: int, during_ms: int) -> float:
    """Return the ratio of two latencies, each raised to the floor if it is less."""
    return max(during_ms, FLOOR_MS) / max(before_ms, FLOOR_MS)


def run(attack_run: AttackRun, block: PortBlock) -> AttackOutcome:
    """Run it. Raises AssertionError if there is nothing to judge: for example, a part did not start."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    auth = {"QUEUECAST_AUTH": "jwt", "QUEUECAST_AUTH_SECRET": secret, "QUEUECAST_HOSTS": "localhost"}
    honest = [
        token("good", secret, f"ann-{number}", rooms=["quarter-*"]) for number in range(attack_run.clients)
    ]
    with (
        Stack(Shape(gateway={**auth, **attack_run.gateway}), block) as stack,
        Journal(local(stack.redis.port)) as journal,
        # Bypass the balancer, which would handle all connections on a core that the gateways need.
        Crowd(stack.gateway_urls, attack_run.clients, tokens=honest) as crowd,
    ):
        crowd.assemble(ASSEMBLE_SECONDS)
        troop = list(attackers(attack_run.attackers, stack.gateway_ports, secret))
        with Sender(stack.queue.client, stack.queue.url, fifo=False, rate=attack_run.rate) as sender:
            sender.goes_on(WARM_UP_SECONDS)
            left, noted = footprints(stack.running), _noted(stack)
            redis_before = stack.redis.memory_kib()
            edges = [_edge(sender, stack)]
            sender.goes_on(attack_run.before_seconds)
            edges.append(_edge(sender, stack))
            with Attack(troop, attack_run.seconds, attack_run.pause_seconds, attack_run.niceness) as attack:
                sender.goes_on(attack_run.seconds)
                _until_all_moved(stack, noted, sender)
                tallies = attack.tallies()
                edges.append(_edge(sender, stack))
            ended = time.monotonic()
            sender.goes_on(attack_run.after_seconds)
            edges.append(_edge(sender, stack))
        troubles = unsettled(stack, crowd)
        troubles += _left(stack, left, redis_before, ended + RETURN_SECONDS)
        redis_peak = stack.redis.peak_memory_kib() - redis_before
        moved = {sign: round(now - noted[sign]) for sign, now in _noted(stack).items()}
        more = growth(left, footprints(stack.running))
        pages = crowd.pages()
    ledger = sender.ledger()
    phases = [
        _phase(name, *ends, ledger, journal, pages)
        for name, ends in zip(PHASES, pairwise(edges), strict=True)
    ]
    met = results(tallies["kinds"], moved)
    whole = books.close(ledger, journal.places, pages)
    troubles += [*wrong(whole, may_tell=False), *unrefused(met), *excesses(attack_run, phases, redis_peak)]
    if more.descriptors > MOST_NEW_DESCRIPTORS:
        troubles.append(f"{more.descriptors} descriptors more than before")
    return AttackOutcome(
        attack_run, phases, met, moved[str(TRIES)], tallies["cpu_share"], more, redis_peak, tuple(troubles)
    )


class _Edge(NamedTuple):
    """The moment at which one phase ends and the next begins."""

    number: int
    readings: Sequence[Reading]


def _edge(sender: Sender, stack: Stack) -> _Edge:
    return _Edge(sender.next_number, gauge.read(stack.gateways))


def _phase(
    name: str, begin: _Edge, end: _Edge, ledger: Ledger, journal: Journal, pages: Sequence[Page]
) -> Phase:
    part, mine = books.only(ledger, pages, range(begin.number, end.number))
    late = lateness.latencies_ms(part, mine)
    return Phase(
        name,
        books.close(part, journal.places, mine),
        lateness.quantile(late, 0.5),
        lateness.quantile(late, 0.99),
        lateness.quantile(late, 1),
        gauge.taken(begin.readings, end.readings),
    )


def excesses(attack_run: AttackRun, phases: Sequence[Phase], redis_kib: int = 0) -> list[str]:
    """Return a line for each exceeded limit. Pure."""
    before, during, _ = phases
    troubles = []
    later = times_later(before.p99_ms, during.p99_ms)
    if attack_run.judges_latency and later > MOST_TIMES_LATER:
        troubles.append(f"p99 was {before.p99_ms} ms and became {during.p99_ms} ms")
    if during.taken.lines_per_second > MOST_LINES_PER_SECOND:
        troubles.append(f"{during.taken.lines_per_second:.0f} lines of log a second")
    if during.taken.peak_kib > MOST_KIB:
        troubles.append(f"a gateway grew by {during.taken.peak_kib / 1024:.0f} MiB")
    if redis_kib > MOST_REDIS_KIB:
        troubles.append(f"Redis grew by {redis_kib / 1024:.0f} MiB")
    return troubles


def _left(stack: Stack, before: Mapping[int, Footprint], redis_kib: int, until: float) -> list[str]:
    """Wait until memory is nearly back where it was, at most until `until`; return what is not."""
    while True:
        troubles = []
        for gateway in stack.gateways:
            more = gateway.resident_kib - before[gateway.process.pid].resident_kib
            if more > LEFT_KIB:
                troubles.append(f"{gateway.name} keeps {more / 1024:.0f} MiB after the attack")
        if (more := stack.redis.memory_kib() - redis_kib) > LEFT_REDIS_KIB:
            troubles.append(f"Redis keeps {more / 1024:.0f} MiB after the attack")
        if not troubles or time.monotonic() > until:
            return troubles
        time.sleep(1)


def _noted(stack: Stack, names: Iterable[str] = SIGNS) -> dict[str, float]:
    """Return the current value of these signs."""
    return {name: total(stack.gateways, SIGNS[name].metric, **SIGNS[name].labels) for name in names}


def _until_all_moved(stack: Stack, before: Mapping[str, float], sender: Sender) -> None:
    """Go on until every sign has moved, at most for `MORE_SECONDS`."""
    still, until = [*SIGNS], time.monotonic() + MORE_SECONDS
    while still := [name for name, now in _noted(stack, still).items() if now <= before[name]]:
        if time.monotonic() > until:
            return
        sender.goes_on(1)
