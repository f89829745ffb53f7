"""A real node: containerd, the kubelet and kube-proxy, in a network and among mounts of their own."""

import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from tests.claims import eventually
from tests.cluster import addresses, cgroups
from tests.cluster.plane import START_SECONDS, ControlPlane
from tests.cluster.running import Programs, in_namespaces, run

PAUSE = "queuecast.test/pause:1"
OWN_MOUNTS = ("/run", "/var/lib", "/var/log")
"""Where these programs keep what is the machine's. Each node has its own, in memory."""

SOCKET = "/run/containerd/containerd.sock"
HOLDER = f"""set -e
for folder in {" ".join(OWN_MOUNTS)}; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p /run/netns
mount --make-rshared /
echo mounted
exec sleep infinity
"""


class Node:
    """The node with this number, from 1. `start` needs the control plane; `take` gives it images."""

    def __init__(self, number: int, folder: Path, plugins: Path) -> None:
        self.name = f"node-{number}"
        self._number = number
        self._folder = folder / self.name
        self._folder.mkdir()
        self._plugins = plugins
        self._pid: int

    def connect(self, programs: Programs, others: Sequence[int]) -> None:
        """Make its namespaces, and connect it to the control plane and to other nodes."""
        holder = programs.start(self.name, "unshare", "--net", "--mount", "sh", "-c", HOLDER)
        eventually(lambda: "mounted" in holder.tail, START_SECONDS)
        self._pid = holder.pid
        own = addresses.node(self._number)
        run(*f"ip link add {self.name} type veth peer name eth0 netns {self._pid}".split())
        run(*f"ip link set {self.name} master cluster up".split())
        self.inside(*f"ip address add {own}/24 dev eth0".split())
        for device in ("lo", "eth0"):
            self.inside(*f"ip link set {device} up".split())
        self.inside(*f"ip route add default via {addresses.NOWHERE}".split())
        for other in others:
            self.inside(*f"ip route add {addresses.pods(other)} via {addresses.node(other)}".split())
        self.inside("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        run(*f"ip route add {addresses.pods(self._number)} via {own}".split())

    def start_runtime(self, programs: Programs) -> None:
        """Start containerd."""
        self._start(programs, "containerd", "containerd", "--config", self._containerd())
        eventually(
            lambda: programs.run() and self._answers("ctr", "--address", SOCKET, "version"), START_SECONDS
        )

    def start(self, programs: Programs, kubernetes: Path, plane: ControlPlane) -> None:
        """Start the kubelet and kube-proxy; the node is ready some time later."""
        identity = plane.identity(f"system:node:{self.name}", "system:nodes")
        kubelet = self._written("kubelet.yaml", _kubelet(self.name, plane.authority.pair.certificate))
        self._start(
            programs,
            "kubelet",
            str(kubernetes / "kubelet"),
            f"--config={kubelet}",
            f"--kubeconfig={identity}",
            f"--hostname-override={self.name}",
            f"--node-ip={addresses.node(self._number)}",
            f"--node-labels=topology.kubernetes.io/zone=zone-{self._number}",
        )
        proxy = self._written("kube-proxy.yaml", _proxy(self.name, plane.identity("system:kube-proxy")))
        self._start(programs, "kube-proxy", str(kubernetes / "kube-proxy"), f"--config={proxy}")

    def take(self, images: Path) -> None:
        """Import an archive of images."""
        self.inside("ctr", "--address", SOCKET, "--namespace", "k8s.io", "images", "import", str(images))

    def inside(self, *command: str) -> str:
        """Run a command in its namespaces."""
        return run(*in_namespaces(self._pid, command))

    def _start(self, programs: Programs, name: str, *command: str) -> None:
        programs.start(f"{self.name}-{name}", *in_namespaces(self._pid, command))

    def _answers(self, *command: str) -> bool:
        try:
            self.inside(*command)
        except AssertionError:
            return False
        return True

    def _containerd(self) -> str:
        networks = self._folder / "networks"
        networks.mkdir()
        ranges = [[{"subnet": addresses.pods(self._number)}]]
        ipam = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
        network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": ipam}]}
        (networks / "pods.conflist").write_text(json.dumps(network), "utf-8")
        path = self._folder / "containerd.toml"
        path.write_text(
            f"""version = 2
root = "{self._folder / "containerd"}"
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
disable_apparmor = true
# Not every machine's root may make a process less likely to be killed.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{self._plugins}"
conf_dir = "{networks}"
""",
            "utf-8",
        )
        return str(path)

    def _written(self, name: str, content: object) -> Path:
        path = self._folder / name
        path.write_text(yaml.safe_dump(content), "utf-8")
        return path


def _kubelet(name: str, authority: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        # Two kubelets of one machine would remove each other's pods.
        "cgroupRoot": f"/{cgroups.of(name)}",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [addresses.DNS],
        "clusterDomain": addresses.DOMAIN,
        "resolvConf": "",
        "failCgroupV1": False,
        "failSwapOn": False,
        # The disk is the machine's: nothing here is removed for want of room.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi"},
    }


def _proxy(name: str, identity: Path) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(identity)},
        "mode": "iptables",
        "clusterCIDR": addresses.PODS,
        "hostnameOverride": name,
        # The machine's limits of connection tracking are left as they are.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }
