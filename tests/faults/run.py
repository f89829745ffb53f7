"""One run: load, one fault, and a check of the books."""

import time
from dataclasses import dataclass
from typing import Any

from tests.faults import books
from tests.faults.books import Account, Page
from tests.faults.crowd import ROOMS, Crowd
from tests.faults.fault import Fault
from tests.faults.http_sender import HttpSender
from tests.faults.journal import Journal, local
from tests.faults.residue import HOLDS, Footprint, footprints, growth, total
from tests.faults.sender import Sender
from tests.faults.settling import comes_true, unsettled
from tests.faults.stack import Stack
from tests.faults.strikes import Scene
from tests.reservation import PortBlock

ASSEMBLE_SECONDS = 60.0
ACK_RATE = 50
"""Messages a second, if most have to be acknowledged by up to a quarter of the clients."""

MOST_NEW_DESCRIPTORS = 30
"""The connections that a process opens for a backlog and keeps for the next one, and some more: a poller up
to 24 to SQS (two for each receive, and one for each delete), a gateway up to 16 to Redis for claims."""


@dataclass(frozen=True)
class Load:
    """How long the load lasts before the fault and after its end, and the number of clients."""

    before_seconds: float = 5.0
    after_seconds: float = 10.0
    clients: int = 100


@dataclass(frozen=True)
class Course:
    """When the load began and ended, when the fault ended, and the first message sent after it."""

    began_ms: int
    healed_ms: int
    first_after: int
    ended_ms: int

    def silence_seconds(self, pages: list[Page]) -> float:
        """Return the longest time in which a client received nothing."""
        return max(books.longest_silence_ms(page, self.began_ms, self.ended_ms) for page in pages) / 1000

    def recovery_seconds(self, pages: list[Page]) -> float:
        """Return the time from the fault's end until every client had a message that was sent after it."""
        reached = [books.reached_ms(page, self.first_after) for page in pages]
        return max(float("inf") if at is None else (at - self.healed_ms) / 1000 for at in reached)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run. `troubles` lists every broken promise; if there is none, the run passed."""

    name: str
    sent: int
    account: Account
    silence_seconds: float
    recovery_seconds: float
    growth: Footprint
    troubles: tuple[str, ...]


def run(fault: Fault, load: Load, block: PortBlock) -> Outcome:
    """Run one fault. Raises AssertionError if there is nothing to judge, as when a part did not start."""
    with (
        Stack(fault.shape, block) as stack,
        Journal(local(stack.primary_ports[-1])) as journal,
        Journal(local(stack.primary_ports[0]), own_branch=True) as first_journal,
        Crowd(
            [stack.url],
            load.clients,
            load.clients if fault.holds else ROOMS,
            past=fault.past,
            presence=fault.presence,
            comes=fault.holds,
        ) as crowd,
    ):
        crowd.assemble(ASSEMBLE_SECONDS)
        with _sender(fault, load, stack) as sender:
            began_ms = _now_ms()
            sender.goes_on(load.before_seconds)
            before, noted = footprints(stack.running), fault.noted(stack.running)
            is_held = total(stack.pollers, HOLDS, outcome="held") > 0
            fault.strike(Scene(stack, crowd, sender))
            healed_ms, first_after = _now_ms(), sender.next_number
            sender.goes_on(load.after_seconds)
        course = Course(began_ms, healed_ms, first_after, _now_ms())
        if fault.holds:
            crowd.gather()
        troubles = unsettled(stack, crowd)
        if fault.holds and not is_held:
            troubles.append("no message was held before the fault")
        if fault.presence:
            troubles += miscounted(crowd)
        more = growth(before, footprints(stack.running))
        now = fault.noted(stack.running)
        if fault.sign and not any(now[pid] > noted.get(pid, 0) for pid in now):
            troubles.append(f"{fault.sign} has not moved")
        if (dead := stack.queue.dead()) != fault.dead:
            troubles.append(f"{dead} dead letters instead of {fault.dead}")
        pages = crowd.pages()
    ledger = sender.ledger()
    replaced = first_journal.places if len(stack.primary_ports) > 1 else None
    # If messages are held, a page may leave before its message comes, which is stored again when it is back.
    places = journal.stored_once if fault.forgets else journal.all_places if fault.holds else journal.places
    account = books.close(
        books.newest(ledger, places) if fault.past == "latest" else ledger,
        places,
        pages,
        fifo=fault.shape.fifo,
        replaced=replaced,
        forgets=fault.forgets,
    )
    # Whoever is away receives nothing: then it counts when all of them receive nothing.
    heard = [books.merged(pages)] if fault.holds else pages
    if fault.keeps_all and (gone := len(ledger.acknowledged - journal.places.keys())):
        troubles.append(f"{gone} messages are gone from the queue and from Redis")
    if more.descriptors > MOST_NEW_DESCRIPTORS:
        troubles.append(f"{more.descriptors} descriptors more than before")
    return Outcome(
        fault.name,
        len(ledger.messages),
        account,
        course.silence_seconds(heard),
        course.recovery_seconds(heard),
        more,
        (*wrong(account, may_tell=fault.may_tell, may_repeat=fault.may_repeat), *troubles),
    )


def _sender(fault: Fault, load: Load, stack: Stack) -> Sender:
    share: dict[str, Any] = {"to_a_room": 1.0} if fault.past or fault.acks or fault.holds else {}
    if fault.acks or fault.holds:
        share["rate"] = ACK_RATE
    if fault.holds:
        share["own_rooms"] = load.clients
    if fault.shape.api:
        return HttpSender(stack.api_urls, **share)
    return Sender(stack.queue.client, stack.queue.url, fifo=fault.shape.fifo, **share)


def wrong(account: Account, *, may_tell: bool, may_repeat: bool = False) -> list[str]:
    """Return a line for each kind of error in the account."""
    forbidden = {
        "lost": account.silent if may_tell else account.lost,
        "duplicated": 0 if may_repeat else account.duplicated,
        "unexpected": account.unexpected,
        "out of order": account.out_of_order,
    }
    return [f"{count} {kind}" for kind, count in forbidden.items() if count]


def miscounted(crowd: Crowd) -> list[str]:
    """Have all clients come to where they watch who is there; return what they are told wrong."""
    crowd.gather()
    if not comes_true(lambda: crowd.counts().right == crowd.clients):
        return [f"{crowd.clients - crowd.counts().right} clients are told a wrong count of who is there"]
    counts = crowd.counts()
    return [f"a client was told that {counts.lowest} are there"] if counts.lowest < 1 else []


def _now_ms() -> int:
    return round(time.time() * 1000)
