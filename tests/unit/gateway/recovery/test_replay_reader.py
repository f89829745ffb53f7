"""A long history is scanned in parts, so that other clients are served in between."""

from typing import Any

import pytest
from tests.unit.replica import make_bench

from queuecast_gateway.recovery import replay_reader
from queuecast_gateway.recovery.replay import Missed


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
