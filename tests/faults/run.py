"""One run: load, one fault, closed books."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.claims import eventually
from tests.faults import books
from tests.faults.books import Account, Page
from tests.faults.crowd import Crowd
from tests.faults.faults import Fault
from tests.faults.journal import Journal
from tests.faults.residue import CONNECTIONS, IN_FLIGHT, Burden, burdens, growth, total
from tests.faults.sender import Sender
from tests.faults.stack import Stack
from tests.faults.strikes import Scene
from tests.reservation import PortBlock

ASSEMBLE_SECONDS = 60.0
SETTLE_SECONDS = 90.0
QUIET_SECONDS = 1.5
MOST_NEW_DESCRIPTORS = 20
"""So many connections to SQS a poller opens for a backlog, and keeps for the next one."""


@dataclass(frozen=True)
class Load:
    """How long it lasts before the fault and after its end, and for how many clients."""

    before_seconds: float = 5.0
    after_seconds: float = 10.0
    clients: int = 100


@dataclass(frozen=True)
class Course:
    """When the load began and ended, when the fault had ended, and the first message sent after that."""

    began_ms: int
    healed_ms: int
    first_after: int
    ended_ms: int

    def silence_seconds(self, pages: list[Page]) -> float:
        """Return the longest time that a client received nothing."""
        return max(books.longest_silence_ms(page, self.began_ms, self.ended_ms) for page in pages) / 1000

    def recovery_seconds(self, pages: list[Page]) -> float:
        """Return how long after the fault every client had a message that was sent after it."""
        reached = [books.reached_ms(page, self.first_after) for page in pages]
        return max(float("inf") if at is None else (at - self.healed_ms) / 1000 for at in reached)


@dataclass(frozen=True)
class Outcome:
    """What a run has shown. `troubles` says all that is not as promised; none means it passed."""

    name: str
    sent: int
    account: Account
    silence_seconds: float
    recovery_seconds: float
    growth: Burden
    troubles: tuple[str, ...]


def run(fault: Fault, load: Load, block: PortBlock) -> Outcome:
    """Run one fault. Raises AssertionError if there is no run to judge: a part did not start, say."""
    with (
        Stack(fault.shape, block) as stack,
        Journal(stack.redis.port) as journal,
        Crowd([stack.url], load.clients) as crowd,
    ):
        crowd.assemble(ASSEMBLE_SECONDS)
        with Sender(stack.queue.client, stack.queue.url, fifo=fault.shape.fifo) as sender:
            began_ms = _now_ms()
            sender.goes_on(load.before_seconds)
            before, noted = burdens(stack.running), fault.noted(stack.running)
            fault.strike(Scene(stack, crowd, sender))
            healed_ms, first_after = _now_ms(), sender.next_number
            sender.goes_on(load.after_seconds)
        course = Course(began_ms, healed_ms, first_after, _now_ms())
        troubles = unsettled(stack, crowd)
        more = growth(before, burdens(stack.running))
        if fault.sign and fault.noted(stack.running) <= noted:
            troubles.append(f"{fault.sign} has not moved")
        if (dead := stack.queue.dead()) != fault.dead:
            troubles.append(f"{dead} dead letters instead of {fault.dead}")
        pages = crowd.pages()
    ledger = sender.ledger()
    account = books.close(ledger, journal.places, pages, fifo=fault.shape.fifo)
    if more.descriptors > MOST_NEW_DESCRIPTORS:
        troubles.append(f"{more.descriptors} descriptors more than before")
    return Outcome(
        fault.name,
        len(ledger.messages),
        account,
        course.silence_seconds(pages),
        course.recovery_seconds(pages),
        more,
        (*wrong(account, may_tell=fault.may_tell), *troubles),
    )


def wrong(account: Account, *, may_tell: bool) -> list[str]:
    """Return a line for each kind of entry that must not be there."""
    forbidden = {
        "lost": account.silent if may_tell else account.lost,
        "duplicated": account.duplicated,
        "unexpected": account.unexpected,
        "out of order": account.out_of_order,
    }
    return [f"{count} {kind}" for kind, count in forbidden.items() if count]


def unsettled(stack: Stack, crowd: Crowd) -> list[str]:
    """Wait until nothing is under way any more; return what does not come to rest."""
    gateways = [service for service in stack.gateways if service.running]
    pollers = [service for service in stack.pollers if service.running]
    claims: dict[str, Callable[[], bool]] = {
        "the queue is not empty": lambda: stack.queue.depth() == 0,
        "clients are missing": lambda: crowd.status().joined == crowd.clients,
        "clients still receive": _Quiet(crowd),
        "gateways count connections of nobody": lambda: total(gateways, CONNECTIONS) == crowd.clients,
        "pollers hold messages": lambda: total(pollers, IN_FLIGHT) == 0,
    }
    return [trouble for trouble, claim in claims.items() if not _comes_true(claim)]


class _Quiet:
    """Claims that no client has received anything for a while."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._deliveries = -1
        self._since = 0.0

    def __call__(self) -> bool:
        deliveries, now = self._crowd.status().deliveries, time.monotonic()
        if deliveries != self._deliveries:
            self._deliveries, self._since = deliveries, now
        return now - self._since > QUIET_SECONDS


def _comes_true(claim: Callable[[], bool]) -> bool:
    try:
        return eventually(claim, SETTLE_SECONDS)
    except AssertionError:
        return False


def _now_ms() -> int:
    return round(time.time() * 1000)
