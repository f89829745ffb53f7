"""Relayed events are published for everyone in their namespace, at a limited rate for each address."""

from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.fakes import FakeClock

from queuecast_bus import BadRecord, Record
from queuecast_gateway.limits.rate_limiter import RateLimited
from queuecast_gateway.server import relay as module
from queuecast_gateway.server.relay import BURST_SECONDS, Relay

ARGUMENTS = b"[1]"


class Server:
    """A server with a session for each address, whose sid is the address; it keeps what was published."""

    def __init__(self, *addresses: str) -> None:
        self.manager: Any = self
        self.eio: Any = self
        self.sockets = {address: SimpleNamespace(address=address) for address in addresses}
        self.published: list[Record] = []
        self.is_bad = False

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str:
        return sid

    def record(self, event: str, arguments: tuple[Any, ...], namespace: str) -> Record:
        if self.is_bad:
            raise BadRecord("nested deeper than 64", "nesting")
        return Record(event, ARGUMENTS, namespace)

    async def publish(self, batch: list[tuple[Record, str | None]]) -> None:
        assert [dedup_id for _, dedup_id in batch] == [None], "a dedup id would drop what is sent twice"
        self.published += [record for record, _ in batch]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


async def send(relay: Relay, sid: str, times: int = 1) -> None:
    for _ in range(times):
        await relay.publish(sid, "item_removed", (1,), "/shop")


@pytest.mark.usefixtures("clock")
async def test_an_event_is_published_in_its_namespace() -> None:
    """For all rooms, and without leaving the sender out."""
    server = Server("192.0.2.1")
    await send(Relay(server, 0), "192.0.2.1", 100)
    assert server.published == [Record("item_removed", ARGUMENTS, "/shop")] * 100, "0 is no limit"


async def test_an_address_may_relay_only_so_many_bytes(clock: FakeClock) -> None:
    """A burst at once, then the rate; other addresses are not affected, and those of one /64 are one."""
    size = Record("item_removed", ARGUMENTS, "/shop").size
    server = Server("2001:db8::1", "2001:db8::2", "2001:db8:1::1")
    relay = Relay(server, size)
    burst = round(BURST_SECONDS)
    await send(relay, "2001:db8::1", burst)
    with pytest.raises(RateLimited):
        await send(relay, "2001:db8::2")
    await send(relay, "2001:db8:1::1")
    clock.pass_by(1)
    await send(relay, "2001:db8::2")
    assert len(server.published) == burst + 2


async def test_a_bad_event_does_not_count(clock: FakeClock) -> None:
    """It costs nobody else anything."""
    server = Server("192.0.2.1")
    relay = Relay(server, Record("item_removed", ARGUMENTS, "/shop").size)
    server.is_bad = True
    for _ in range(100):
        with pytest.raises(BadRecord):
            await send(relay, "192.0.2.1")
    server.is_bad = False
    await send(relay, "192.0.2.1")
    assert len(server.published) == 1


@pytest.mark.usefixtures("clock")
async def test_events_that_are_volatile_by_the_settings_are_published_as_such() -> None:
    """Cursors are, what a page removes is not."""
    server = Server("192.0.2.1")
    relay = Relay(server, 0, ("cursor",))
    for event in ("cursor", "item_removed"):
        await relay.publish("192.0.2.1", event, (1,), "/")
    assert [record.volatile for record in server.published] == [True, False]
