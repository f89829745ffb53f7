"""Times in the manifests: grace periods, probes and idle timeouts fit what the services need."""

import copy
import re

from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.app import EXIT_SECONDS

from .kustomize import ROOT, Documents, containers, find, needs_kubectl, rendered, the
from .services import container_of, every, settings

MARGIN_SECONDS = 10
"""The margin between the time that a service needs to end and the time when it is killed."""


def seconds_to_end(documents: Documents) -> float:
    """Return the longest time from a gateway pod's deletion to its end."""
    made = settings(documents, "gateway")
    pause = container_of(documents, "gateway")["lifecycle"]["preStop"]["sleep"]["seconds"]
    return float(pause + made.drain_seconds + made.graceful_seconds)


def grace(documents: Documents, service: str) -> int:
    spec = the(documents, "Deployment", f"queuecast-{service}")["spec"]["template"]["spec"]
    return int(spec["terminationGracePeriodSeconds"])


@needs_kubectl
@every
def test_a_gateway_may_take_as_long_as_it_needs_to_leave(name: str) -> None:
    """The grace period includes preStop; connections that are left at its end are cut off."""
    documents = rendered(name)
    assert seconds_to_end(documents) + MARGIN_SECONDS <= grace(documents, "gateway")


@needs_kubectl
def test_a_longer_drain_needs_a_longer_grace_period() -> None:
    """The test above can fail."""
    documents = copy.deepcopy(rendered("base"))
    for each in find(documents, "ConfigMap"):
        each["data"]["QUEUECAST_DRAIN_SECONDS"] = "70"
    assert seconds_to_end(documents) + MARGIN_SECONDS > grace(documents, "gateway")


@needs_kubectl
@every
def test_a_poller_may_take_as_long_as_it_needs_to_leave(name: str) -> None:
    """It settles the messages that it has received, and gives up after 25 s."""
    assert grace(rendered(name), "poller") >= EXIT_SECONDS + MARGIN_SECONDS


@needs_kubectl
@every
def test_a_gateway_is_unready_before_the_next_probe(name: str) -> None:
    """It serves during preStop; after that, while it counts as ready, it gets browsers to refuse."""
    for _, container in containers(rendered(name)):
        assert container["readinessProbe"]["periodSeconds"] <= 5


@needs_kubectl
@every
def test_a_proxy_waits_longer_than_a_healthy_connection_is_silent(name: str) -> None:
    """Otherwise it cuts idle browsers off, and they reconnect, all day long."""
    documents = rendered(name)
    made = settings(documents, "gateway")
    for each in find(documents, "Ingress"):
        annotations = each["metadata"]["annotations"]
        attributes = annotations["alb.ingress.kubernetes.io/load-balancer-attributes"]
        idle = re.search(r"idle_timeout.timeout_seconds=(\d+)", attributes)
        assert idle is not None
        assert int(idle[1]) > made.ping_interval_seconds + made.ping_timeout_seconds
        attributes = annotations["alb.ingress.kubernetes.io/target-group-attributes"]
        leaving = re.search(r"deregistration_delay.timeout_seconds=(\d+)", attributes)
        assert leaving is not None
        assert int(leaving[1]) >= made.drain_seconds + made.graceful_seconds


def test_composes_proxy_waits_longer_than_a_healthy_connection_is_silent() -> None:
    """The same holds for nginx under Compose."""
    text = (ROOT / "deploy" / "compose" / "nginx.conf").read_text("utf-8")
    fields = GatewaySettings.model_fields
    silent = fields["ping_interval_seconds"].default + fields["ping_timeout_seconds"].default
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        found = re.search(rf"{name} (\d+)s;", text)
        assert found is not None
        assert int(found[1]) > silent
