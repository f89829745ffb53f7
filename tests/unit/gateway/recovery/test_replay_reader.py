"""A long history is scanned in parts, so that other clients are served in between."""

import asyncio
import gc
from typing import Any

import pytest
from tests.unit.replica import ANYONE, BOUNDS, entry, events, known, make_bench, texts

from queuecast_bus import Entry
from queuecast_gateway.recovery import replay_reader
from queuecast_gateway.recovery.replay import Missed
from queuecast_gateway.recovery.replay_reader import READERS, ReplayReader

WAITING = 20


@pytest.mark.parametrize("records", [1, 2, 3, 4])
async def test_a_long_history_is_scanned_in_parts(monkeypatch: pytest.MonkeyPatch, records: int) -> None:
    """50,000 records took a quarter of a second for each recovery, in which nobody else was served."""
    bench = make_bench()
    looked: list[int] = []
    add = Missed.add

    def counting(self: Missed, entries: Any, history: Any) -> Any:
        page = list(entries)
        looked.append(len(page))
        return add(self, page, history)

    monkeypatch.setattr(Missed, "add", counting)
    monkeypatch.setattr(replay_reader, "SCAN_RECORDS", records)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="100-0"), 101, 102)
    assert max(looked) <= records
    assert sum(looked) >= 3


async def test_those_who_wait_hold_no_records_and_read_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry takes 150 bytes: hundreds of clients that came back at once kept 20 MB of them, and a
    process does not give back memory that it shares with what stays.
    """
    bench = make_bench()
    bench.bus.read_unwanted(entry("104-0", "a"), entry("105-0", "a"))
    real, answer = bench.bus.recall, asyncio.Event()

    async def recall(offsets: list[str]) -> list[list[bytes]]:
        await answer.wait()
        return await real(offsets)

    monkeypatch.setattr(bench.bus, "recall", recall)
    bus: Any = bench.bus
    reader = ReplayReader(bus)
    returning = [
        Missed(known(offset="103-0").state, "103-0", "103-0", ANYONE, BOUNDS)
        for _ in range(READERS + WAITING)
    ]

    async def read(missed: Missed) -> None:
        while not await reader.scan(missed):
            pass

    gc.collect()
    before = sum(type(each) is Entry for each in gc.get_objects())
    async with asyncio.TaskGroup() as group:
        for missed in returning:
            group.create_task(read(missed))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        # Each reader holds the list of the two records that it recalls.
        assert sum(type(each) is Entry for each in gc.get_objects()) <= before + READERS * 4
        answer.set()
    for missed in returning:
        assert texts(b"".join(piece.frames for piece in missed.pieces)) == events(104, 105)
    assert len([asked for asked in bench.bus.asked if asked[0] == "recall"]) == READERS
