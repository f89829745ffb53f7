"""What a gateway reports to Kubernetes, and what happens if it cannot. The integration tests have the real
call.
"""

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from queuecast_edge.environment import SettingsError, read
from queuecast_gateway.composition import build_deletion_cost
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.replica.deletion_cost import DeletionCost, is_significant
from queuecast_gateway.settings import Settings


@pytest.mark.parametrize(
    ("reported", "now"),
    [(None, 0), (None, 500), (0, 1), (3, 0), (100, 110), (100, 90), (1_000, 1_100), (5_000, 4_400)],
)
def test_a_change_that_affects_the_order_of_pods_is_reported(reported: int | None, now: int) -> None:
    """And the first value: after a restart of the container the annotation is unknown."""
    assert is_significant(reported, now)


@pytest.mark.parametrize(
    ("reported", "now"), [(0, 0), (5, 14), (100, 109), (100, 91), (1_000, 1_099), (5_000, 4_501)]
)
def test_a_change_that_does_not_is_not_reported(reported: int, now: int) -> None:
    """Browsers come and go all the time; each report is a write to etcd."""
    assert not is_significant(reported, now)


async def test_without_a_token_it_is_counted_each_time_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A gateway outside of Kubernetes, or without the component, works all the same."""
    failures: list[None] = []
    cost = DeletionCost("p", "n", lambda: 7, on_failure=lambda: failures.append(None), account=tmp_path)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            await cost.report()
    assert len(failures) == 3
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("deletion_cost")]
    assert "FileNotFoundError" in line


def settings(**variables: str) -> Settings:
    return read(Settings, {f"QUEUECAST_{name}": value for name, value in variables.items()})


class Engine:
    """As much of a server as the deletion cost needs."""

    def __init__(self) -> None:
        self.eio = self
        self.sockets = dict.fromkeys(range(3))


async def test_a_gateway_that_knows_its_pod_reports_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not calls nobody."""
    reported: list[int] = []

    async def patch(_: DeletionCost, connections: int) -> None:
        reported.append(connections)
        raise OSError("away")

    monkeypatch.setattr(DeletionCost, "_patch", patch)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    server: Any = Engine()
    assert build_deletion_cost(settings(), server, metrics) is None
    cost = build_deletion_cost(settings(POD_NAME="gateway-1", POD_NAMESPACE="shop"), server, metrics)
    assert cost is not None
    await cost.report()
    assert reported == [3]
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
