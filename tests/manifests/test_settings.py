"""Settings in the manifests: the services start with them, and listen where the manifests say."""

import re

import pytest

from queuecast_edge.environment import SettingsError

from .kustomize import Document, Documents, environment, find, needs_kubectl, rendered
from .services import SERVICES, container_of, every, settings


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_it_is_told(name: str, service: str) -> None:
    """On a cluster, an unknown or invalid setting would end it at once."""
    settings(rendered(name), service)


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_a_change_of_a_setting_rolls_the_pods(name: str, service: str) -> None:
    """The ConfigMap's name ends in a hash of its content."""
    (source,) = container_of(rendered(name), service)["envFrom"]
    assert re.fullmatch(rf"queuecast-{service}-[a-z0-9]{{10}}", source["configMapRef"]["name"])


@needs_kubectl
def test_an_overlay_that_was_not_filled_in_starts_nothing() -> None:
    """That is better than a gateway that fetches its token keys from a stranger."""
    with pytest.raises(SettingsError, match="QUEUECAST_TRUSTED_PROXIES"):
        settings(rendered("overlays/aws"), "gateway")


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_ports_have_the_numbers_that_the_services_open(name: str, service: str) -> None:
    """Everywhere else the manifests use the ports' names."""
    documents = rendered(name)
    made = settings(documents, service)
    ports = {port["name"]: port["containerPort"] for port in container_of(documents, service)["ports"]}
    assert ports.pop("admin") == made.admin_port
    api = {} if service == "poller" or made.api_port is None else {"api": made.api_port}
    assert ports == ({"client": made.port} if service == "gateway" else {}) | api


@needs_kubectl
def test_routes_may_change_under_the_pollers() -> None:
    """A hashed name would restart the pollers; a single mounted file would never be updated."""
    documents = rendered("base + routes")
    (found,) = [each for each in find(documents, "ConfigMap") if "routes.yaml" in each["data"]]
    assert found["metadata"]["name"] == "queuecast-routes"
    assert settings(documents, "poller").routes is not None


def test_an_environment_is_put_together_as_the_kubelet_does() -> None:
    """The tests of settings depend on it: `env` wins, and $(NAME) refers to `env` alone."""
    documents: Documents = [
        {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"A": "1", "B": "from"}},
    ]
    container: Document = {
        "envFrom": [{"configMapRef": {"name": "c"}}],
        "env": [
            {"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "A", "value": "$(P)-$(B)"},
        ],
    }
    assert environment(documents, container) == {"A": "s3cret-$(B)", "B": "from", "P": "s3cret"}
