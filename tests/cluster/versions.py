"""The version of everything that took part, asked of itself."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.cluster import cgroups, programs
from tests.cluster.running import run
from tests.cluster.services import ELASTICMQ, GATEWAY, NAMESPACE, REDIS, Services
from tests.e2e.script import JS

CLIENT = JS / "node_modules" / "socket.io-client" / "package.json"


@dataclass(frozen=True)
class Fact:
    """A part and its version."""

    part: str
    version: str


def seen(services: Services, made_here: Sequence[str], prometheus: str | None) -> list[Fact]:
    """Return the versions of all parts. `made_here` are images of others that come from no registry;
    `prometheus` is the image of what KEDA asks, if there is KEDA.
    """
    kubectl = services.cluster.kubectl
    server = json.loads(kubectl.run("version", "--output=json").output)["serverVersion"]["gitVersion"]
    nodes = json.loads(kubectl.run("get", "nodes", "--output=json").output)["items"]
    node = nodes[0]["status"]["nodeInfo"]

    def inside(deployment: str, *command: str) -> str:
        where = ("--namespace", NAMESPACE, "exec", f"deployment/{deployment}", "--")
        return number(kubectl.run(*where, *command).output)

    def image(name: str) -> str:
        return f"`{name}`, made on this machine" if name in made_here else f"`{name}`"

    def image_of(deployment: str) -> str:
        (found,) = kubectl.get("deployments", NAMESPACE, f"--field-selector=metadata.name={deployment}")
        return image(found["spec"]["template"]["spec"]["containers"][0]["image"])

    facts = [
        Fact("Kubernetes: control plane, kubelet, kube-proxy (iptables), kubectl", server),
        Fact("nodes", f"{len(nodes)}, each in a network and among mounts of its own"),
        Fact("their machine", f"{os.cpu_count()} cores, Linux {number(node['kernelVersion'])}"),
        Fact("control groups", f"version {cgroups.version()}"),
        Fact("etcd", number(run("etcd", "--version"))),
        Fact("containerd", number(node["containerRuntimeVersion"])),
        Fact("runc", number(run("runc", "--version"))),
        Fact("CoreDNS", programs.COREDNS),
        Fact("Python of the images", inside(GATEWAY, "python", "-V")),
        Fact("Redis", f"{inside(REDIS, 'redis-server', '--version')}, of {image_of(REDIS)}"),
        Fact("ElasticMQ", image_of(ELASTICMQ)),
        Fact("KEDA", programs.KEDA),
        Fact("custom resources of the Gateway API", programs.GATEWAY_API.version),
        Fact("custom resources of the Prometheus operator", programs.PROMETHEUS_OPERATOR.version),
        Fact("socket.io-client", json.loads(CLIENT.read_text("utf-8"))["version"]),
    ]
    return facts if prometheus is None else [*facts, Fact("Prometheus, for KEDA", image(prometheus))]


def number(text: str) -> str:
    """Return the first version number in what a program says. Pure."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else text.strip()
