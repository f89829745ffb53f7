"""Where the stream is followed: at replicas while they are of use."""

from typing import Any

import pytest

from queuecast_bus import BusUnavailable
from queuecast_bus.read_source import (
    BEHIND_SECONDS,
    FAILURES,
    LAG_SECONDS,
    PRIMARY_SECONDS,
    RENEW_SECONDS,
    ReadSource,
)

PRIMARY: Any = "primary"
REPLICAS: Any = "replicas"


class Clock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def left() -> list[object]:
    """Why connections to replicas were left."""
    return []


@pytest.fixture
def source(clock: Clock, left: list[object]) -> ReadSource:
    return ReadSource(PRIMARY, REPLICAS, left.append, clock=clock)


async def test_a_connection_to_a_replica_is_made_anew_now_and_then(clock: Clock) -> None:
    """Its server may have become the primary, and would be read for ever."""
    renewed: list[float] = []
    source = ReadSource(PRIMARY, REPLICAS, renew=lambda: renewed.append(clock.seconds), clock=clock)
    for _ in range(5):
        await settle(source, clock, "1-0", "1-0")
        clock.seconds += RENEW_SECONDS / 2
    assert len(renewed) == 2


def test_without_a_url_for_replicas_the_primary_is_read(clock: Clock) -> None:
    """And nothing is compared: it costs nothing."""
    source = ReadSource(PRIMARY, clock=clock)
    source.stored("5-0")
    clock.seconds += 2 * BEHIND_SECONDS
    source.read("1-0", has_more=False)
    source.failed("why")
    source.failed("why")
    assert source.client == PRIMARY
    assert not source.avoids_replicas


async def settle(source: ReadSource, clock: Clock, position: str, tail: str | Exception) -> None:
    """Have the source decide where to read next; the replica's newest record is at `tail`."""

    async def ask(redis: Any) -> str:
        assert redis == REPLICAS
        if isinstance(tail, Exception):
            raise tail
        return tail

    await source.settle(position, ask)
    clock.seconds += LAG_SECONDS
    await source.settle("99-0", ask)


async def test_replicas_that_fail_in_a_row_are_avoided_for_a_while(source: ReadSource, clock: Clock) -> None:
    """Browsers get their events from the primary meanwhile, and it is spared again as soon as possible."""
    for _ in range(FAILURES - 1):
        source.failed("refused")
        assert source.client == REPLICAS
    source.failed("refused")
    assert source.client == PRIMARY
    clock.seconds += PRIMARY_SECONDS - 2 * LAG_SECONDS
    source.failed("the primary fails, too")
    await settle(source, clock, "5-0", "5-0")
    assert source.client == PRIMARY
    clock.seconds += LAG_SECONDS
    await settle(source, clock, "5-0", "5-0")
    assert source.client == REPLICAS


@pytest.mark.parametrize("tail", ["4-0", BusUnavailable("gone")])
async def test_a_replica_that_has_not_caught_up_is_not_read_again(
    source: ReadSource, clock: Clock, tail: str | Exception
) -> None:
    """It would be found out after ten seconds only, in which browsers hear nothing."""
    for _ in range(FAILURES):
        source.failed("refused")
    for _ in range(3):
        clock.seconds += PRIMARY_SECONDS
        await settle(source, clock, "5-0", tail)
        assert source.client == PRIMARY
    clock.seconds += PRIMARY_SECONDS
    await settle(source, clock, "5-0", "6-0")
    assert source.client == REPLICAS


def test_a_failure_now_and_then_changes_nothing(source: ReadSource) -> None:
    """A connection that is reset is made anew."""
    for _ in range(5):
        source.failed("reset")
        source.read("1-0", has_more=False)
    assert source.client == REPLICAS


def test_a_replica_that_lacks_a_record_for_long_is_left(
    source: ReadSource, clock: Clock, left: list[object]
) -> None:
    """Its link to the primary is broken, or it was promoted: it answers, and has nothing new."""
    source.stored("5-0")
    clock.seconds += BEHIND_SECONDS
    source.read("4-0", has_more=False)
    clock.seconds += 1
    with pytest.raises(BusUnavailable, match="lacks 5-0"):
        source.read("4-0", has_more=False)
    assert "5-0" in str(left)
    assert source.client == PRIMARY


def test_a_record_that_arrived_is_missed_no_more(
    source: ReadSource, clock: Clock, left: list[object]
) -> None:
    """The newest one that was stored is compared next, from when it was stored."""
    source.stored("5-0")
    clock.seconds += BEHIND_SECONDS
    source.stored("7-0")
    source.stored("9-0")
    source.read("5-0", has_more=True)
    clock.seconds += BEHIND_SECONDS
    source.read("5-0", has_more=False)
    source.read("9-0", has_more=True)
    clock.seconds += BEHIND_SECONDS
    source.read("9-0", has_more=False)
    assert left == []


def test_a_replica_with_a_backlog_is_not_left(source: ReadSource, clock: Clock, left: list[object]) -> None:
    """The reader is behind then, and would be at any other server."""
    source.stored("5-0")
    clock.seconds += 2 * BEHIND_SECONDS
    source.read("4-0", has_more=True)
    assert left == []


async def test_a_lost_record_is_missed_once(source: ReadSource, clock: Clock, left: list[object]) -> None:
    """After a failover no server has it, and replicas must be used again."""
    source.stored("5-0")
    clock.seconds += BEHIND_SECONDS + 1
    with pytest.raises(BusUnavailable):
        source.read("4-0", has_more=False)
    clock.seconds += PRIMARY_SECONDS
    await settle(source, clock, "4-0", "4-0")
    source.read("4-0", has_more=False)
    assert source.client == REPLICAS
    assert len(left) == 1
