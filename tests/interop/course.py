"""Load, and what gateways go through under it, with every client there at once; then a look at the books."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.claims import eventually
from tests.faults import books
from tests.faults.books import Account, Ledger
from tests.faults.crowd import ROOMS
from tests.faults.journal import Journal, local
from tests.faults.sender import Sender
from tests.faults.service import Service
from tests.interop.clients import Client
from tests.interop.driver import Driver, Socket
from tests.interop.site import Site

RATE = 50
BEFORE_SECONDS = 2.0
BETWEEN_SECONDS = 3.0
STALL_SECONDS = 10.0
RETURN_SECONDS = 90.0
LATE_SECONDS = 10.0
"""How long a client that runs each handler in a thread may take to hand over what it has."""


@dataclass(frozen=True)
class Passed:
    """How a client came through. `troubles` has a line for each promise that was not kept."""

    account: Account
    returns: int
    """How often it came back."""
    broke: frozenset[str]
    """Which times its connection did not outlive, though its gateway did: `stall`, `idle`."""
    troubles: tuple[str, ...]


@dataclass(frozen=True)
class _Runner:
    driver: Driver
    socket: Socket
    troubles: list[str]


class Course:
    """Clients that go through faults together, all on the same gateway, for which `site` cares."""

    def __init__(self, site: Site, drivers: Sequence[Driver]) -> None:
        self._site = site
        self._sender = Sender(site.queue.client, site.queue.url, fifo=False, rate=RATE)
        self._runners = [
            _Runner(driver, driver.open(site.url, site.token(f"runner {number}"), room=number % ROOMS), [])
            for number, driver in enumerate(drivers)
        ]
        self._broke: dict[str, set[int]] = {"stall": set(), "idle": set()}

    def run(self, faults: Sequence[Callable[["Course"], None]], idle_seconds: float = 0) -> list[Passed]:
        """Run the faults under load, then be idle; return how each client came through, in order."""
        self._all("connect", lambda runner: runner.socket.connected)
        with Journal(local(self._site.redis.port)) as journal:
            with self._sender as sender:
                sender.goes_on(BEFORE_SECONDS)
                for fault in faults:
                    fault(self)
                    sender.goes_on(BETWEEN_SECONDS)
            ledger = sender.ledger()
            eventually(lambda: journal.places.keys() >= ledger.acknowledged)
            self._site.queue.put(["{}"], event="end")
            self._all("hear of the end", lambda runner: runner.socket.ended)
        with self._noting("idle"):
            # The claim is that nothing happens meanwhile.
            time.sleep(idle_seconds)
        return [self._passed(runner, ledger, journal) for runner in self._runners]

    def kill(self) -> None:
        """SIGKILL the gateway that all clients are on."""
        self._replace(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it by SIGTERM, so that it drains."""
        self._replace(signal.SIGTERM)

    def stall(self) -> None:
        """Let it stand still for longer than some clients wait for a late ping."""
        with self._noting("stall"):
            gateway = self._gateway()
            gateway.process.signal(signal.SIGSTOP)
            self._sender.goes_on(STALL_SECONDS)
            gateway.process.signal(signal.SIGCONT)
            gateway.await_ready()
            self._sender.goes_on(BETWEEN_SECONDS)

    def _replace(self, number: signal.Signals) -> None:
        before = [len(runner.socket.connects) for runner in self._runners]
        gateway = self._gateway()
        gateway.end(number)
        came = dict(zip(map(id, self._runners), before, strict=True))
        self._all(
            f"come back after {number.name}",
            lambda runner: runner.socket.connected and len(runner.socket.connects) > came[id(runner)],
        )
        gateway.restart()

    def _gateway(self) -> Service:
        port = self._site.balancer.chosen
        assert port is not None, "nobody has connected yet"
        return self._site.gateways[self._site.gateway_ports.index(port)]

    def _all(self, what: str, claim: Callable[[_Runner], bool]) -> None:
        """Wait until the claim holds for everybody; note for whom it does not."""
        with suppress(AssertionError):
            eventually(lambda: all(map(claim, self._runners)), RETURN_SECONDS)
        for runner in self._runners:
            if not claim(runner):
                runner.troubles.append(f"it did not {what}: {runner.socket.last}")

    @contextmanager
    def _noting(self, time_: str) -> Iterator[None]:
        """Note whose connection does not outlive the context."""
        before = [len(runner.socket.disconnects) for runner in self._runners]
        yield
        for number, runner in enumerate(self._runners):
            if len(runner.socket.disconnects) > before[number]:
                self._broke[time_].add(number)

    def _passed(self, runner: _Runner, ledger: Ledger, journal: Journal) -> Passed:
        client = runner.driver.client

        def account() -> Account:
            return books.close(ledger, journal.places, [runner.socket.page()])

        with suppress(AssertionError):
            eventually(lambda: not account().silent, LATE_SECONDS)
        found, connects = account(), runner.socket.connects
        number = self._runners.index(runner)
        broke = frozenset(time_ for time_, runners in self._broke.items() if number in runners)
        troubles = [*runner.troubles, *wrong(client, found)]
        if client.recovers and not all(connect.recovered for connect in connects[1:]):
            troubles.append("it came back as a new session")
        if "idle" in broke or ("stall" in broke and client.is_patient):
            troubles.append(f"its connection broke: {', '.join(broke)}, {runner.socket.disconnects}")
        return Passed(found, len(connects) - 1, broke, tuple(troubles))


def wrong(client: Client, account: Account) -> list[str]:
    """Return a line for each kind of error in a client's account."""
    forbidden = {
        "lost": account.lost if client.recovers else 0,
        "lost without a word": account.silent,
        "twice": account.duplicated,
        "not for it": account.unexpected,
        "out of order": account.out_of_order if client.keeps_order else 0,
    }
    return [f"{count} {kind}" for kind, count in forbidden.items() if count]


WHOLE = (Course.kill, Course.stop, Course.stall)
QUICK = (Course.kill, Course.stop)
