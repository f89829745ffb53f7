"""What a pod may do and use, how it is watched, and how its pods are replaced and spread."""

import re
from collections.abc import Iterator

from ..kustomize import Documents, containers, find, pods
from .labels import SELECTED

SERVICES = ("queuecast-gateway", "queuecast-poller")

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PINNED = re.compile(r":\d[\w.-]*$|@sha256:([0-9a-f]{64}|REPLACE-WITH-[A-Z-]+)$")


def pods_are_restricted(documents: Documents) -> Iterator[str]:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and some more."""
    for name, template in pods(documents):
        spec = template["spec"]
        security = spec.get("securityContext", {})
        for host in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            if spec.get(host):
                yield f"{name} sets {host}"
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{name} has no seccomp profile"
        if security.get("sysctls"):
            yield f"{name} sets sysctls"
        if (
            not security.get("runAsNonRoot")
            or min(security.get("runAsUser", 0), security.get("runAsGroup", 0)) < 10_000
        ):
            yield f"{name} runs as root, or as a user that may exist on the node"
        for volume in spec.get("volumes", []):
            if not (volume.keys() - {"name"}) <= ALLOWED_VOLUMES:
                yield f"{name} mounts {volume}"
            if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                yield f"{name}/{volume['name']} has no size limit"
    for name, container in containers(documents):
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            yield f"{name} may escalate its privileges"
        if security.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name} has capabilities"
        if not security.get("readOnlyRootFilesystem"):
            yield f"{name} can write to its root file system"
        if {"runAsUser", "runAsNonRoot", "seccompProfile"} & security.keys():
            yield f"{name} overrides its pod's security context"
        if any("hostPort" in port for port in container["ports"]):
            yield f"{name} uses a port of the node"


def resources_are_bounded(documents: Documents) -> Iterator[str]:
    """Memory requests equal limits, so no pod is killed because of another; CPU has no limit."""
    for name, container in containers(documents):
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        if not requests.get("cpu"):
            yield f"{name} requests no CPU"
        if "cpu" in limits:
            yield f"{name} has a CPU limit"
        if not requests.get("memory") or requests["memory"] != limits.get("memory"):
            yield f"{name} has a memory request that differs from its limit"


def containers_are_watched(documents: Documents) -> Iterator[str]:
    """Each has three probes. Our services' use the admin port; liveness never checks a dependency."""
    for name, container in containers(documents):
        ports = {port["name"] for port in container["ports"]}
        for probe, path in (
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ):
            given = container.get(probe)
            if given is None:
                yield f"{name} has no {probe}"
                continue
            ours = name.split("/")[0] in SERVICES
            asked = given.get("httpGet") if ours else given.get("tcpSocket")
            if asked is None or asked["port"] not in ports:
                yield f"{name}: {probe} uses {given}"
            elif ours and asked != {"path": path, "port": "admin"}:
                yield f"{name}: {probe} requests {asked}"
            if given.get("timeoutSeconds", 1) < 2:
                yield f"{name}: {probe} times out before a busy loop can answer"


def rollouts_are_careful(documents: Documents) -> Iterator[str]:
    """No pod is removed before its replacement is ready, unless there may be only one."""
    for each in find(documents, "Deployment"):
        name, spec = each["metadata"]["name"], each["spec"]
        if name not in SERVICES:
            if spec["strategy"] != {"type": "Recreate"} or spec["replicas"] != 1:
                yield f"{name} may run twice"
            continue
        rolling = spec["strategy"].get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{name} removes pods before their replacements are ready"
        if not spec.get("minReadySeconds"):
            yield f"{name} has no minReadySeconds"
        if (
            spec.get("progressDeadlineSeconds", 600)
            <= 2 * spec["template"]["spec"]["terminationGracePeriodSeconds"]
        ):
            yield f"{name} has a progress deadline that may end while it drains"


def evictions_are_few(documents: Documents) -> Iterator[str]:
    """Pods are evicted one at a time; a broken one can always be evicted."""
    for name in SERVICES:
        for budget in find(documents, "PodDisruptionBudget", name) or [{"spec": {}}]:
            spec = {key: value for key, value in budget["spec"].items() if key != "selector"}
            if spec != {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}:
                yield f"{name} has the disruption budget {spec}"


def pods_are_spread(documents: Documents) -> Iterator[str]:
    """Pods spread over zones, then over nodes; each ReplicaSet is counted separately."""
    for name, template in pods(documents):
        if name not in SERVICES:
            continue
        spread = template["spec"].get("topologySpreadConstraints", [])
        if [each["topologyKey"] for each in spread] != [
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        ]:
            yield f"{name} is spread over {[each['topologyKey'] for each in spread]}"
        for each in spread:
            labels = each["labelSelector"]["matchLabels"]
            if each.get("matchLabelKeys") != ["pod-template-hash"] or labels.keys() != SELECTED:
                yield f"{name} counts the pods of {labels} and {each.get('matchLabelKeys')}"
            if not labels.items() <= template["metadata"]["labels"].items():
                yield f"{name} counts pods of another workload"


def images_are_pinned(documents: Documents) -> Iterator[str]:
    """Each image has a version or a digest, so that tomorrow's pods run what today's run."""
    for name, container in containers(documents):
        if not PINNED.search(container["image"]):
            yield f"{name} runs {container['image']}"
        if container.get("imagePullPolicy") != "IfNotPresent":
            yield f"{name} needs its registry at each start"


def namespaces_are_restricted(documents: Documents) -> Iterator[str]:
    """If there is a Namespace, the cluster itself enforces what `pods_are_restricted` checks."""
    names = {each["metadata"]["name"] for each in find(documents, "Namespace")}
    for each in find(documents, "Namespace"):
        labels = each["metadata"]["labels"]
        if any(
            labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted"
            for mode in ("enforce", "audit", "warn")
        ):
            yield f"Namespace/{each['metadata']['name']} accepts any pod"
    for each in documents:
        if names and each["kind"] != "Namespace" and each["metadata"].get("namespace") not in names:
            yield f"{each['kind']}/{each['metadata']['name']} is in no namespace of ours"
