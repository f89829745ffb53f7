"""Queuecast on the cluster: the overlay `local`, as the README applies it, with two components."""

import base64
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.cluster import Cluster
from tests.cluster.images import ROOT
from tests.cluster.kubectl import Document
from tests.cluster.running import run
from tests.e2e.admin import Admin
from tests.e2e.queue import Queue

from queuecast_local import sqs

K8S = ROOT / "deploy" / "k8s"
ROUTES = ROOT / "tests" / "faults" / "routes.yaml"
NAMESPACE = "queuecast"
GATEWAY, POLLER = "queuecast-gateway", "queuecast-poller"
SERVICES = (GATEWAY, POLLER)
REDIS, ELASTICMQ = "queuecast-redis", "queuecast-elasticmq"
HOST = f"{GATEWAY}.{NAMESPACE}.svc.cluster.local"
COMPONENTS = ("deletion-cost", "routes")
KEEPS_NODE = "node-1"
"""Where Redis and the queue run, which keep everything in memory; the other node is drained."""

COST = "controller.kubernetes.io/pod-deletion-cost"
ADMIN_PORT, SQS_PORT, REDIS_PORT = 9000, 9324, 6379


@dataclass(frozen=True)
class Pod:
    """A pod as the API server described it; `cost` is its deletion cost."""

    name: str
    address: str
    node: str
    ready: bool
    cost: int | None
    running: bool

    @classmethod
    def of(cls, described: Document) -> "Pod":
        meta, status = described["metadata"], described["status"]
        conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
        cost = meta.get("annotations", {}).get(COST)
        return cls(
            meta["name"],
            status.get("podIP", ""),
            described["spec"].get("nodeName", ""),
            conditions.get("Ready") == "True",
            None if cost is None else int(cost),
            status["phase"] == "Running" and "deletionTimestamp" not in meta,
        )

    def total(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; 0 if there is none yet."""
        return Admin(ADMIN_PORT, self.address).sum(metric, **labels)


class Services:
    """Call `install` first."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._kubectl = cluster.kubectl
        self._folder = folder / "overlay"
        self.queue: Queue
        self.client: Any

    def install(self) -> str:
        """Apply everything and wait until it is available; return what the API server warned of."""
        warnings = self.apply(COMPONENTS)
        secrets = run(str(K8S / "components" / "redis" / "secrets.sh"))
        warnings += self._kubectl.apply(secrets, NAMESPACE)
        self._kubectl.rolled_out(NAMESPACE, REDIS, ELASTICMQ, *SERVICES)
        self.client = sqs.client(SQS_PORT, self.address(ELASTICMQ))
        self.queue = Queue.named(self.client, sqs.QUEUE)
        return warnings

    def apply(self, components: Sequence[str], patches: Sequence[Mapping[str, Any]] = ()) -> str:
        """Apply the overlay with these components; return what the API server warned of."""
        overlay = write_overlay(self._folder, components, patches)
        rendered = self._kubectl.run("kustomize", str(overlay)).output
        return self._kubectl.apply(rendered)

    @property
    def gateways(self) -> list[Pod]:
        """All gateways, those that leave among them."""
        return self._pods(GATEWAY)

    @property
    def pollers(self) -> list[Pod]:
        """All pollers, those that leave among them."""
        return self._pods(POLLER)

    @property
    def bus(self) -> str:
        """The URL of Redis, as the gateways' user."""
        (secret,) = self._kubectl.get("secrets", NAMESPACE, f"--field-selector=metadata.name={GATEWAY}")
        password = base64.b64decode(secret["data"]["redis-password"]).decode()
        return f"redis://gateway:{password}@{self.address(REDIS)}:{REDIS_PORT}/0"

    def address(self, service: str) -> str:
        """Return the address of a Service."""
        (found,) = self._kubectl.get("services", NAMESPACE, f"--field-selector=metadata.name={service}")
        address: str = found["spec"]["clusterIP"]
        return address

    def scale(self, deployment: str, replicas: int) -> None:
        """Ask for this number of pods."""
        self._kubectl.run(
            "--namespace", NAMESPACE, "scale", f"--replicas={replicas}", f"deployment/{deployment}"
        )

    def delete(self, *pods: Pod) -> None:
        """Delete pods, and do not wait for their end."""
        names = [f"pod/{pod.name}" for pod in pods]
        self._kubectl.run("--namespace", NAMESPACE, "delete", "--wait=false", *names)

    def restart(self, *deployments: str) -> None:
        """Replace all pods, one after another, and wait for the end of it."""
        for name in deployments:
            self._kubectl.run("--namespace", NAMESPACE, "rollout", "restart", f"deployment/{name}")
        self.settle(*deployments)

    def settle(self, *deployments: str) -> None:
        """Wait until all pods that are to be there are available, and all others are gone."""
        self._kubectl.rolled_out(NAMESPACE, *deployments)
        self.gone(pod for pod in (*self.gateways, *self.pollers) if not pod.running)

    def gone(self, pods: Iterable[Pod]) -> None:
        """Wait until these pods have ended."""
        self._kubectl.gone(NAMESPACE, *(pod.name for pod in pods))

    def _pods(self, name: str) -> list[Pod]:
        found = self._kubectl.get("pods", NAMESPACE, f"--selector=app.kubernetes.io/name={name}")
        return [Pod.of(each) for each in found]


def write_overlay(folder: Path, components: Sequence[str], patches: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Write an overlay of one's own on top of `local`, and return its folder."""
    routes = folder / "routes"
    routes.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROUTES, routes / "routes.yaml")
    replaced = {"name": "queuecast-routes", "behavior": "replace", "files": ["routes.yaml"]}
    _write(routes, "Component", "v1alpha1", configMapGenerator=[replaced])

    def here(kind: str, name: str) -> str:
        # Kustomize takes relative paths only.
        return os.path.relpath(K8S / kind / name, folder)

    _write(
        folder,
        "Kustomization",
        "v1beta1",
        namespace=NAMESPACE,
        resources=[here("overlays", "local")],
        components=[*(here("components", name) for name in components), "routes"],
        patches=[*(_pinned(name) for name in (REDIS, ELASTICMQ)), *patches],
    )
    return folder


def _write(folder: Path, kind: str, version: str, **content: Any) -> None:
    head = {"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": kind}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**head, **content}), "utf-8")


def _pinned(deployment: str) -> dict[str, Any]:
    where = {"nodeSelector": {"kubernetes.io/hostname": KEEPS_NODE}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment},
        "spec": {"template": {"spec": where}},
    }
    return {"patch": yaml.safe_dump(patch)}


def now_ms() -> int:
    """Return the time, by the clock that Redis has too: everything runs on one machine."""
    return round(time.time() * 1000)
