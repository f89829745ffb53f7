"""Which Redis `make run` starts, and with which options."""

import shutil

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


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "x86_64"), ("Linux", "aarch64")])
def test_nothing_is_installed_where_the_wheel_does_not_run(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    """The download could only fail."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert redis_server.from_pip() is None
