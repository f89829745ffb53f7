"""Who comes back from far away is looked for what it has missed in turns, and others have theirs between."""

from typing import Any

import pytest
from tests.unit.replica import make_bench

from queuecast_gateway import recovery as module
from queuecast_gateway.replay import Missed


@pytest.mark.parametrize("records", [1, 2, 3, 4])
async def test_a_long_history_is_looked_through_in_parts(
    monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    """50,000 records took a quarter of a second, in which nobody else was heard: for each who came back."""
    bench = make_bench()
    looked: list[int] = []
    add = Missed.add

    def counting(self: Missed, entries: Any, history: Any) -> Any:
        page = list(entries)
        looked.append(len(page))
        return add(self, page, history)

    monkeypatch.setattr(Missed, "add", counting)
    monkeypatch.setattr(module, "LOOK_RECORDS", records)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="100-0"), 101, 102)
    assert max(looked) <= records
    assert sum(looked) >= 3
