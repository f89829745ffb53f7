"""The control groups of the nodes, apart from each other and from the machine's own."""

import contextlib
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
PREFIX = "queuecast-"
CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")
CPUSET = ("cpuset.cpus", "cpuset.mems")


def of(node: str) -> str:
    """Return the name of a node's group."""
    return f"{PREFIX}{node}"


def version() -> int:
    """Return 2 if the machine has the unified hierarchy alone, or else 1."""
    return 2 if (MOUNTED / "cgroup.controllers").exists() else 1


def make(name: str) -> None:
    """Make a group in every hierarchy."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        if version() == 2:
            for controller in CONTROLLERS:
                # One that the machine lacks is one that the kubelet does not find.
                with contextlib.suppress(OSError):
                    (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}")
        elif hierarchy.name == "cpuset":
            for file in CPUSET:
                (group / file).write_text((hierarchy / file).read_text("ascii"), "ascii")


def remove_all() -> list[str]:
    """Remove the groups of all nodes, as far as nothing runs in them; return what is left."""
    left = []
    for hierarchy in _hierarchies():
        for top in hierarchy.glob(f"{PREFIX}*"):
            below = sorted((each for each in top.rglob("*") if each.is_dir()), reverse=True)
            for group in (*below, top):
                try:
                    group.rmdir()
                except OSError:
                    left.append(str(group))
    return left


def _hierarchies() -> list[Path]:
    if version() == 2:
        return [MOUNTED]
    return [each for each in MOUNTED.iterdir() if each.is_dir() and not each.is_symlink()]
