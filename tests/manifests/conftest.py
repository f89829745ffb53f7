"""A Redis started as the component `redis` starts it, with the users that its script makes."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local.processes import Process
from queuecast_local.redis_server import find as find_redis

from .kustomize import K8S, parsed, plain_files

Secrets = dict[str, dict[str, str]]


def new_secrets() -> Secrets:
    """Run the script; return the secrets that a cluster would have then."""
    script = K8S / "components" / "redis" / "secrets.sh"
    made = subprocess.run([script], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    documents = parsed(made.stdout)
    assert all(
        (each["apiVersion"], each["kind"], each["type"]) == ("v1", "Secret", "Opaque") for each in documents
    )
    return {each["metadata"]["name"]: each["stringData"] for each in documents}


@dataclass(frozen=True)
class LocalRedis:
    """The address of the local Redis, and its users' passwords."""

    port: int
    secrets: Secrets
    folder: Path

    def client(self, user: str, password: str | None = None) -> Any:
        """Return a client for a user, with the user's own password or another."""
        if password is None:
            password = self.secrets[f"queuecast-{user}"]["redis-password"]
        return redis.Redis(port=self.port, username=user, password=password, socket_timeout=30, retry=None)


@pytest.fixture(scope="session")
def ports() -> Iterator[PortBlock]:
    block = PortBlock()
    yield block
    block.close()


@pytest.fixture
def local_redis(ports: PortBlock, tmp_path: Path) -> Iterator[LocalRedis]:
    """A running Redis; it accepted every option, as an unknown one would end its start."""
    server = find_redis()
    if not server.real:
        pytest.skip("this machine has no real Redis")
    made = LocalRedis(ports.port(), new_secrets(), tmp_path)
    users = tmp_path / "users.acl"
    users.write_text(made.secrets["queuecast-redis"]["users.acl"])
    places = {"/data": str(tmp_path), "/etc/queuecast/users.acl": str(users)}
    options = [places.get(each, each) for each in _arguments()]
    process = Process("redis", [*server.command, "--port", str(made.port), *options])

    def answers() -> bool:
        assert process.exit_code is None, "\n".join(process.tail)
        try:
            return bool(made.client("gateway").ping())
        except redis.ConnectionError:
            return False

    eventually(answers)
    yield made
    process.stop(grace_seconds=2)


def _arguments() -> list[str]:
    (deployment,) = [
        document
        for path, document in plain_files()
        if path == "components/redis/deployment.yaml" and document["kind"] == "Deployment"
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return list(container["args"])
