"""Every rendering of deploy/k8s, applied by a real API server, strictly, where `restricted` is enforced."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.cluster import programs
from tests.cluster.kubectl import Document, Kubectl
from tests.cluster.services import NAMESPACE
from tests.manifests.kustomize import RENDERS, find, rendered

UNFILLED = "overlays/aws"
"""It has placeholders that no API server takes, and is rendered with values as well."""

LEVELS = ("enforce", "audit", "warn")
CRDS_WITHIN = "120s"


FOLDERS = (
    (programs.GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_*.yaml"),
    (programs.PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/monitoring.coreos.com_*.yaml"),
    (programs.AUTOSCALER, "config/crd/bases/keda.sh_*.yaml"),
)
"""Where the modules of others have the definitions of their custom resources."""


@dataclass(frozen=True)
class Admitted:
    """What was applied, and everything that the API server said about it."""

    renderings: int
    objects: int
    troubles: tuple[str, ...]


def crds() -> list[Path]:
    """Return the files that define custom resources. Raises `NotBuilt` if a module is out of reach."""
    return [path for recipe, pattern in FOLDERS for path in sorted(programs.files(recipe).glob(pattern))]


def apply_all(kubectl: Kubectl, crds: Sequence[Path]) -> Admitted:
    """Apply one rendering after another, look for differences, and remove it again. No pod is started."""
    for path in crds:
        kubectl.apply(path.read_text("utf-8"))
    kubectl.run("wait", "--for=condition=Established", f"--timeout={CRDS_WITHIN}", "crd", "--all")
    kubectl.apply(yaml.safe_dump_all([_namespace(), _no_pods()]))
    names = [name for name in RENDERS if name != UNFILLED]
    troubles = tuple(trouble for name in names for trouble in _applied(kubectl, name))
    kubectl.run("delete", "namespace", NAMESPACE)
    return Admitted(len(names), sum(len(rendered(name)) for name in names), troubles)


def _applied(kubectl: Kubectl, name: str) -> Iterator[str]:
    # An overlay's own namespace has the same name and levels.
    documents = [each for each in rendered(name) if each not in find(rendered(name), "Namespace")]
    text = yaml.safe_dump_all(documents)
    try:
        if said := kubectl.apply(text, NAMESPACE):
            yield f"{name}: {said.strip()}"
        where = ("--namespace", NAMESPACE, "--filename=-")
        again = kubectl.run("diff", *where, "--server-side", "--force-conflicts", stdin=text, may_fail=True)
        if again.output or again.warnings:
            yield f"{name}, applied once more: {(again.output or again.warnings).strip()}"
        kubectl.run("delete", *where, "--ignore-not-found", stdin=text)
    except AssertionError as exc:
        yield f"{name}: {exc}"


def _namespace() -> Document:
    levels = {f"pod-security.kubernetes.io/{level}": "restricted" for level in LEVELS}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": levels}}


def _no_pods() -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-pods", "namespace": NAMESPACE},
        "spec": {"hard": {"pods": "0"}},
    }
