"""Every policy on everything that can be rendered, and each policy violated once to see it fail."""

import copy
from typing import Any

import pytest

from . import policies
from .kustomize import RENDERS, Documents, needs_kubectl, rendered
from .policies import POLICIES, Policy, labels, network, pods, rights, scaling

GATEWAY = "Deployment queuecast-gateway"
CONTAINER = f"{GATEWAY} spec template spec containers 0"
POD = f"{GATEWAY} spec template spec"
SCALED = "ScaledObject queuecast-gateway spec"
REMOVED = object()

BROKEN: list[tuple[Policy, str, Any]] = [
    (
        policies.labels_are_complete,
        "Service queuecast-gateway metadata labels app.kubernetes.io/version",
        REMOVED,
    ),
    (
        policies.labels_are_complete,
        f"{GATEWAY} spec template metadata labels app.kubernetes.io/part-of",
        REMOVED,
    ),
    (
        policies.selectors_are_stable,
        f"{GATEWAY} spec selector matchLabels app.kubernetes.io/version",
        "0.1.0",
    ),
    (
        policies.selectors_are_stable,
        "Service queuecast-gateway spec selector app.kubernetes.io/name",
        "queuecast",
    ),
    (
        policies.selectors_are_stable,
        "PodMonitor queuecast-poller spec selector matchLabels app.kubernetes.io/name",
        "x",
    ),
    (policies.nothing_hangs_in_the_air, f"{POD} serviceAccountName", "queuecast"),
    (policies.nothing_hangs_in_the_air, f"{CONTAINER} envFrom 0 configMapRef name", "queuecast-gateway"),
    (policies.nothing_hangs_in_the_air, f"{CONTAINER} volumeMounts 0 name", "other"),
    (policies.nothing_hangs_in_the_air, f"{SCALED} scaleTargetRef name", "gateway"),
    (policies.nothing_hangs_in_the_air, "Service queuecast-gateway spec ports 0 targetPort", "http"),
    (policies.pods_are_restricted, f"{POD} hostNetwork", True),
    (policies.pods_are_restricted, f"{POD} securityContext seccompProfile", REMOVED),
    (
        policies.pods_are_restricted,
        f"{POD} securityContext sysctls",
        [{"name": "net.core.somaxconn", "value": "1"}],
    ),
    (policies.pods_are_restricted, f"{POD} securityContext runAsNonRoot", False),
    (policies.pods_are_restricted, f"{POD} securityContext runAsUser", 999),
    (policies.pods_are_restricted, f"{POD} volumes 0", {"name": "tmp", "hostPath": {"path": "/"}}),
    (policies.pods_are_restricted, f"{POD} volumes 0", {"name": "tmp", "emptyDir": {}}),
    (policies.pods_are_restricted, f"{CONTAINER} securityContext allowPrivilegeEscalation", REMOVED),
    (
        policies.pods_are_restricted,
        f"{CONTAINER} securityContext capabilities",
        {"drop": ["ALL"], "add": ["CHOWN"]},
    ),
    (policies.pods_are_restricted, f"{CONTAINER} securityContext readOnlyRootFilesystem", False),
    (policies.pods_are_restricted, f"{CONTAINER} securityContext runAsUser", 0),
    (policies.pods_are_restricted, f"{CONTAINER} ports 0 hostPort", 80),
    (policies.resources_are_bounded, f"{CONTAINER} resources requests cpu", REMOVED),
    (policies.resources_are_bounded, f"{CONTAINER} resources limits cpu", "1"),
    (policies.resources_are_bounded, f"{CONTAINER} resources limits memory", "2Gi"),
    (policies.resources_are_bounded, f"{CONTAINER} resources", REMOVED),
    (policies.containers_are_watched, f"{CONTAINER} startupProbe", REMOVED),
    (policies.containers_are_watched, f"{CONTAINER} livenessProbe httpGet path", "/readyz"),
    (policies.containers_are_watched, f"{CONTAINER} readinessProbe httpGet port", "client"),
    (policies.containers_are_watched, f"{CONTAINER} readinessProbe httpGet port", "http"),
    (policies.containers_are_watched, f"{CONTAINER} livenessProbe timeoutSeconds", 1),
    (policies.rollouts_are_careful, f"{GATEWAY} spec strategy rollingUpdate maxUnavailable", 1),
    (policies.rollouts_are_careful, f"{GATEWAY} spec strategy rollingUpdate maxSurge", REMOVED),
    (policies.rollouts_are_careful, f"{GATEWAY} spec minReadySeconds", REMOVED),
    (policies.rollouts_are_careful, f"{GATEWAY} spec progressDeadlineSeconds", 90),
    (policies.rollouts_are_careful, "Deployment queuecast-elasticmq spec replicas", 2),
    (policies.evictions_are_few, "PodDisruptionBudget queuecast-poller spec maxUnavailable", "50%"),
    (
        policies.evictions_are_few,
        "PodDisruptionBudget queuecast-poller spec unhealthyPodEvictionPolicy",
        REMOVED,
    ),
    (policies.pods_are_spread, f"{POD} topologySpreadConstraints", []),
    (policies.pods_are_spread, f"{POD} topologySpreadConstraints 0 matchLabelKeys", REMOVED),
    (
        policies.pods_are_spread,
        f"{POD} topologySpreadConstraints 1 labelSelector matchLabels pod-template-hash",
        "1",
    ),
    (policies.one_autoscaler_each, f"{SCALED} scaleTargetRef name", "queuecast-poller"),
    (policies.one_autoscaler_each, f"{GATEWAY} spec replicas", 3),
    (policies.scale_in_is_slow, f"{SCALED} minReplicaCount", 1),
    (policies.scale_in_is_slow, f"{SCALED} maxReplicaCount", 2),
    (
        policies.scale_in_is_slow,
        f"{SCALED} advanced horizontalPodAutoscalerConfig behavior scaleDown stabilizationWindowSeconds",
        300,
    ),
    (
        policies.scale_in_is_slow,
        f"{SCALED} advanced horizontalPodAutoscalerConfig behavior scaleDown policies 0 value",
        10,
    ),
    (
        policies.scale_in_is_slow,
        f"{SCALED} advanced horizontalPodAutoscalerConfig behavior scaleUp stabilizationWindowSeconds",
        60,
    ),
    (policies.autoscalers_have_cpu, f"{SCALED} triggers 1 metadata containerName", "sidecar"),
    (policies.scalers_are_fail_static, f"{SCALED} fallback", REMOVED),
    (policies.scalers_are_fail_static, f"{SCALED} fallback behavior", REMOVED),
    (policies.scalers_are_fail_static, f"{SCALED} triggers 0 metadata ignoreNullValues", REMOVED),
    (policies.services_are_public_only, "Service queuecast-gateway spec ports 0 targetPort", "admin"),
    (policies.services_are_public_only, "Service queuecast-gateway spec ports 0 appProtocol", REMOVED),
    (policies.services_are_public_only, "Service queuecast-gateway spec sessionAffinity", "ClientIP"),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-default-deny spec policyTypes", ["Ingress"]),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-dns spec egress 0 ports 1", REMOVED),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-to-managed-redis spec egress 0 to", REMOVED),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-to-managed-redis spec egress 0 ports", []),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-to-managed-redis spec egress 0 to 0", {}),
    (policies.nobody_talks_unasked, "NetworkPolicy queuecast-to-managed-redis spec policyTypes", ["Ingress"]),
    (
        policies.the_admin_port_is_for_few,
        "NetworkPolicy queuecast-scrape spec ingress 0 from 0 namespaceSelector",
        {},
    ),
    (
        policies.the_admin_port_is_for_few,
        "NetworkPolicy queuecast-api-clients spec ingress 0 from 0 namespaceSelector",
        {},
    ),
    (
        policies.the_admin_port_is_for_few,
        "NetworkPolicy queuecast-gateway-from-alb spec ingress 0 from 0 ipBlock cidr",
        "0.0.0.0/0",
    ),
    (
        policies.the_nodes_credentials_are_out_of_reach,
        "NetworkPolicy queuecast-poller-to-aws spec egress 0 to 0 ipBlock cidr",
        "0.0.0.0/0",
    ),
    (
        policies.the_nodes_credentials_are_out_of_reach,
        "NetworkPolicy queuecast-poller-to-aws spec egress 1 to 1 ipBlock cidr",
        "fd00:ec2::/64",
    ),
    (policies.images_are_pinned, f"{CONTAINER} image", "queuecast-gateway"),
    (policies.images_are_pinned, f"{CONTAINER} image", "registry:5000/queuecast-gateway:latest"),
    (policies.images_are_pinned, f"{CONTAINER} imagePullPolicy", "Always"),
    (policies.secrets_are_elsewhere, f"{CONTAINER} env 0", {"name": "AWS_ACCESS_KEY_ID", "value": "a"}),
    (policies.secrets_are_elsewhere, f"{CONTAINER} env 0", {"name": "REDIS_PASSWORD", "value": "a"}),
    (policies.secrets_are_elsewhere, f"{CONTAINER} env 0", {"name": "URL", "value": "redis://a:b@c/0"}),
    (
        policies.secrets_are_elsewhere,
        f"{CONTAINER} env 0",
        {"name": "QUEUECAST_REDIS_URL", "value": "redis://c/0"},
    ),
    (policies.accounts_say_nothing, f"{POD} automountServiceAccountToken", REMOVED),
    (policies.accounts_say_nothing, f"{POD} enableServiceLinks", REMOVED),
    (policies.accounts_say_nothing, "ServiceAccount queuecast-poller automountServiceAccountToken", True),
    (
        policies.accounts_say_nothing,
        "RoleBinding queuecast-gateway-deletion-cost subjects 0 name",
        "queuecast-poller",
    ),
    (policies.rights_are_few, "Role queuecast-gateway-deletion-cost rules 0 verbs", ["*"]),
    (policies.rights_are_few, "Role queuecast-gateway-deletion-cost kind", "ClusterRole"),
    (
        policies.nothing_is_legacy_or_experimental,
        "HTTPRoute queuecast-gateway spec rules 0 timeouts",
        {"request": "60s"},
    ),
    (
        policies.nothing_is_legacy_or_experimental,
        "Ingress queuecast-gateway metadata annotations nginx.ingress.kubernetes.io/affinity",
        "cookie",
    ),
    (
        policies.namespaces_are_restricted,
        "Namespace queuecast metadata labels pod-security.kubernetes.io/enforce",
        "baseline",
    ),
    (policies.namespaces_are_restricted, "Service queuecast-gateway metadata namespace", REMOVED),
]
"""The policy that must find a mistake, where the mistake is in "everything", and the wrong value."""


def everything() -> Documents:
    namespace = [document for document in rendered("overlays/aws") if document["kind"] == "Namespace"]
    return copy.deepcopy([*rendered("everything"), *namespace])


def broken(at: str, value: Any) -> Documents:
    """Return "everything" with one mistake."""
    documents = everything()
    kind, name, *path, last = at.split()
    (inside,) = [each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    for step in path:
        inside = inside[int(step)] if isinstance(inside, list) else inside[step]
    key: Any = int(last) if isinstance(inside, list) else last
    if value is REMOVED:
        del inside[key]
    else:
        inside[key] = value
    return documents


@needs_kubectl
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
@pytest.mark.parametrize("name", RENDERS)
def test_whatever_is_rendered_obeys(name: str, policy: Policy) -> None:
    """The base, each component and each overlay obey, so that no combination brings a surprise."""
    assert not list(policy(rendered(name)))


@needs_kubectl
@pytest.mark.parametrize(
    ("policy", "at", "value"), BROKEN, ids=lambda given: getattr(given, "__name__", None)
)
def test_a_mistake_is_named(policy: Policy, at: str, value: Any) -> None:
    """A policy that never finds anything is worthless."""
    assert not list(policy(everything()))
    assert list(policy(broken(at, value)))


def test_every_policy_has_been_broken() -> None:
    """A new policy needs a case, too."""
    assert {policy for policy, _, _ in BROKEN} == set(POLICIES)
    named = [
        value
        for module in (labels, network, pods, rights, scaling)
        for value in vars(module).values()
        if getattr(value, "__module__", "") == module.__name__
    ]
    assert {value for value in named if callable(value) and not value.__name__.startswith("_")} == set(
        POLICIES
    )
