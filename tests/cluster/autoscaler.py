"""KEDA on the cluster, as its own manifests install it, and a Prometheus that it asks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.claims import eventually
from tests.cluster.images import ROOT, Program
from tests.cluster.kubectl import Document
from tests.cluster.services import COMPONENTS, ELASTICMQ, NAMESPACE, SQS_PORT, Services

KEDA, MONITORING = "keda", "monitoring"
REGISTRY = "ghcr.io/kedacore/"
TAG = "queuecast.test/{}:1"
USER = "65532"
PROGRAMS = (
    ("keda", "operator"),
    ("keda-metrics-apiserver", "adapter"),
    ("keda-admission-webhooks", "webhooks"),
)
"""The names of KEDA's images, and of the packages of their programs."""

STARTED_AS = {"keda-metrics-apiserver": "keda-adapter"}
DEPLOYMENTS = ("keda-operator", "keda-metrics-apiserver", "keda-admission")
PROMETHEUS = Path(__file__).with_name("prometheus.yaml")
SCALED = ("queuecast-gateway", "queuecast-poller")
WITHIN_SECONDS = 600.0


def prometheus_image() -> str:
    """Return the image of Prometheus, which is that of Compose."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    image: str = compose["services"]["prometheus"]["image"]
    return image


def programs(folder: Path) -> list[Program]:
    """Return the images of KEDA's programs."""
    return [
        Program(TAG.format(image), folder / package, STARTED_AS.get(image, image), USER)
        for image, package in PROGRAMS
    ]


class Autoscaler:
    """Call `install` first. `manifests` is the folder of KEDA's own."""

    def __init__(self, services: Services, manifests: Path, folder: Path) -> None:
        self._services = services
        self._kubectl = services.cluster.kubectl
        self._manifests = manifests
        self._folder = folder / KEDA

    def install(self) -> str:
        """Install KEDA and Prometheus, apply the component, and wait until it scales; return warnings."""
        overlay = write_overlay(self._folder, self._manifests)
        self._kubectl.apply(self._kubectl.run("kustomize", str(overlay)).output)
        text = PROMETHEUS.read_text("utf-8").replace("IMAGE", prometheus_image())
        self._kubectl.apply(text)
        self._kubectl.rolled_out(KEDA, *DEPLOYMENTS)
        self._kubectl.rolled_out(MONITORING, "prometheus")
        warnings = self._services.apply((*COMPONENTS, "keda"), _filled_in())
        eventually(lambda: self.fallbacks() == dict.fromkeys(SCALED, "False"), WITHIN_SECONDS)
        return warnings

    def fallbacks(self) -> dict[str, str]:
        """Return whether each ScaledObject has fallen back: True, False or Unknown."""
        found = self._kubectl.get("scaledobjects", NAMESPACE)
        return {each["metadata"]["name"]: _condition(each, "Fallback") for each in found}

    def prometheus(self, replicas: int) -> None:
        """Start or stop Prometheus."""
        what = ("scale", "deployment/prometheus", f"--replicas={replicas}")
        self._kubectl.run("--namespace", MONITORING, *what)


def write_overlay(folder: Path, manifests: Path) -> Path:
    """Write the overlay that installs KEDA with the images of this cluster, and return its folder."""
    folder.mkdir(exist_ok=True)
    container = "/spec/template/spec/containers/0"
    local = [{"op": "replace", "path": f"{container}/imagePullPolicy", "value": "Never"}]
    # KEDA asks the queue as whoever its operator is; ElasticMQ takes anybody.
    added = [
        {"op": "add", "path": f"{container}/env/-", "value": {"name": name, "value": "local"}}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    ]
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        # Kustomize takes relative paths only.
        "resources": [os.path.relpath(manifests / "config" / "default", folder)],
        "images": [
            {"name": REGISTRY + image, "newName": TAG.format(image).partition(":")[0], "newTag": "1"}
            for image, _ in PROGRAMS
        ],
        "patches": [
            {"target": {"kind": "Deployment"}, "patch": yaml.safe_dump(local)},
            {"target": {"kind": "Deployment", "name": "keda-operator"}, "patch": yaml.safe_dump(added)},
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return folder


def _filled_in() -> list[Mapping[str, Any]]:
    """Return the patches that point the component at the cluster's queue, as its README says to edit it."""
    endpoint = f"http://{ELASTICMQ}.{NAMESPACE}.svc:{SQS_PORT}"
    values = {
        "queueURL": f"{endpoint}/000000000000/queuecast",
        "awsRegion": "us-east-1",
        "awsEndpoint": endpoint,
    }
    operations = [
        {"op": "add", "path": f"/spec/triggers/0/metadata/{name}", "value": value}
        for name, value in values.items()
    ]
    target = {"kind": "ScaledObject", "name": "queuecast-poller"}
    return [{"target": target, "patch": yaml.safe_dump(operations)}]


def _condition(described: Document, kind: str) -> str:
    conditions = described.get("status", {}).get("conditions", ())
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "Unknown")
