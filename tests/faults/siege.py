"""One run with an attack: honest clients before it, during it and after it, and closed books for each.

`run` strikes at what the services need; this at the gateways alone, and it looks at how late things come.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from tests.faults import books, gauge, lateness
from tests.faults.attack import KINDS, TRIES, Attack, Fate, attackers, fates, token, unrefused
from tests.faults.books import Account, Ledger, Page
from tests.faults.crowd import Crowd
from tests.faults.gauge import Reading, Taken
from tests.faults.journal import Journal
from tests.faults.residue import Burden, burdens, growth, total
from tests.faults.run import ASSEMBLE_SECONDS, MOST_NEW_DESCRIPTORS, unsettled, wrong
from tests.faults.sender import Sender
from tests.faults.stack import Shape, Stack
from tests.reservation import PortBlock

NAME = "an attack"
PHASES = ("before the attack", "under attack", "after it")
WARM_UP_SECONDS = 3.0
FLOOR_MS = 25
"""A p99 below this counts as this: what is so short is the machine's, which may double it by itself."""
MOST_TIMES_LATER = 2.0
MOST_LINES_PER_SECOND = 36
"""Of one gateway's log, however many attack it: ten of each of three sorts of trouble, and twenty of each at
once, which are two more a second in an attack of ten seconds."""
MOST_KIB = 64 << 10
"""By so much a gateway may grow at most, for 1,000 attackers."""
MOST_REDIS_KIB = 32 << 10
"""The same of Redis, the honest clients' messages included."""
RETURN_SECONDS = 60.0
LEFT_KIB, LEFT_REDIS_KIB = 24 << 10, 8 << 10
"""What may be left of that so long after the attack: the history and the stream go on to fill, and the
allocator keeps something for later."""
SECRET_BYTES = 32


@dataclass(frozen=True)
class Siege:
    """How long it lasts, who attacks whom, with what settings; `judges_latency` on a quiet machine."""

    before_seconds: float = 20.0
    seconds: float = 40.0
    after_seconds: float = 10.0
    clients: int = 200
    attackers: int = 1_000
    pause_seconds: float = 5.0
    """After which attackers come back, on average: the longest that a stock client waits."""
    rate: int = 100
    judges_latency: bool = True
    gateway: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """What the honest have seen in a part of the run, and what the gateways took meanwhile."""

    name: str
    account: Account
    p50_ms: int
    p99_ms: int
    worst_ms: int
    taken: Taken


@dataclass(frozen=True)
class Ordeal:
    """What a run has shown. `troubles` says all that is not as promised; none means it passed."""

    siege: Siege
    phases: Sequence[Phase]
    fates: Sequence[Fate]
    tries_refused: int
    attackers_cpu: float
    growth: Burden
    redis_kib: int
    """By how much Redis had grown at its peak."""
    troubles: tuple[str, ...]

    @property
    def times_later(self) -> float:
        """How many times as long the slowest hundredth takes under attack, of what is more than the floor."""
        return times_later(self.phases[0].p99_ms, self.phases[1].p99_ms)


def times_later(before_ms: int, during_ms: int) -> float:
    """Return the ratio of two latencies that are both at least the floor."""
    return max(during_ms, FLOOR_MS) / max(before_ms, FLOOR_MS)


def run(siege: Siege, block: PortBlock) -> Ordeal:
    """Run it. Raises AssertionError if there is no run to judge: a part did not start, say."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    auth = {"QUEUECAST_AUTH": "jwt", "QUEUECAST_AUTH_SECRET": secret, "QUEUECAST_HOSTS": "localhost"}
    honest = [token("good", secret, f"ann-{number}", rooms=["quarter-*"]) for number in range(siege.clients)]
    with (
        Stack(Shape(gateway={**auth, **siege.gateway}), block) as stack,
        Journal(stack.redis.port) as journal,
        # Past the balancer, which would see to all connections on a core that the gateways need.
        Crowd(stack.gateway_urls, siege.clients, tokens=honest) as crowd,
    ):
        crowd.assemble(ASSEMBLE_SECONDS)
        troop = list(attackers(siege.attackers, stack.gateway_ports, secret))
        with Sender(stack.queue.client, stack.queue.url, fifo=False, rate=siege.rate) as sender:
            sender.goes_on(WARM_UP_SECONDS)
            left, noted = burdens(stack.running), _noted(stack)
            redis_before = stack.redis.memory_kib()
            edges = [_edge(sender, stack)]
            sender.goes_on(siege.before_seconds)
            edges.append(_edge(sender, stack))
            with Attack(troop, siege.seconds, siege.pause_seconds) as attack:
                sender.goes_on(siege.seconds)
                edges.append(_edge(sender, stack))
                tales = attack.tales()
            ended = time.monotonic()
            sender.goes_on(siege.after_seconds)
            edges.append(_edge(sender, stack))
        troubles = unsettled(stack, crowd)
        troubles += _left(stack, left, redis_before, ended + RETURN_SECONDS)
        redis_peak = stack.redis.peak_memory_kib() - redis_before
        moved = {sign: round(now - noted[sign]) for sign, now in _noted(stack).items()}
        more = growth(left, burdens(stack.running))
        pages = crowd.pages()
    ledger = sender.ledger()
    phases = [
        _phase(name, *ends, ledger, journal, pages)
        for name, ends in zip(PHASES, pairwise(edges), strict=True)
    ]
    met = fates(tales["kinds"], moved)
    whole = books.close(ledger, journal.places, pages)
    troubles += [*wrong(whole, may_tell=False), *unrefused(met), *excesses(siege, phases, redis_peak)]
    if more.descriptors > MOST_NEW_DESCRIPTORS:
        troubles.append(f"{more.descriptors} descriptors more than before")
    cpu = tales["cpu_seconds"] / siege.seconds
    return Ordeal(siege, phases, met, moved[str(TRIES)], cpu, more, redis_peak, tuple(troubles))


class _Edge(NamedTuple):
    """Where one phase ends and the next begins."""

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


def excesses(siege: Siege, phases: Sequence[Phase], redis_kib: int = 0) -> list[str]:
    """Return what was more than it may be. Pure."""
    before, during, _ = phases
    troubles = []
    later = times_later(before.p99_ms, during.p99_ms)
    if siege.judges_latency and later > MOST_TIMES_LATER:
        troubles.append(f"p99 was {before.p99_ms} ms and became {during.p99_ms} ms")
    if during.taken.lines_per_second > MOST_LINES_PER_SECOND:
        troubles.append(f"{during.taken.lines_per_second:.0f} lines of log a second")
    if during.taken.peak_kib > MOST_KIB:
        troubles.append(f"a gateway grew by {during.taken.peak_kib / 1024:.0f} MiB")
    if redis_kib > MOST_REDIS_KIB:
        troubles.append(f"Redis grew by {redis_kib / 1024:.0f} MiB")
    return troubles


def _left(stack: Stack, before: Mapping[int, Burden], redis_kib: int, until: float) -> list[str]:
    """Wait until memory is back nearly where it was, not longer than until then; say what is not."""
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


def _noted(stack: Stack) -> dict[str, float]:
    """Return what every sign shows now."""
    signs = {str(sign): sign for sign in (TRIES, *(kind.sign for kind in KINDS))}
    return {name: total(stack.gateways, sign.metric, **sign.labels) for name, sign in signs.items()}
