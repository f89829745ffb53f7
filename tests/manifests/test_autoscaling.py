"""Autoscalers ask for metrics that the services expose, and leave room for a lost gateway."""

import re

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_poller.metrics import Metrics as PollerMetrics

from .kustomize import K8S, find, needs_kubectl, rendered, the
from .services import every, settings


def metric_names() -> set[str]:
    """Return the names of all series that the services expose."""
    registry = CollectorRegistry()
    GatewayMetrics(registry)
    PollerMetrics(registry).for_queue("orders")
    return {sample.name for family in registry.collect() for sample in family.samples}


@needs_kubectl
@every
def test_what_autoscalers_ask_for_is_what_the_services_show(name: str) -> None:
    """A missing metric would freeze the number of pods, or disconnect all browsers."""
    documents = rendered(name)
    asked = {
        metric["pods"]["metric"]["name"]
        for each in find(documents, "HorizontalPodAutoscaler")
        for metric in each["spec"]["metrics"]
        if metric["type"] == "Pods"
    }
    for each in find(documents, "ScaledObject"):
        for trigger in each["spec"]["triggers"]:
            if trigger["type"] == "prometheus":
                promql_parser.parse(trigger["metadata"]["query"])
                asked |= set(re.findall(r"queuecast_\w+", trigger["metadata"]["query"]))
    assert asked <= metric_names()


@needs_kubectl
@pytest.mark.parametrize("name", ["base + hpa-connections", "base + keda"])
def test_a_gateway_has_room_for_the_browsers_of_another(name: str) -> None:
    """The target is half of a gateway's limit, so that losing one gateway is no outage."""
    documents = rendered(name)
    targets = [
        metric["pods"]["target"]["averageValue"]
        for each in find(documents, "HorizontalPodAutoscaler")
        for metric in each["spec"]["metrics"]
        if metric["type"] == "Pods"
    ] + [
        trigger["metadata"]["threshold"]
        for each in find(documents, "ScaledObject", "queuecast-gateway")
        for trigger in each["spec"]["triggers"]
        if trigger.get("name") == "connections"
    ]
    assert len(targets) == 1
    assert int(str(targets[0]).replace("k", "000")) <= settings(documents, "gateway").max_connections / 2


def test_the_adapter_is_told_of_the_metric_that_the_autoscaler_asks_for() -> None:
    """Its rule is for somebody else's chart, so only this test compares the two."""
    folder = K8S / "components" / "hpa-connections"
    (rule,) = yaml.safe_load((folder / "prometheus-adapter.yaml").read_text("utf-8"))["rules"]["custom"]
    (patch,) = yaml.safe_load((folder / "horizontalpodautoscaler.yaml").read_text("utf-8"))
    assert rule["name"]["as"] == patch["value"]["pods"]["metric"]["name"]
    assert rule["seriesQuery"].partition("{")[0] in metric_names()
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}


@needs_kubectl
def test_the_queue_is_measured_in_depth_and_in_age() -> None:
    """A deep queue may be young and a short one old; and messages in flight are work as well."""
    triggers = the(rendered("base + keda"), "ScaledObject", "queuecast-poller")["spec"]["triggers"]
    depth, age, _ = triggers
    assert depth["metadata"]["scaleOnInFlight"] == "true"
    assert depth["metadata"]["scaleOnDelayed"] == "false"
    assert depth["authenticationRef"]["name"] == "queuecast-poller"
    assert "queuecast_poller_queue_wait_seconds_sum" in age["metadata"]["query"]
    identity = the(rendered("base + keda"), "TriggerAuthentication", "queuecast-poller")["spec"][
        "podIdentity"
    ]
    assert identity == {"provider": "aws", "identityOwner": "keda"}
