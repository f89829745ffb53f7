"""What ran, and on what: versions and the processor, and nothing that names this very machine."""

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.contestants import NODE_MODULES
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

PYTHON_PACKAGES = (
    "queuecast-gateway",
    "python-socketio",
    "python-engineio",
    "uvicorn",
    "uvloop",
    "websockets",
)
NODE_PACKAGES = ("socket.io", "@socket.io/redis-adapter", "redis")


def versions(
    redis: RedisServer, python_packages: Sequence[str], node_packages: Sequence[str]
) -> list[tuple[str, str]]:
    """Return names and versions of everything that the figures hang on; Node's if any package of it does."""
    found = [("Python", platform.python_version())]
    found += [(name, version(name)) for name in python_packages]
    if node_packages:
        node = Process("node", ("node", "--version"))
        node.wait(10)
        found.append(("Node", "".join(node.tail).removeprefix("v")))
        found += [(name, _node_package(name)) for name in node_packages]
    found.append(("Redis", redis.description))
    found.append(("kernel", f"{platform.system()} {platform.release()}"))
    return found


def processor() -> str:
    """Return the processor's name and how many cores of it there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def _node_package(name: str) -> str:
    manifest = json.loads((NODE_MODULES / name / "package.json").read_text())
    return str(manifest["version"])
