"""Autoscalers: one for each service, slow to remove pods, and none that fails to zero."""

from collections import Counter
from collections.abc import Iterator

from ..kustomize import Documents, find
from .pods import SERVICES


def one_autoscaler_each(documents: Documents) -> Iterator[str]:
    """Two autoscalers would fight; and each apply of a manifest with `replicas` would undo their work."""
    scaled = Counter(
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in find(documents, kind)
    )
    if scaled != dict.fromkeys(SERVICES, 1):
        yield f"autoscalers: {dict(scaled)}"
    for each in find(documents, "Deployment"):
        if each["metadata"]["name"] in scaled and "replicas" in each["spec"]:
            yield f"{each['metadata']['name']} has replicas and an autoscaler"


def scale_in_is_slow(documents: Documents) -> Iterator[str]:
    """Scale-out is fast, and neither ends at one pod."""
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for each in find(documents, kind):
            name, spec = f"{kind}/{each['metadata']['name']}", each["spec"]
            inner = (
                spec
                if kind == "HorizontalPodAutoscaler"
                else spec["advanced"]["horizontalPodAutoscalerConfig"]
            )
            up, down = inner["behavior"]["scaleUp"], inner["behavior"]["scaleDown"]
            least, most = (
                (spec["minReplicas"], spec["maxReplicas"])
                if kind == "HorizontalPodAutoscaler"
                else (spec["minReplicaCount"], spec["maxReplicaCount"])
            )
            if not 2 <= least < most:
                yield f"{name} keeps {least} to {most} pods"
            if down["stabilizationWindowSeconds"] < 900 or down["selectPolicy"] != "Min":
                yield f"{name} scales in at once"
            if [(policy["type"], policy["value"]) for policy in down["policies"]] != [("Pods", 1)]:
                yield f"{name} scales in by more than one"
            if up["stabilizationWindowSeconds"] or up["selectPolicy"] != "Max":
                yield f"{name} delays scale-out"


def autoscalers_have_cpu(documents: Documents) -> Iterator[str]:
    """They use the container's CPU, as a sidecar's would dilute the pod's."""
    for each in find(documents, "HorizontalPodAutoscaler"):
        container = each["metadata"]["name"].removeprefix("queuecast-")
        sources = [metric.get("containerResource", {}) for metric in each["spec"]["metrics"]]
        if not any(
            source.get("name") == "cpu" and source.get("container") == container for source in sources
        ):
            yield f"HorizontalPodAutoscaler/{each['metadata']['name']} does not use the CPU"
    for each in find(documents, "ScaledObject"):
        container = each["metadata"]["name"].removeprefix("queuecast-")
        if not any(
            trigger["type"] == "cpu" and trigger["metadata"]["containerName"] == container
            for trigger in each["spec"]["triggers"]
        ):
            yield f"ScaledObject/{each['metadata']['name']} does not use the CPU"


def scalers_are_fail_static(documents: Documents) -> Iterator[str]:
    """A missing Prometheus must not disconnect browsers: no value is an error, and no pod is removed."""
    for each in find(documents, "ScaledObject"):
        name, spec = each["metadata"]["name"], each["spec"]
        fallback = spec.get("fallback", {})
        if (
            fallback.get("behavior") != "currentReplicasIfHigher"
            or fallback["replicas"] < spec["minReplicaCount"]
        ):
            yield f"{name} falls back to {fallback}"
        for trigger in spec["triggers"]:
            if trigger["type"] == "prometheus" and trigger["metadata"].get("ignoreNullValues") != "false":
                yield f"{name} takes a missing answer for zero"
