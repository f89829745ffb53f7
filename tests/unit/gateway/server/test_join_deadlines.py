"""How long a connection may be in no namespace: once it has begun, and once it has left all."""

import pytest

from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.server.join_deadlines import JoinDeadlines


class Bench:
    """A wheel that turns by hand; `joined` are the connections in a namespace, `over` those that are not."""

    def __init__(self) -> None:
        self.wheel = TimerWheel(1.0)
        self.wheel._wait = lambda: None  # type: ignore[method-assign]
        self.joined: set[str] = set()
        self.over: list[str] = []
        self.deadlines = JoinDeadlines(self.wheel, 10, self.joined.__contains__, self.over.append)

    def turn(self, seconds: int) -> None:
        for _ in range(seconds):
            self.wheel._run()

    def leave(self) -> None:
        self.joined.discard("a")
        self.deadlines.begin("a")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_connection_has_so_long_to_join(bench: Bench) -> None:
    """A real client joins at once."""
    bench.deadlines.begin("a")
    bench.turn(9)
    assert bench.over == []
    bench.turn(1)
    assert bench.over == ["a"]


def test_whoever_left_has_as_long_again(bench: Bench) -> None:
    """Also if its first time to join ends meanwhile."""
    bench.deadlines.begin("a")
    bench.joined.add("a")
    bench.turn(8)
    bench.leave()
    bench.turn(9)
    assert bench.over == []
    bench.turn(1)
    assert bench.over == ["a"]
    assert len(bench.deadlines) == 0


def test_the_last_time_that_it_left_counts(bench: Bench) -> None:
    """It may come and go. However often it does, it has one timer."""
    for _ in range(5):
        bench.joined.add("a")
        bench.leave()
        bench.turn(3)
    assert len(bench.wheel) == 1
    bench.turn(6)
    assert bench.over == []
    bench.turn(1)
    assert bench.over == ["a"]


def test_whoever_joined_again_stays(bench: Bench) -> None:
    """And nothing is kept of it."""
    bench.leave()
    bench.joined.add("a")
    bench.turn(30)
    assert bench.over == []
    assert len(bench.deadlines) == 0


def test_a_connection_that_has_ended_is_forgotten(bench: Bench) -> None:
    """And its timer too."""
    bench.leave()
    bench.deadlines.end("a")
    assert len(bench.deadlines) == len(bench.wheel) == 0
    bench.turn(30)
    assert bench.over == []
