"""The control plane: etcd, the API server, the controller manager and the scheduler."""

import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.claims import eventually
from tests.cluster import addresses
from tests.cluster.certificates import Authority, Pair, signing_key
from tests.cluster.running import Programs

START_SECONDS = 600.0
"""A busy machine may take minutes."""

AUTOSCALER_SECONDS = 5
"""How often autoscalers look; 15 by default."""

SERVERS = (
    "localhost",
    "127.0.0.1",
    addresses.PLANE,
    addresses.KUBERNETES,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{addresses.DOMAIN}",
)


@dataclass(frozen=True)
class Etcd:
    """Its URLs, for members and for clients."""

    clients: str = "http://127.0.0.1:2379"
    members: str = "http://127.0.0.1:2380"


class ControlPlane:
    """Call `start` first; `admin` is then a configuration that may do everything."""

    def __init__(self, programs: Programs, kubernetes: Path, folder: Path) -> None:
        self._programs = programs
        self._kubernetes = kubernetes
        self._folder = folder
        self.authority = Authority(folder, "cluster")
        self._front = Authority(folder, "front")
        self.admin = self.identity("admin", "system:masters")

    def identity(self, user: str, group: str = "") -> Path:
        """Return the file with which a program is this user at the API server."""
        return self._configuration(user, self.authority.sign(user, group))

    def start(self) -> None:
        """Start everything, and wait until the API server is ready."""
        etcd, tokens = Etcd(), signing_key(self._folder)
        self._programs.start("etcd", "etcd", *self._etcd(etcd))
        self._start("kube-apiserver", *self._api(etcd, tokens))
        eventually(lambda: self._programs.run() and self._ready(), START_SECONDS)
        manager = self.identity("system:kube-controller-manager")
        self._start(
            "kube-controller-manager",
            *self._known_by(manager),
            f"--root-ca-file={self.authority.pair.certificate}",
            f"--service-account-private-key-file={tokens}",
            "--use-service-account-credentials",
            f"--horizontal-pod-autoscaler-sync-period={AUTOSCALER_SECONDS}s",
        )
        self._start("kube-scheduler", *self._known_by(self.identity("system:kube-scheduler")))

    def _etcd(self, etcd: Etcd) -> tuple[str, ...]:
        return (
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={etcd.clients}",
            f"--advertise-client-urls={etcd.clients}",
            f"--listen-peer-urls={etcd.members}",
            f"--initial-advertise-peer-urls={etcd.members}",
            f"--initial-cluster=default={etcd.members}",
        )

    def _api(self, etcd: Etcd, tokens: Path) -> tuple[str, ...]:
        server = self.authority.sign("kube-apiserver", addresses=SERVERS)
        kubelets = self.authority.sign("kube-apiserver-kubelet-client", "system:masters")
        proxy = self._front.sign("front-proxy-client")
        return (
            f"--etcd-servers={etcd.clients}",
            f"--advertise-address={addresses.PLANE}",
            f"--service-cluster-ip-range={addresses.SERVICES}",
            f"--tls-cert-file={server.certificate}",
            f"--tls-private-key-file={server.key}",
            f"--client-ca-file={self.authority.pair.certificate}",
            "--authorization-mode=Node,RBAC",
            f"--service-account-issuer=https://kubernetes.default.svc.{addresses.DOMAIN}",
            f"--service-account-key-file={tokens}",
            f"--service-account-signing-key-file={tokens}",
            f"--kubelet-client-certificate={kubelets.certificate}",
            f"--kubelet-client-key={kubelets.key}",
            "--kubelet-preferred-address-types=InternalIP",
            # For KEDA, whose metrics are an API of their own.
            "--enable-aggregator-routing",
            f"--requestheader-client-ca-file={self._front.pair.certificate}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={proxy.certificate}",
            f"--proxy-client-key-file={proxy.key}",
        )

    @staticmethod
    def _known_by(configuration: Path) -> tuple[str, ...]:
        options = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        return (*(f"--{option}={configuration}" for option in options), "--leader-elect=false")

    def _start(self, name: str, *options: str) -> None:
        self._programs.start(name, str(self._kubernetes / name), *options)

    def _configuration(self, user: str, pair: Pair) -> Path:
        cluster = {
            "server": addresses.API,
            "certificate-authority": str(self.authority.pair.certificate),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate": str(pair.certificate), "client-key": str(pair.key)},
                }
            ],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
            "current-context": "lab",
        }
        path = self._folder / f"{user.replace(':', '-')}.yaml"
        path.write_text(yaml.safe_dump(content), "utf-8")
        return path

    def _ready(self) -> bool:
        trusting = ssl.create_default_context(cafile=str(self.authority.pair.certificate))
        trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            with urllib.request.urlopen(f"{addresses.API}/readyz", context=trusting, timeout=10) as answer:
                return bool(answer.read() == b"ok")
        except (OSError, urllib.error.HTTPError):
            return False
