"""Labels, selectors, and names that documents have of each other."""

from collections.abc import Iterator

from ..kustomize import Documents, containers, find, pods

RECOMMENDED = {
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "component", "part-of")
} | {"app.kubernetes.io/managed-by"}
SELECTED = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
"""The labels that selectors use. They never change, because a Deployment's selector is immutable."""


def labels_are_complete(documents: Documents) -> Iterator[str]:
    """You can find every object of ours, or of one version, by its labels."""
    labelled = [(f"{each['kind']}/{each['metadata']['name']}", each) for each in documents]
    for name, each in [*labelled, *pods(documents)]:
        if missing := RECOMMENDED - each["metadata"].get("labels", {}).keys():
            yield f"{name} has no {', '.join(sorted(missing))}"


def selectors_are_stable(documents: Documents) -> Iterator[str]:
    """Selectors use only stable labels, and each selects one kind of pod that exists."""
    templates = [template["metadata"]["labels"] for _, template in pods(documents)]
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor", "Service"):
        for each in find(documents, kind):
            selector = each["spec"]["selector"]
            labels = selector if kind == "Service" else selector["matchLabels"]
            if labels.keys() != SELECTED or labels["app.kubernetes.io/instance"] != "queuecast":
                yield f"{kind}/{each['metadata']['name']} selects by {labels}"
            if sum(labels.items() <= given.items() for given in templates) != 1:
                yield f"{kind}/{each['metadata']['name']} does not select exactly one kind of pod"


def nothing_hangs_in_the_air(documents: Documents) -> Iterator[str]:
    """Everything that an object names exists: accounts, settings, targets, ports."""
    names = {(each["kind"], each["metadata"]["name"]) for each in documents}
    for name, template in pods(documents):
        spec = template["spec"]
        wanted = {("ServiceAccount", spec["serviceAccountName"])}
        for container in spec["containers"]:
            wanted |= {
                ("ConfigMap", source["configMapRef"]["name"]) for source in container.get("envFrom", [])
            }
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            if unknown := mounted - {volume["name"] for volume in spec.get("volumes", [])}:
                yield f"{name} mounts {unknown}"
        wanted |= {
            ("ConfigMap", volume["configMap"]["name"])
            for volume in spec.get("volumes", [])
            if "configMap" in volume
        }
        yield from (f"{name} names {kind}/{missing}" for kind, missing in wanted - names)
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for each in find(documents, kind):
            if ("Deployment", each["spec"]["scaleTargetRef"]["name"]) not in names:
                yield f"{kind}/{each['metadata']['name']} scales nothing"
    ports = {port["name"] for _, container in containers(documents) for port in container["ports"]}
    for each in find(documents, "Service"):
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service/{each['metadata']['name']} points to the missing port {port['targetPort']}"
