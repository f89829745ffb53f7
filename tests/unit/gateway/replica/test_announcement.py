"""The announcement of the namespaces that a gateway serves."""

import asyncio
import logging
from typing import Any

import pytest
from tests.unit.fakes import FakeBus, replace_sleep

from queuecast_gateway.replica import announcement as module
from queuecast_gateway.replica.announcement import INTERVAL_SECONDS, Announcement


async def test_namespaces_are_announced_again_and_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An announcement expires; an outage is logged once, and ends nothing."""
    bus: Any = FakeBus()
    bus.namespaces.served = set()
    seen: list[set[str]] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        seen.append(set(bus.namespaces.served))
        bus.namespaces.served.clear()
        bus.namespaces.away = len(slept) in (1, 2)
        if len(slept) == 4:
            raise asyncio.CancelledError

    replace_sleep(monkeypatch, module, sleep)
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await Announcement(bus, ["/", "/shop"]).run()
    everything = {"any", "/", "/shop"}
    assert seen == [everything, set(), set(), everything]
    assert slept == [INTERVAL_SECONDS] * 4
    assert caplog.text.count("unserved") == 1
