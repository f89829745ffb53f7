"""The metrics of both services, as Prometheus reads them."""

import math
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.exposition import samples_of

from queuecast_edge.metrics import LATENCY_BUCKETS, new_registry
from queuecast_gateway.api.metrics import ApiMetrics
from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_poller.metrics import Metrics as PollerMetrics

LABELS = {
    "call",
    "cause",
    "code",
    "direction",
    "queue",
    "outcome",
    "reason",
    "route",
    "stage",
    "status",
    "transport",
    "redelivered",
    "le",
    "version",
    "revision",
    "python",
}
"""Every label there is. Ids, rooms, users and names that clients choose are none."""


def gateway(registry: CollectorRegistry) -> None:
    GatewayMetrics(registry)
    ApiMetrics(registry)


def poller(registry: CollectorRegistry) -> None:
    PollerMetrics(registry).for_queue("orders")


both = pytest.mark.parametrize("service", [gateway, poller])


def exposition(service: Callable[[CollectorRegistry], None]) -> str:
    registry = CollectorRegistry()
    service(registry)
    return generate_latest(registry).decode()


def families(service: Callable[[CollectorRegistry], None]) -> list[Metric]:
    found = text_string_to_metric_families(exposition(service))
    return [family for family in found if not family.name.endswith("_created")]


def samples(service: Callable[[CollectorRegistry], None], name: str) -> list[dict[str, str]]:
    return [sample.labels for sample in samples_of(name, exposition(service))]


@both
def test_every_metric_exists_with_0_from_the_start(service: Callable[[CollectorRegistry], None]) -> None:
    """`rate()` misses the first increment of a series that was not there, and an alert its first error."""
    for family in families(service):
        assert family.samples, family.name
        if family.name in ("queuecast_gateway_canary_age_seconds", "queuecast_gateway_auth_keys"):
            assert math.isnan(family.samples[0].value), "none has come yet, which no number would say"
        else:
            assert [sample for sample in family.samples if sample.value != 0] == []


@both
def test_every_name_has_the_services_prefix(service: Callable[[CollectorRegistry], None]) -> None:
    """Dashboards and rules find them by it."""
    prefix = f"queuecast_{service.__name__}_"
    assert [family.name for family in families(service) if not family.name.startswith(prefix)] == []


@both
def test_names_say_their_unit(service: Callable[[CollectorRegistry], None]) -> None:
    """Base units: seconds, and counts without one."""
    for family in families(service):
        if family.type == "histogram" or "timestamp" in family.name:
            assert family.name.endswith("_seconds")
        assert "_ms" not in family.name


@both
def test_every_metric_says_what_it_is(service: Callable[[CollectorRegistry], None]) -> None:
    """The text is shown beside the name in every tool."""
    assert [family.name for family in families(service) if not family.documentation] == []


@both
def test_labels_are_of_a_closed_set(service: Callable[[CollectorRegistry], None]) -> None:
    """A label that clients can choose is a memory leak in Prometheus."""
    found = {label for family in families(service) for sample in family.samples for label in sample.labels}
    assert found <= LABELS


@both
def test_stages_share_their_buckets(service: Callable[[CollectorRegistry], None]) -> None:
    """Percentiles of two stages can only be compared within the same bounds."""
    for family in families(service):
        if family.type == "histogram":
            bounds = {float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels}
            assert bounds == {*LATENCY_BUCKETS, float("inf")}


def test_the_promised_metrics_are_there() -> None:
    """The autoscaler and the service level read them by name."""
    promised = {"queuecast_gateway_connections": "gauge", "queuecast_gateway_delivery_seconds": "histogram"}
    assert {family.name: family.type for family in families(gateway)}.items() >= promised.items()


def test_every_outcome_has_its_series_from_the_start() -> None:
    """Also those that nobody has seen yet."""
    assert {labels["reason"] for labels in samples(gateway, "queuecast_gateway_bus_gaps_total")} == {
        "trimmed",
        "rewound",
    }
    assert {labels["outcome"] for labels in samples(gateway, "queuecast_gateway_relays_total")} == {
        "published",
        "refused",
        "failed",
    }
    assert {labels["outcome"] for labels in samples(gateway, "queuecast_gateway_recoveries_total")} == {
        "recovered",
        "unknown",
        "expired",
        "trimmed",
        "lost",
        "too_much",
        "too_often",
        "malformed",
        "disconnected",
    }
    assert {labels["reason"] for labels in samples(poller, "queuecast_poller_left_total")} == {
        "not_json",
        "too_large",
        "bad_address",
        "bad_command",
        "unaddressed",
        "no_route",
        "bad_route",
        "bad_payload",
        "no_payload",
        "confirmation",
        "altered",
        "group_blocked",
        "nobody_there",
        "unanswered",
        "nobody_came",
    }


def test_each_queue_has_its_own_figures() -> None:
    """A backlog on one must not hide in the sum."""
    registry = CollectorRegistry()
    metrics = PollerMetrics(registry)
    metrics.for_queue("orders").received.inc(3)
    metrics.for_queue("stock").received.inc(4)
    value = registry.get_sample_value
    assert value("queuecast_poller_received_total", {"queue": "orders"}) == 3
    assert value("queuecast_poller_received_total", {"queue": "stock"}) == 4


@pytest.mark.parametrize("package", ["queuecast_gateway", "queuecast_poller"])
def test_a_process_tells_what_it_was_built_from(package: str) -> None:
    """During a roll-out one sees which replicas are new."""
    registry = new_registry(package, "abc123")
    output = generate_latest(registry).decode()
    (build,) = [
        family for family in text_string_to_metric_families(output) if family.name == f"{package}_build_info"
    ]
    (sample,) = build.samples
    assert sample.value == 1
    assert sample.labels["revision"] == "abc123"
    assert set(sample.labels) == {"version", "revision", "python"}
    assert "process_cpu_seconds_total" in output
