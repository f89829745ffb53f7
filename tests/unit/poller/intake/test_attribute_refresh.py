import asyncio

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures
from tests.unit.poller.fakes import FakeQueue, failing

from queuecast_poller.intake import attribute_refresh as refresh
from queuecast_poller.intake.attribute_refresh import IDLE_ROUNDS, REFRESH_SECONDS, AttributeRefresh
from queuecast_poller.metrics import Metrics
from queuecast_poller.sqs.failure import Call


class Minutes:
    """Stands in for `asyncio.sleep`: lets one round pass at a time, and ends after a number of them."""

    def __init__(self, rounds: int, used_in: set[int]) -> None:
        self.slept: list[float] = []
        self._rounds = rounds
        self._used_in = used_in
        self.refresh: AttributeRefresh | None = None

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) > self._rounds:
            raise asyncio.CancelledError
        if len(self.slept) in self._used_in and self.refresh is not None:
            self.refresh.used()


async def refreshes_in(rounds: int, used_in: set[int], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how often a queue is refreshed in a number of minutes, some of which bring messages."""
    queue = FakeQueue()
    minutes = Minutes(rounds, used_in)
    monkeypatch.setattr(refresh, "asyncio", minutes)
    minutes.refresh = AttributeRefresh(queue, Metrics(CollectorRegistry()).for_queue("orders"), lambda: None)
    with pytest.raises(asyncio.CancelledError):
        await minutes.refresh.run()
    assert set(minutes.slept) == {REFRESH_SECONDS} == {60.0}
    return queue.refreshes


async def test_a_queue_that_is_used_is_asked_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner may lower its visibility timeout at any time."""
    assert await refreshes_in(5, {1, 2, 3, 4, 5}, monkeypatch) == 5


async def test_an_idle_queue_is_asked_every_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with three long polls a minute that is 3.1 calls, each of which is paid for."""
    assert await refreshes_in(3 * IDLE_ROUNDS, set(), monkeypatch) == 3
    assert IDLE_ROUNDS == 10


async def test_a_queue_that_is_used_again_is_asked_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it was idle."""
    assert await refreshes_in(7, {6}, monkeypatch) == 1


async def test_a_changed_timeout_reaches_the_leases() -> None:
    """Their leases have to be extended sooner than was planned."""
    queue = FakeQueue()
    timeouts: list[int] = []
    refreshing = AttributeRefresh(
        queue,
        Metrics(CollectorRegistry()).for_queue("orders"),
        lambda: timeouts.append(queue.visibility_seconds),
    )
    await refreshing.refresh()
    queue.on_refresh = lambda: setattr(queue, "visibility_seconds", 3)
    await refreshing.refresh()
    await refreshing.refresh()
    assert timeouts == [3]


async def test_a_refresh_that_fails_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The old values stay in use, and receiving goes on."""
    queue = FakeQueue()
    registry = CollectorRegistry()
    figure = Figures(registry, "queuecast_poller", queue="orders")

    def fail() -> None:
        raise failing(Call.OPEN)

    refreshing = AttributeRefresh(queue, Metrics(registry).for_queue("orders"), lambda: None)
    for on_refresh in (fail, fail, lambda: None, fail):
        queue.on_refresh = on_refresh
        await refreshing.refresh()
    assert figure("sqs_failures_total", call="open", reason="server_error") == 3
    assert len(caplog.records) == 2
