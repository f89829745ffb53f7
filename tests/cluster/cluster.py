"""The whole cluster: a control plane and nodes, with names of Services."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.claims import eventually
from tests.cluster import addresses
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import Node
from tests.cluster.plane import START_SECONDS, ControlPlane
from tests.cluster.running import Programs, run

NODES = (1, 2)
COREDNS = "queuecast.test/coredns:1"
DNS = Path(__file__).with_name("dns.yaml")


@dataclass(frozen=True)
class Parts:
    """What a cluster is made of: Kubernetes' programs, network plugins, an archive of images."""

    kubernetes: Path
    plugins: Path
    images: Path


class Cluster:
    """A context manager, to be used in a network namespace of its own: inside, all nodes are ready."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._made_of = parts
        self._folder = folder
        self._parts = ExitStack()
        self.nodes: list[Node] = []
        self.kubectl: Kubectl

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def _start(self) -> None:
        logs, secrets = self._folder / "logs", self._folder / "plane"
        for folder in (logs, secrets):
            folder.mkdir()
        programs = Programs(logs, self._parts)
        _make_network()
        plane = ControlPlane(programs, self._made_of.kubernetes, secrets)
        plane.start()
        self.kubectl = Kubectl(self._made_of.kubernetes / "kubectl", plane.admin, self._folder)
        for number in NODES:
            node = Node(number, self._folder, self._made_of.plugins)
            node.connect(programs, [other for other in NODES if other != number])
            node.start_runtime(programs)
            self.nodes.append(node)
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda node: node.take(self._made_of.images), self.nodes))
        for node in self.nodes:
            node.start(programs, self._made_of.kubernetes, plane)
        # Clients reach Services through the first node, as through a load balancer.
        run(*f"ip route add {addresses.SERVICES} via {addresses.node(1)}".split())
        eventually(lambda: programs.run() and self._has_nodes(), START_SECONDS)
        self.kubectl.run("wait", "--for=condition=Ready", f"--timeout={START_SECONDS:.0f}s", "node", "--all")
        self.kubectl.apply(DNS.read_text("utf-8"))
        self.kubectl.rolled_out("kube-system", "coredns")

    def _has_nodes(self) -> bool:
        return len(self.kubectl.run("get", "nodes", "--output=name").output.split()) == len(NODES)


def resolved(names: Sequence[tuple[str, str]], folder: Path) -> None:
    """Give these names their addresses for every program that starts from now on."""
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in (("localhost", "127.0.0.1"), *names)))
    run("mount", "--bind", str(hosts), "/etc/hosts")


def _make_network() -> None:
    run(*["ip", "link", "set", "lo", "up"])
    run(*["ip", "link", "add", "cluster", "type", "bridge"])
    run(*f"ip address add {addresses.PLANE}/24 dev cluster".split())
    run(*["ip", "link", "set", "cluster", "up"])
    run(*f"ip route add default via {addresses.NOWHERE}".split())
