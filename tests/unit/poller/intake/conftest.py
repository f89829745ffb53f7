"""An intake without pauses, on a clock that moves when it is told to."""

import pytest
from tests.unit import fakes
from tests.unit.fakes import FakeClock

from queuecast_poller.intake import acknowledger, bus_retry, intake, leases, receivers


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_retry, "jittered", lambda attempt: 0)
    monkeypatch.setattr(receivers, "jittered", lambda attempt, cap_seconds: 0)
    monkeypatch.setattr(receivers, "MIN_EMPTY_RECEIVE_SECONDS", 0.0)
    monkeypatch.setattr(acknowledger, "jittered", lambda attempt: 0)
    monkeypatch.setattr(acknowledger, "FILL_SECONDS", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (fakes, intake, receivers, leases):
        monkeypatch.setattr(module, "time", clock)
    return clock
