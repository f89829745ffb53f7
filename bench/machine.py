"""What ran, and on what: versions and the processor, but nothing that identifies the machine."""

import json
import os
import platform
import tomllib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench import builds
from bench.contestants import NODE_MODULES, SERVERS
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
NODE_PACKAGES = (
    "socket.io",
    "@socket.io/redis-adapter",
    "@socket.io/redis-streams-adapter",
    "redis",
    "bun",
    "@socket.io/bun-engine",
)
RUST_PACKAGES = ("socketioxide", "tokio")


def versions(
    redis: RedisServer,
    python_packages: Sequence[str],
    node_packages: Sequence[str],
    rust_packages: Sequence[str] = (),
    *,
    go: bool = False,
) -> list[tuple[str, str]]:
    """Return the versions of everything that the figures depend on, with Node's if it has packages here."""
    found = [("Python", platform.python_version())]
    found += [(name, version(name)) for name in python_packages]
    if node_packages:
        node = Process("node", ("node", "--version"))
        node.wait(10)
        found.append(("Node", "".join(node.tail).removeprefix("v")))
        found += [(name, _node_package(name)) for name in node_packages]
    manifest = tomllib.loads((SERVERS / "oxide" / "Cargo.toml").read_text("utf-8"))
    for name in rust_packages:
        found.append((name, manifest["dependencies"][name]["version"].removeprefix("=")))
    if go:
        compiler = Process("go", ("go", "env", "GOVERSION"))
        compiler.wait(10)
        found.append(("Centrifugo", builds.CENTRIFUGO_VERSION))
        found.append(("Go", "".join(compiler.tail).removeprefix("go")))
    found.append(("Redis", redis.description))
    found.append(("kernel", f"{platform.system()} {platform.release()}"))
    return found


def processor() -> str:
    """Return the processor's name and its number of cores."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def _node_package(name: str) -> str:
    manifest = json.loads((NODE_MODULES / name / "package.json").read_text())
    return str(manifest["version"])
