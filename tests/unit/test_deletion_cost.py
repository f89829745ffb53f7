"""What a gateway says of itself to Kubernetes, and what happens if it cannot. The real call: integration."""

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from queuecast_edge.environment import SettingsError, read
from queuecast_gateway import app
from queuecast_gateway.deletion_cost import DeletionCost, notable
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.settings import Settings


@pytest.mark.parametrize(
    ("told", "now"),
    [(None, 0), (None, 500), (0, 1), (3, 0), (100, 110), (100, 90), (1_000, 1_100), (5_000, 4_400)],
)
def test_what_changes_the_order_of_pods_is_told(told: int | None, now: int) -> None:
    """And what the annotation of a pod says whose container was restarted, nobody knows."""
    assert notable(told, now)


@pytest.mark.parametrize(
    ("told", "now"), [(0, 0), (5, 14), (100, 109), (100, 91), (1_000, 1_099), (5_000, 4_501)]
)
def test_what_would_not_is_kept_for_ourselves(told: int, now: int) -> None:
    """Browsers come and go all the time; each change is a write to etcd."""
    assert not notable(told, now)


async def test_without_a_token_it_is_counted_each_time_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A gateway outside Kubernetes, or without the component, serves all the same."""
    failures: list[None] = []
    cost = DeletionCost("p", "n", lambda: 7, on_failure=lambda: failures.append(None), account=tmp_path)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await cost.tell()
    assert len(failures) == 3
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("deletion_cost")]
    assert "FileNotFoundError" in line


def settings(**variables: str) -> Settings:
    return read(Settings, {f"QUEUECAST_{name}": value for name, value in variables.items()})


class Engine:
    """As much of a server as is counted."""

    def __init__(self) -> None:
        self.eio = self
        self.sockets = dict.fromkeys(range(3))


async def test_a_gateway_that_is_told_its_pod_tells_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is not asks nothing of anybody."""
    told: list[int] = []

    async def patch(_: DeletionCost, connections: int) -> None:
        told.append(connections)
        raise OSError("away")

    monkeypatch.setattr(DeletionCost, "_patch", patch)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    server: Any = Engine()
    assert app._deletion_cost(settings(), server, metrics) is None
    cost = app._deletion_cost(settings(POD_NAME="gateway-1", POD_NAMESPACE="shop"), server, metrics)
    assert cost is not None
    await cost.tell()
    assert told == [3]
    assert registry.get_sample_value("queuecast_gateway_deletion_cost_failures_total") == 1


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"POD_NAME": "gateway-1"}, "POD_NAMESPACE"),
        ({"POD_NAMESPACE": "shop"}, "POD_NAMESPACE"),
        ({"POD_NAME": "../secrets/a", "POD_NAMESPACE": "shop"}, "POD_NAME"),
        ({"POD_NAME": "gateway-1", "POD_NAMESPACE": "a/b"}, "POD_NAMESPACE"),
    ],
)
def test_half_a_pod_is_a_mistake(variables: dict[str, str], named: str) -> None:
    """As is a name that would be a path to something else."""
    with pytest.raises(SettingsError) as caught:
        settings(**variables)
    assert str(caught.value).startswith(f"QUEUECAST_{named}: ")
    assert len(str(caught.value).splitlines()) == 1
