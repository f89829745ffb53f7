import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeBus, FakeClock, Figures

from queuecast_edge.health import Health
from queuecast_poller.intake.bus_watch import CHECKS_PER_POLICY, BusWatch
from queuecast_poller.intake.liveness import Liveness
from queuecast_poller.metrics import Metrics


class Bench:
    """A watch over a bus that refuses the first few tries."""

    def __init__(self, away_for: int = 0) -> None:
        registry = CollectorRegistry()
        self.figure = Figures(registry, "queuecast_poller", queue="orders")
        self.bus = FakeBus(away_for=away_for)
        self.liveness = Liveness("orders", 60.0, FakeClock())
        self.liveness.recovered("sqs")
        self.watch = BusWatch(self.bus, self.liveness, Metrics(registry).for_queue("orders"))  # type: ignore[arg-type]


async def test_a_poller_is_ready_once_redis_can_store_records() -> None:
    """Even if there is no message yet."""
    bench = Bench()
    assert not bench.liveness.ready().healthy
    await bench.watch.check()
    assert bench.liveness.ready().healthy
    assert bench.bus.records == []


async def test_why_redis_cannot_be_used_is_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """And in `/readyz` all the time."""
    bench = Bench(away_for=2)
    for _ in range(2):
        await bench.watch.check()
        assert bench.liveness.ready().reasons == (
            "queue orders: bus: publishing: ConnectionError: nobody there",
        )
    assert caplog.text.count("nothing can be published: publishing: ConnectionError: nobody there") == 1
    await bench.watch.check()
    assert bench.liveness.ready().healthy


async def test_rewinds_are_counted() -> None:
    """Also those that a publish found out."""
    bench = Bench()
    await bench.watch.check()
    assert bench.figure("rewinds_total") == 0
    bench.bus.rewinds = 2
    await bench.watch.check()
    await bench.watch.check()
    assert bench.figure("rewinds_total") == 2


async def test_steps_of_redis_s_clock_are_counted() -> None:
    """By their direction."""
    bench = Bench()
    await bench.watch.check()
    bench.bus.clock_steps.forward, bench.bus.clock_steps.back = 1, 2
    await bench.watch.check()
    await bench.watch.check()
    assert bench.figure("redis_clock_steps_total", direction="forward") == 1
    assert bench.figure("redis_clock_steps_total", direction="back") == 2


async def until_asked_again(bench: Bench) -> None:
    for _ in range(CHECKS_PER_POLICY):
        await bench.watch.check()


async def test_a_redis_that_removes_keys_is_named_until_it_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """It works until it is full, and nothing else would say so before."""
    bench = Bench()
    bench.bus.policy = "allkeys-lru"
    await bench.watch.check()
    note = "Redis removes keys when it is full: its maxmemory-policy is allkeys-lru, not noeviction"
    assert bench.liveness.ready() == Health(notes=(f"queue orders: bus: {note}",))
    assert bench.figure("redis_evicts") == 1
    await until_asked_again(bench)
    assert caplog.text.count(note) == 1
    bench.bus.policy = None
    await until_asked_again(bench)
    assert bench.liveness.ready() == Health()
    assert bench.figure("redis_evicts") == 0


async def test_a_user_who_may_not_ask_for_the_policy_works_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Providers forbid commands; that is said once."""
    caplog.set_level("INFO")
    bench = Bench()
    bench.bus.may_ask_for_policy = False
    for _ in range(2):
        await until_asked_again(bench)
    assert bench.liveness.ready() == Health()
    assert caplog.text.count("it is unknown whether Redis removes keys when it is full: asking: NOPERM") == 1
