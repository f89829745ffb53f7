"""What `make cluster` needs on the machine, and how to have it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e import javascript

PACKAGES: Mapping[str, str] = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "sysctl": "procps",
}
"""Programs, and the packages of Debian that have them."""

PLUGINS = ("ptp", "host-local", "loopback")
PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
OLDEST_GO = (1, 26)


def missing() -> list[str]:
    """Return a line for each thing that is missing, with what to do about it."""
    if sys.platform != "linux":
        return [f"Linux: a node needs its kernel, and this is {sys.platform}; use a virtual machine"]
    lines = []
    if os.geteuid():
        lines.append("root, who makes namespaces, mounts and control groups: run it as root, or with sudo")
    packages = sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})
    if plugin_folder() is None:
        packages.append("containernetworking-plugins")
    if packages:
        lines.append(f"programs of a node: on Debian, `apt-get install {' '.join(packages)}`")
    if (go := go_version()) < OLDEST_GO:
        found = ".".join(map(str, go)) if go > (0, 0) else "none"
        oldest = ".".join(map(str, OLDEST_GO))
        lines.append(f"Go {oldest} or newer, which builds Kubernetes: https://go.dev/dl; found {found}")
    if subprocess.run(("sh", "-c", "docker info"), capture_output=True, check=False).returncode:
        lines.append("Docker, for the images: https://docs.docker.com/engine/install; `docker info` fails")
    if why := javascript.missing():
        lines.append(f"the clients: {why}")
    return lines


def plugin_folder() -> Path | None:
    """Return the folder that has all network plugins (CNI) that a node needs."""
    return next((each for each in PLUGIN_FOLDERS if all((each / name).exists() for name in PLUGINS)), None)


def go_version() -> tuple[int, int]:
    """Return Go's version; (0, 0) without Go."""
    if shutil.which("go") is None:
        return (0, 0)
    told = subprocess.run(("go", "version"), capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else (0, 0)
