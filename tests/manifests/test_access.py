"""Who reaches the gateway and Redis, by which way, and with what credentials."""

import pytest

from queuecast_gateway.limits.client_address import networks

from .kustomize import find, needs_kubectl, rendered, the
from .services import SERVICES, container_of, every, settings


@needs_kubectl
@every
def test_long_polling_and_stickiness_come_together(name: str) -> None:
    """One without the other sends requests to the wrong gateway, or keeps the load from spreading."""
    documents = rendered(name)
    attributes = [
        each["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-group-attributes"]
        for each in find(documents, "Ingress")
    ]
    sticky = any("stickiness.enabled=true" in each for each in attributes)
    polling = settings(documents, "gateway").transports != ("websocket",)
    with_component = name in ("base + polling-sticky", "everything", "the rest")
    assert (polling, sticky) == (with_component, with_component)


@needs_kubectl
@every
def test_only_trusted_proxies_reach_the_port(name: str) -> None:
    """Whoever may set X-Forwarded-For can pose as any address, which would defeat limits by address."""
    documents = rendered(name)
    trusted = settings(documents, "gateway").trusted_proxies
    narrow = not find(documents, "NetworkPolicy", "queuecast-gateway-clients")
    assert bool(trusted) == narrow == bool(find(documents, "Ingress") or find(documents, "HTTPRoute"))


@needs_kubectl
@every
def test_a_proxy_is_trusted_for_one_hop_only(name: str) -> None:
    """A client in the proxy's or the cluster's network is no proxy, and no whole private range is trusted."""
    made = settings(rendered(name), "gateway")
    if made.trusted_proxies:
        assert made.trusted_hops == 1
        assert all(network.prefixlen >= 16 for network in networks(made.trusted_proxies))


@needs_kubectl
@every
def test_browsers_reach_the_gateway_by_the_name_of_their_route(name: str) -> None:
    """It checks the name if connections need no token, or if it has a list of names."""
    documents = rendered(name)
    hosts = settings(documents, "gateway").own_hosts
    routes = [route["spec"]["hostnames"][0] for route in find(documents, "HTTPRoute")]
    routes += [ingress["spec"]["rules"][0]["host"] for ingress in find(documents, "Ingress")]
    assert hosts is not None
    for host in routes or ("queuecast-gateway", "queuecast-gateway.queuecast.svc.cluster.local"):
        assert host in hosts
    assert "evil.example" not in hosts


@needs_kubectl
@every
def test_a_managed_redis_is_spoken_to_by_tls_and_every_redis_with_a_password(name: str) -> None:
    """Each service connects as its own user, which has few rights."""
    documents = rendered(name)
    for service in SERVICES:
        url = settings(documents, service).redis_url.get_secret_value()
        managed = bool(find(documents, "NetworkPolicy", "queuecast-to-managed-redis"))
        assert url.startswith(f"{'rediss' if managed else 'redis'}://{service}:s3cret@")


@needs_kubectl
@pytest.mark.parametrize(
    ("component", "volume", "setting"),
    [
        ("auth-secret", "auth", "QUEUECAST_AUTH_SECRET_FILE"),
        ("api", "api-tokens", "QUEUECAST_API_TOKEN_FILE"),
    ],
)
def test_a_secret_of_tokens_is_a_file_that_changes_with_its_secret(
    component: str, volume: str, setting: str
) -> None:
    """It is mounted as a folder, because the kubelet does not update a single mounted file."""
    documents = rendered(f"base + {component}")
    gateway = container_of(documents, "gateway")
    made = settings(documents, "gateway")
    assert (made.auth, made.api_port) == (("jwt", None) if component == "auth-secret" else ("none", 9400))
    (mount,) = (each for each in gateway["volumeMounts"] if each["name"] == volume)
    path = the(documents, "ConfigMap", gateway["envFrom"][0]["configMapRef"]["name"])["data"][setting]
    assert path.rpartition("/")[0] == mount["mountPath"]
    assert "subPath" not in mount
    pod = the(documents, "Deployment", "queuecast-gateway")["spec"]["template"]["spec"]
    (source,) = (each for each in pod["volumes"] if each["name"] == volume)
    assert source["secret"]["defaultMode"] == 0o440
