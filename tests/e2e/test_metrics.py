"""The metrics on the admin ports add up, and Prometheus's own linter accepts them."""

import shutil
import subprocess

import pytest
from tests.claims import eventually

from .conftest import Connect
from .rig import Rig

CONNECTION_FIGURES = (
    "queuecast_gateway_connects_total",
    "queuecast_gateway_disconnects_total",
    "queuecast_gateway_connections",
)
OUTCOMES = ("published", "duplicates", "left", "returned")


@pytest.mark.javascript
def test_connects_less_disconnects_are_the_connections(rig: Rig, connect: Connect) -> None:
    """The autoscaler reads the gauge: a leak would make it scale for ever."""

    def connections() -> int:
        figures = [gateway.totals(*CONNECTION_FIGURES) for gateway in rig.gateways]
        assert all(connects - disconnects == now for connects, disconnects, now in figures)
        return int(sum(now for _, _, now in figures))

    eventually(lambda: connections() == 0)
    clients = connect(rig, 4)
    assert connections() == 4
    for client in clients:
        client.disconnect()
    eventually(lambda: connections() == 0)


def test_received_messages_are_all_accounted_for(rig: Rig) -> None:
    """A message that no metric counts would be lost silently."""
    before = rig.poller.total("queuecast_poller_received_total")
    rig.queue.put([{"id": number} for number in range(20)])
    eventually(lambda: rig.queue.depth() == 0)
    received = rig.poller.total("queuecast_poller_received_total")
    assert received - before >= 20
    outcomes = sum(rig.poller.total(f"queuecast_poller_{outcome}_total") for outcome in OUTCOMES)
    assert received == outcomes + rig.poller.total("queuecast_poller_in_flight")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: there is none on PATH")
@pytest.mark.parametrize("service", ["gateway", "poller"])
def test_promtool_finds_no_fault(rig: Rig, service: str) -> None:
    """Names, units and help texts follow Prometheus's conventions."""
    admin = rig.poller if service == "poller" else rig.gateways[0]
    check = subprocess.run(
        ("promtool", "check", "metrics"),
        input=admin.exposition(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "")
