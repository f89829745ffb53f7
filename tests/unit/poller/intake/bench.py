"""An intake between a scripted queue and a bus, and what it did."""

import asyncio
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus, FakeClock, Figures
from tests.unit.poller.fakes import FakePayloads, FakeQueue

from queuecast_poller.intake.intake import Intake
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.judge.message_judge import MessageJudge
from queuecast_poller.judge.served_namespaces import ServedNamespaces
from queuecast_poller.metrics import Metrics
from queuecast_poller.settings import Settings
from queuecast_poller.sqs.message import Message


class Bench:
    """An intake between a scripted queue and a bus, and what it did."""

    def __init__(self, *answers: Sequence[Message] | Exception, away_for: float = 0, **options: Any) -> None:
        self.registry = CollectorRegistry()
        self.figure = Figures(self.registry, "queuecast_poller", queue="orders")
        self.journal: list[tuple[str, str]] = []
        self.stop = asyncio.Event()
        self.queue = FakeQueue(*answers, stop=self.stop, journal=self.journal)
        self.bus = FakeBus(away_for=away_for, journal=self.journal)
        self.liveness = Liveness("orders", 60.0, FakeClock())
        self.liveness.recovered("bus")
        self._settings = Settings(queues=("orders",), **options)
        self.rules = self._settings.rules

    async def run(self) -> "Bench":
        """Work until the script ends."""
        metrics = Metrics(self.registry).for_queue("orders")
        bus: Any = self.bus
        judgement = MessageJudge(lambda: self.rules, ServedNamespaces(bus), FakePayloads())
        await Intake(self.queue, bus, self._settings, metrics, self.liveness, judgement).run(self.stop)
        return self

    def left(self) -> float:
        return self.figure.sum("left_total")


def assert_accounted_for(bench: Bench) -> None:
    """No message is lost from the counts: each received one is in exactly one of them."""
    figure = bench.figure
    finished = (
        figure("published_total") + figure("duplicates_total") + bench.left() + figure("returned_total")
    )
    assert figure("received_total") == finished + figure.sum("dropped_total") + figure("in_flight")
