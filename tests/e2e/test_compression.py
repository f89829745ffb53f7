"""Stock clients and a browser receive large events compressed, and send compressed messages."""

import uuid
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.claims import eventually

from .conftest import Connect
from .rig import Rig

pytestmark = pytest.mark.javascript

BYTES = "queuecast_gateway_compression_bytes_total"
NOTE = "a teapot of grey stoneware, with a lid. " * 60


def item() -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, "note": NOTE}


def compressed(rig: Rig) -> tuple[float, float]:
    """Return how many bytes of events were compressed, and to how many."""
    stages = "before", "after"
    before, after = (sum(gateway.total(BYTES, stage=stage) for gateway in rig.gateways) for stage in stages)
    return before, after


def test_stock_clients_get_large_events_compressed_and_send_such(rig: Rig, connect: Connect) -> None:
    """By default Node's client offers it, over WebSocket and after an upgrade; others get the same events."""
    asked = [*connect(rig, 2, transports=["websocket"]), *connect(rig, 2)]
    others = [
        *connect(rig, 2, transports=["websocket"], perMessageDeflate=False),
        *connect(rig, 2, transports=["polling"]),
    ]
    eventually(lambda: all(client.transport == "websocket" for client in asked))
    before, after = compressed(rig)
    added, removed = item(), item()
    rig.queue.put([added])
    eventually(lambda: all(client.events("item_added") == [[added]] for client in (*asked, *others)))
    assert asked[0].emit("item_removed", removed) == {"ok": True}
    eventually(lambda: all(client.events("item_removed") == [[removed]] for client in (*asked, *others)))
    before, after = compressed(rig)[0] - before, compressed(rig)[1] - after
    assert before == pytest.approx(2 * len(asked) * len(NOTE), rel=0.1)
    assert after < before / 5


def test_chromium_gets_large_events_compressed(rig: Rig, chromium: Browser) -> None:
    """It compresses all that it sends: the upgrade, pongs, and an event."""
    page = chromium.new_page()
    page.goto(rig.url(0))
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "connected", timeout=60_000)
    before, after = compressed(rig)
    added = item()
    rig.queue.put([added])
    shown = page.locator(f'li[data-item-id="{added["id"]}"]')
    expect(shown).to_be_visible(timeout=60_000)
    before, after = compressed(rig)[0] - before, compressed(rig)[1] - after
    assert len(NOTE) < before < 1.1 * len(NOTE)
    assert after < before / 5
    shown.get_by_role("button").click()
    expect(shown).to_have_count(0, timeout=60_000)
    page.close()
