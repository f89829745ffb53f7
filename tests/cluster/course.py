"""One row of the table: load, what is done meanwhile, and the books. They are those of `make faults`."""

import os
from dataclasses import dataclass

from tests.cluster.autoscaler import Autoscaler
from tests.cluster.rows import Row, Scene
from tests.cluster.services import GATEWAY, HOST, POLLER, SERVICES, Services, now_ms
from tests.faults import books
from tests.faults.books import Account
from tests.faults.crowd import Crowd
from tests.faults.journal import Journal
from tests.faults.run import Course, wrong
from tests.faults.sender import Sender
from tests.faults.settling import unsettled

ASSEMBLE_SECONDS = 300.0


@dataclass(frozen=True)
class Load:
    """The clients, the messages a second, and how long they go on before and after what is done."""

    clients: int = 100
    rate: int = 50
    before_seconds: float = 5.0
    after_seconds: float = 10.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a row; if there are `troubles`, a promise was broken."""

    row: Row
    sent: int
    account: Account
    silence_seconds: float
    recovery_seconds: float
    lasted_seconds: float
    load_average: float
    """Of the machine, over the last minute of it."""
    troubles: tuple[str, ...]


def run(row: Row, load: Load, services: Services, autoscaler: Autoscaler | None) -> Outcome:
    """Run a row. Raises AssertionError if there is nothing to judge, as when a pod does not start."""
    for name, replicas in ((GATEWAY, row.gateways), (POLLER, row.gateways)):
        services.scale(name, replicas)
    services.settle(*SERVICES)
    if row.prepare:
        row.prepare(services)
    troubles: list[str] = []
    with (
        Journal(services.bus, since_ms=now_ms()) as journal,
        Crowd([f"http://{HOST}"], load.clients) as crowd,
    ):
        crowd.assemble(ASSEMBLE_SECONDS)
        with Sender(services.client, services.queue.url, fifo=False, rate=load.rate) as sender:
            began_ms = now_ms()
            sender.goes_on(load.before_seconds)
            struck_ms = now_ms()
            row.strike(Scene(services, autoscaler, sender, load.clients, troubles))
            healed_ms, first_after, load_average = now_ms(), sender.next_number, os.getloadavg()[0]
            sender.goes_on(load.after_seconds)
        course = Course(began_ms, healed_ms, first_after, now_ms())
        troubles += unsettled(services, crowd)
        pages = crowd.pages()
    ledger = sender.ledger()
    if ledger.unknown:
        troubles.append(f"{ledger.unknown} messages were not acknowledged by the queue")
    # Clients are told one after another, and until then they hear what comes next.
    places = journal.stored_once if row.may_tell else journal.places
    account = books.close(ledger, places, pages, forgets=row.may_tell)
    return Outcome(
        row,
        len(ledger.messages),
        account,
        course.silence_seconds(pages),
        course.recovery_seconds(pages),
        (healed_ms - struck_ms) / 1000,
        load_average,
        (*wrong(account, may_tell=row.may_tell), *troubles),
    )
