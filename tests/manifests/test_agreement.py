"""Whether the manifests and the code mean the same: settings, times, ports, metrics, versions."""

import copy
import json
import re
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from queuecast_edge.environment import SettingsError, read
from queuecast_gateway.limits.address import networks
from queuecast_gateway.metrics import Metrics as GatewayMetrics
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.app import EXIT_SECONDS
from queuecast_poller.metrics import Metrics as PollerMetrics
from queuecast_poller.settings import Settings as PollerSettings

from .kustomize import (
    COMPONENTS,
    K8S,
    OVERLAYS,
    PLACEHOLDER,
    RENDERS,
    ROOT,
    SITE,
    Document,
    Documents,
    containers,
    environment,
    find,
    needs_kubectl,
    plain_files,
    rendered,
    the,
)

SERVICES: dict[str, type[BaseModel]] = {"gateway": GatewaySettings, "poller": PollerSettings}
READY = [name for name in RENDERS if name != "overlays/aws"]
"""What can be applied as it is: the overlay for AWS has to be filled in."""

MARGIN_SECONDS = 10
"""Between what a service needs to end and when it is killed."""

every = pytest.mark.parametrize("name", READY)


def container_of(documents: Documents, service: str) -> Document:
    (found,) = [each for name, each in containers(documents) if name == f"queuecast-{service}/{service}"]
    return found


def settings(documents: Documents, service: str) -> Any:
    """Return the settings that a service reads in its pod, with the files that are mounted there."""
    container = container_of(documents, service)
    made = environment(documents, container)
    with TemporaryDirectory() as folder:
        if "QUEUECAST_ROUTES" in made:
            path = Path(folder) / "routes.yaml"
            path.write_text(mounted(documents, service, made["QUEUECAST_ROUTES"]), "utf-8")
            made["QUEUECAST_ROUTES"] = str(path)
        return read(SERVICES[service], made)


def mounted(documents: Documents, service: str, path: str) -> str:
    """Return a file of a service's container that a ConfigMap brings."""
    directory, _, name = path.rpartition("/")
    (volume,) = [
        mount["name"]
        for mount in container_of(documents, service)["volumeMounts"]
        if mount["mountPath"] == directory and "subPath" not in mount
    ]
    spec = the(documents, "Deployment", f"queuecast-{service}")["spec"]["template"]["spec"]
    (source,) = [each["configMap"]["name"] for each in spec["volumes"] if each["name"] == volume]
    return str(the(documents, "ConfigMap", source)["data"][name])


def seconds_to_end(documents: Documents) -> float:
    """How long a gateway's pod takes from its deletion to its end, at most."""
    made = settings(documents, "gateway")
    pause = container_of(documents, "gateway")["lifecycle"]["preStop"]["sleep"]["seconds"]
    return float(pause + made.drain_seconds + made.graceful_seconds)


def grace(documents: Documents, service: str) -> int:
    spec = the(documents, "Deployment", f"queuecast-{service}")["spec"]["template"]["spec"]
    return int(spec["terminationGracePeriodSeconds"])


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_it_is_told(name: str, service: str) -> None:
    """A setting that it does not know, or that is wrong, would end it at once, on the cluster."""
    settings(rendered(name), service)


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_a_change_of_a_setting_rolls_the_pods(name: str, service: str) -> None:
    """By the name of the ConfigMap, which ends in a hash of what is in it."""
    (source,) = container_of(rendered(name), service)["envFrom"]
    assert re.fullmatch(rf"queuecast-{service}-[a-z0-9]{{10}}", source["configMapRef"]["name"])


@needs_kubectl
def test_an_overlay_that_was_not_filled_in_starts_nothing() -> None:
    """Better than a gateway that asks a stranger for the keys of its tokens."""
    with pytest.raises(SettingsError, match="QUEUECAST_TRUSTED_PROXIES"):
        settings(rendered("overlays/aws"), "gateway")


@needs_kubectl
@every
def test_a_gateway_may_take_as_long_as_it_needs_to_leave(name: str) -> None:
    """The clock of the grace period starts before preStop; who is still there at its end is cut off."""
    documents = rendered(name)
    assert seconds_to_end(documents) + MARGIN_SECONDS <= grace(documents, "gateway")


@needs_kubectl
def test_a_longer_drain_needs_a_longer_grace_period() -> None:
    """So the test above can fail."""
    documents = copy.deepcopy(rendered("base"))
    for each in find(documents, "ConfigMap"):
        each["data"]["QUEUECAST_DRAIN_SECONDS"] = "70"
    assert seconds_to_end(documents) + MARGIN_SECONDS > grace(documents, "gateway")


@needs_kubectl
@every
def test_a_poller_may_take_as_long_as_it_needs_to_leave(name: str) -> None:
    """It settles what it had received, and gives up after 25 s."""
    assert grace(rendered(name), "poller") >= EXIT_SECONDS + MARGIN_SECONDS


@needs_kubectl
@every
def test_a_gateway_is_unready_before_the_next_probe(name: str) -> None:
    """While preStop waits it still serves; then each second of readiness sends it browsers to turn away."""
    for _, container in containers(rendered(name)):
        assert container["readinessProbe"]["periodSeconds"] <= 5


@needs_kubectl
@every
@pytest.mark.parametrize("service", SERVICES)
def test_ports_have_the_numbers_that_the_services_open(name: str, service: str) -> None:
    """They are named everywhere else."""
    documents = rendered(name)
    made = settings(documents, service)
    ports = {port["name"]: port["containerPort"] for port in container_of(documents, service)["ports"]}
    assert ports.pop("admin") == made.admin_port
    assert ports == ({"client": made.port} if service == "gateway" else {})


@needs_kubectl
@every
def test_long_polling_and_stickiness_come_together(name: str) -> None:
    """Either without the other is a fault: requests at the wrong gateway, or load that does not spread."""
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
def test_a_proxy_waits_longer_than_a_healthy_connection_is_silent(name: str) -> None:
    """Otherwise browsers are cut off while nothing happens, and come back, all day long."""
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
    """The same for the other way to run it."""
    text = (ROOT / "deploy" / "compose" / "nginx.conf").read_text("utf-8")
    fields = GatewaySettings.model_fields
    silent = fields["ping_interval_seconds"].default + fields["ping_timeout_seconds"].default
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        found = re.search(rf"{name} (\d+)s;", text)
        assert found is not None
        assert int(found[1]) > silent


@needs_kubectl
@every
def test_whoever_is_believed_about_addresses_is_the_only_one_to_reach_the_port(name: str) -> None:
    """Who may write X-Forwarded-For may be anybody: a limit by address would be none."""
    documents = rendered(name)
    trusted = settings(documents, "gateway").trusted_proxies
    narrow = not find(documents, "NetworkPolicy", "queuecast-gateway-clients")
    assert bool(trusted) == narrow == bool(find(documents, "Ingress") or find(documents, "HTTPRoute"))


@needs_kubectl
@every
def test_a_proxy_is_believed_about_whom_it_has_seen_and_no_further(name: str) -> None:
    """A client in its network, or in the cluster's, is no proxy; a private range is nobody's."""
    made = settings(rendered(name), "gateway")
    if made.trusted_proxies:
        assert made.trusted_hops == 1
        assert all(network.prefixlen >= 16 for network in networks(made.trusted_proxies))


@needs_kubectl
@every
def test_browsers_reach_the_gateway_by_the_name_of_their_route(name: str) -> None:
    """It checks names where it is open, and where it is told some."""
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
    """As the user of the service, whose rights are few."""
    documents = rendered(name)
    for service in SERVICES:
        url = settings(documents, service).redis_url.get_secret_value()
        managed = bool(find(documents, "NetworkPolicy", "queuecast-to-managed-redis"))
        assert url.startswith(f"{'rediss' if managed else 'redis'}://{service}:s3cret@")


@needs_kubectl
def test_on_aws_everything_is_where_the_site_says() -> None:
    """Each value once, and in its place."""
    documents = rendered("overlays/aws, filled in")
    poller = environment(documents, container_of(documents, "poller"))
    assert poller["AWS_REGION"] == SITE["REPLACE-WITH-THE-REGION"]
    assert poller["QUEUECAST_QUEUES"] == SITE["REPLACE-WITH-THE-ARN-OF-THE-QUEUE"]
    for service in SERVICES:
        url = settings(documents, service).redis_url.get_secret_value()
        assert url == f"rediss://{service}:s3cret@{SITE['REPLACE-WITH-THE-HOST-OF-REDIS']}:6379/0"
    (ingress,) = find(documents, "Ingress")
    assert ingress["spec"]["rules"][0]["host"] == SITE["REPLACE-WITH-THE-HOST-NAME"]
    certificate = ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/certificate-arn"]
    assert certificate == SITE["REPLACE-WITH-THE-ARN-OF-THE-CERTIFICATE"]
    network = SITE["REPLACE-WITH-THE-CIDR-OF-THE-VPC"]
    balancer = SITE["REPLACE-WITH-THE-CIDR-OF-THE-LOAD-BALANCER"]
    gateway = settings(documents, "gateway")
    assert gateway.trusted_proxies == (balancer,)
    assert gateway.hosts == (SITE["REPLACE-WITH-THE-HOST-NAME"],)
    blocks = [
        peer["ipBlock"]["cidr"]
        for each in find(documents, "NetworkPolicy")
        for direction, whom in (("ingress", "from"), ("egress", "to"))
        for rule in each["spec"].get(direction, [])
        for peer in rule[whom]
        if "ipBlock" in peer
    ]
    assert (blocks.count(network), blocks.count(balancer)) == (2, 1)
    assert not [block for block in blocks if block.startswith("10.") and block not in (network, balancer)]


@needs_kubectl
def test_a_secret_of_tokens_is_a_file_that_changes_with_its_secret() -> None:
    """Mounted as a folder: the kubelet does not change a file that is mounted by itself."""
    documents = rendered("base + auth-secret")
    gateway = container_of(documents, "gateway")
    assert settings(documents, "gateway").auth == "jwt"
    (mount,) = (each for each in gateway["volumeMounts"] if each["name"] == "auth")
    path = the(documents, "ConfigMap", gateway["envFrom"][0]["configMapRef"]["name"])["data"][
        "QUEUECAST_AUTH_SECRET_FILE"
    ]
    assert path.rpartition("/")[0] == mount["mountPath"]
    assert "subPath" not in mount
    pod = the(documents, "Deployment", "queuecast-gateway")["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == "auth")
    assert volume["secret"]["defaultMode"] == 0o440


@needs_kubectl
def test_on_aws_nobody_comes_in_without_a_token() -> None:
    """Nor from images that are not exactly those."""
    documents = rendered("overlays/aws, filled in")
    made = settings(documents, "gateway")
    assert made.auth == "jwt"
    assert made.auth_issuer == f"https://{SITE['REPLACE-WITH-THE-ISSUER']}"
    assert made.auth_jwks_url == f"{made.auth_issuer}/.well-known/jwks.json"
    assert made.auth_audience == (SITE["REPLACE-WITH-THE-AUDIENCE"],)
    assert all("@sha256:" in container["image"] for _, container in containers(documents))
    text = json.dumps(documents)
    assert "pod-readiness-gate-inject" in text
    assert '"DoNotSchedule"' in text


def metric_names() -> set[str]:
    """Return the names of all series that both services show."""
    registry = CollectorRegistry()
    GatewayMetrics(registry)
    PollerMetrics(registry).of("orders")
    return {sample.name for family in registry.collect() for sample in family.samples}


@needs_kubectl
@every
def test_what_autoscalers_ask_for_is_what_the_services_show(name: str) -> None:
    """A metric that is not there keeps the number of pods for ever, or sends all browsers away."""
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
    """The target is half of what it may have, so that one that is lost is no outage."""
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
    assert int(targets[0]) <= settings(documents, "gateway").max_connections / 2


def test_the_adapter_is_told_of_the_metric_that_the_autoscaler_asks_for() -> None:
    """Its rule is for a chart of others, so nothing but this compares the two."""
    folder = K8S / "components" / "hpa-connections"
    (rule,) = yaml.safe_load((folder / "prometheus-adapter.yaml").read_text("utf-8"))["rules"]["custom"]
    (patch,) = yaml.safe_load((folder / "horizontalpodautoscaler.yaml").read_text("utf-8"))
    assert rule["name"]["as"] == patch["value"]["pods"]["metric"]["name"]
    assert rule["seriesQuery"].partition("{")[0] in metric_names()
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}


@needs_kubectl
def test_the_queue_is_measured_in_depth_and_in_age() -> None:
    """A deep queue may be young, and a short one old; and what is in flight is work as well."""
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


@needs_kubectl
def test_pod_monitors_read_what_and_where_the_services_show_it() -> None:
    """In less time than there is between two readings."""
    for each in find(rendered("base + monitoring"), "PodMonitor"):
        (endpoint,) = each["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
        assert int(endpoint["scrapeTimeout"].removesuffix("s")) < int(endpoint["interval"].removesuffix("s"))
        assert each["spec"]["sampleLimit"] > 0


@needs_kubectl
def test_monitoring_brings_what_there_is_for_it() -> None:
    """Whatever deploy/observability has for Kubernetes."""
    parts = sorted((ROOT / "deploy" / "observability").glob("*/kustomization.yaml"))
    assert parts
    brought = yaml.safe_load((K8S / "components" / "monitoring" / "kustomization.yaml").read_text("utf-8"))
    assert sorted(brought["components"]) == [f"../../../observability/{path.parent.name}" for path in parts]
    assert find(rendered("base + monitoring"), "PrometheusRule")


@needs_kubectl
@every
def test_the_version_is_the_one_of_the_packages(name: str) -> None:
    """In the labels, and where an image has a tag of ours, there."""
    documents = rendered(name)
    for service in SERVICES:
        project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text("utf-8"))[
            "project"
        ]
        deployment = the(documents, "Deployment", f"queuecast-{service}")
        assert deployment["metadata"]["labels"]["app.kubernetes.io/version"] == project["version"]
        image = container_of(documents, service)["image"]
        assert image == f"queuecast-{service}:{project['version']}" or "@" in image


@needs_kubectl
@pytest.mark.parametrize(
    ("app", "kind"), [("redis", "redis"), ("elasticmq", "softwaremill/elasticmq-native")]
)
def test_what_is_for_trying_out_is_what_compose_has(app: str, kind: str) -> None:
    """One version is tested by hand for both."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    deployment = the(rendered("overlays/local"), "Deployment", f"queuecast-{app}")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == compose["services"][app]["image"]
    assert container["image"] == f"{kind}:{deployment['metadata']['labels']['app.kubernetes.io/version']}"


def test_elasticmq_has_the_queues_that_compose_has() -> None:
    """Kustomize takes no file from outside its folder, so there are two."""
    ours = (K8S / "components" / "elasticmq" / "elasticmq.conf").read_text("utf-8")
    assert ours == (ROOT / "deploy" / "compose" / "elasticmq.conf").read_text("utf-8")


@needs_kubectl
def test_redis_keeps_nothing_and_drops_nothing() -> None:
    """It is the way of messages, not their home; and an evicted record would be a lost event."""
    (container,) = the(rendered("overlays/local"), "Deployment", "queuecast-redis")["spec"]["template"][
        "spec"
    ]["containers"]
    given = dict(zip(container["args"][::2], container["args"][1::2], strict=True))
    assert given["--save"] == ""
    assert given["--appendonly"] == "no"
    assert given["--maxmemory-policy"] == "noeviction"
    assert int(given["--maxmemory"].removesuffix("mb")) < int(container["resources"]["limits"]["memory"][:-2])
    assert given["--aclfile"] == "/etc/queuecast/users.acl"


@needs_kubectl
def test_routes_may_change_under_the_pollers() -> None:
    """A name that changes with its content would restart them; a file that is mounted alone never changes."""
    documents = rendered("base + routes")
    (found,) = [each for each in find(documents, "ConfigMap") if "routes.yaml" in each["data"]]
    assert found["metadata"]["name"] == "queuecast-routes"
    assert settings(documents, "poller").routes is not None


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_says_what_it_is_what_it_needs_and_what_to_edit(name: str) -> None:
    """Each value that somebody has to change is named there."""
    folder = K8S / "components" / name
    text = (folder / "README.md").read_text("utf-8")
    for heading in ("## Needs", "## Edit"):
        assert heading in text
    assert f"[`{name}`](components/{name}/README.md)" in (K8S / "README.md").read_text("utf-8")
    for path in folder.glob("*.yaml"):
        for placeholder in PLACEHOLDER.findall(path.read_text("utf-8")):
            assert placeholder in text, path.name


def test_the_readme_names_every_overlay() -> None:
    """And no file that is not there."""
    text = (K8S / "README.md").read_text("utf-8")
    for name in OVERLAYS:
        assert f"deploy/k8s/overlays/{name}" in text
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (K8S / target).exists(), target


def test_every_file_is_used() -> None:
    """One that no recipe names would be edited in vain."""
    for recipe in K8S.rglob("kustomization.yaml"):
        # Without its comments.
        text = json.dumps(yaml.safe_load(recipe.read_text("utf-8")))
        others = {path.name for path in recipe.parent.iterdir() if path.is_file()}
        for name in others - {"kustomization.yaml", "README.md", "secrets.sh", "prometheus-adapter.yaml"}:
            assert re.search(rf"\b{re.escape(name)}\b", text), recipe.parent / name
    assert len(plain_files()) > 30


def test_an_environment_is_put_together_as_the_kubelet_does() -> None:
    """What these tests say about settings rests on it: `env` wins, and $(NAME) is of `env` alone."""
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
