"""Monitoring on a cluster: what is scraped, and which rules come with it."""

import yaml

from .kustomize import K8S, ROOT, find, needs_kubectl, rendered


@needs_kubectl
def test_pod_monitors_read_what_and_where_the_services_show_it() -> None:
    """The scrape timeout is shorter than the interval."""
    for each in find(rendered("base + monitoring"), "PodMonitor"):
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
        assert int(endpoint["scrapeTimeout"].removesuffix("s")) < int(endpoint["interval"].removesuffix("s"))
        assert each["spec"]["sampleLimit"] > 0


@needs_kubectl
def test_monitoring_brings_what_there_is_for_it() -> None:
    """It includes everything that deploy/observability has for Kubernetes."""
    parts = sorted((ROOT / "deploy" / "observability").glob("*/kustomization.yaml"))
    assert parts
    brought = yaml.safe_load((K8S / "components" / "monitoring" / "kustomization.yaml").read_text("utf-8"))
    assert sorted(brought["components"]) == [f"../../../observability/{path.parent.name}" for path in parts]
    assert find(rendered("base + monitoring"), "PrometheusRule")
