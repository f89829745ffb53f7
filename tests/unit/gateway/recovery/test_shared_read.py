"""Many browsers share one read of Redis."""

import asyncio

import pytest

from queuecast_bus import BusUnavailable
from queuecast_gateway.recovery.shared_read import SharedRead


class Source:
    """Answers with the double of what is asked for, once it may go on; a read has two answers at most."""

    def __init__(self) -> None:
        self.reads: list[list[int]] = []
        self.going_on = asyncio.Event()
        self.failing = False

    async def read(self, wanted: list[int]) -> dict[int, int]:
        self.reads.append(wanted)
        await self.going_on.wait()
        if self.failing:
            raise BusUnavailable("nobody there")
        return {each: 2 * each for each in wanted[:2]}


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_is_being_read_is_not_read_again() -> None:
    """5,000 pages that open together read a room's events once."""
    source = Source()
    read = SharedRead(source.read)
    asking = [asyncio.create_task(read([1]))]
    await turn()
    asking += [asyncio.create_task(read([1])) for _ in range(5)]
    await turn()
    source.going_on.set()
    assert await asyncio.gather(*asking) == [{1: 2}] * 6
    assert source.reads == [[1]]


async def test_what_must_be_new_is_read_after_it_was_asked_for() -> None:
    """What Redis has lost may have been noted while the last read was under way."""
    source = Source()
    read = SharedRead(source.read, lasting=False)
    asking = [asyncio.create_task(read([1]))]
    await turn()
    asking += [asyncio.create_task(read([1])) for _ in range(5)]
    await turn()
    source.going_on.set()
    await asyncio.gather(*asking)
    assert source.reads == [[1], [1]]


async def test_all_that_was_asked_for_meanwhile_is_read_together() -> None:
    """One read at a time; the next is for everybody who waits."""
    source = Source()
    read = SharedRead(source.read)
    asking = [asyncio.create_task(read([each])) for each in (1, 2)]
    await turn()
    asking += [asyncio.create_task(read(each)) for each in ([3], [4, 1])]
    await turn()
    source.going_on.set()
    await asyncio.gather(*asking)
    assert source.reads == [[1, 2], [3, 4, 1]]
    assert await read([5]) == {5: 10}


async def test_a_failure_is_told_to_those_who_wait_for_it() -> None:
    """One after another they would wait for Redis's time limit each; and the next read begins afresh."""
    source = Source()
    source.failing = True
    source.going_on.set()
    read = SharedRead(source.read)
    for failed in await asyncio.gather(*(read([each]) for each in range(3)), return_exceptions=True):
        assert isinstance(failed, BusUnavailable)
    assert source.reads == [[0, 1, 2]]
    source.failing = False
    assert await read([1]) == {1: 2}


async def test_who_leaves_does_not_end_the_read_of_the_others() -> None:
    """A page that closes while it waits takes nothing from those that stay."""
    source = Source()
    read = SharedRead(source.read)
    leaving, staying = asyncio.create_task(read([1])), asyncio.create_task(read([1]))
    await turn()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    source.going_on.set()
    assert await staying == {1: 2}


async def test_a_failure_that_nobody_waits_for_is_not_reported() -> None:
    """All have left: no `exception was never retrieved` in the log."""
    source = Source()
    source.failing = True
    read = SharedRead(source.read)
    leaving = asyncio.create_task(read([1]))
    await turn()
    leaving.cancel()
    source.going_on.set()
    await turn()
    assert await asyncio.gather(leaving, return_exceptions=True)
