"""The passwords that `secrets.sh` makes, at a real Redis that is started as the component starts it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local.redis_server import find as find_redis

from .kustomize import K8S, plain_files

FOLDER = K8S / "components" / "redis"


def secrets() -> dict[str, dict[str, str]]:
    """Run the script, and return what a cluster would have then."""
    made = subprocess.run([FOLDER / "secrets.sh"], capture_output=True, text=True, check=True)
    assert made.stderr == ""
    documents = list(yaml.safe_load_all(made.stdout))
    assert all(
        (each["apiVersion"], each["kind"], each["type"]) == ("v1", "Secret", "Opaque") for each in documents
    )
    return {each["metadata"]["name"]: each["stringData"] for each in documents}


def arguments() -> list[str]:
    (deployment,) = [
        document
        for path, document in plain_files()
        if path == "components/redis/deployment.yaml" and document["kind"] == "Deployment"
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return list(container["args"])


@pytest.fixture
def port() -> Iterator[int]:
    block = PortBlock()
    yield block.port()
    block.close()


def test_each_service_comes_in_with_its_password_and_nobody_without(port: int, tmp_path: Path) -> None:
    """And Redis takes our settings: one that it does not know would end its start."""
    server = find_redis()
    if not server.real:
        pytest.skip("there is no real Redis here")
    made = secrets()
    users = tmp_path / "users.acl"
    users.write_text(made["queuecast-redis"]["users.acl"])
    options = [
        {"/data": str(tmp_path), "/etc/queuecast/users.acl": str(users)}.get(each, each)
        for each in arguments()
    ]
    process = subprocess.Popen([*server.command, "--port", str(port), *options], stdout=subprocess.DEVNULL)
    try:

        def client(user: str, password: str) -> Any:
            return redis.Redis(port=port, username=user, password=password, socket_timeout=5, retry=None)

        def answer() -> str:
            try:
                client("gateway", made["queuecast-gateway"]["redis-password"]).ping()
            except redis.ConnectionError:
                assert process.poll() is None
                return ""
            return "pong"

        assert eventually(answer) == "pong"
        poller = client("poller", made["queuecast-poller"]["redis-password"])
        assert poller.xadd("queuecast:{socketio}:records", {"a": "b"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            poller.xrange("queuecast:{socketio}:records")
        for user, password in [("gateway", made["queuecast-poller"]["redis-password"]), ("default", "")]:
            with pytest.raises((redis.AuthenticationError, redis.ResponseError)):
                client(user, password).get("queuecast:{socketio}:tail")
        assert not list(tmp_path.glob("*.rdb"))
    finally:
        process.terminate()
        process.wait(timeout=10)


def test_passwords_are_new_each_time_and_fit_into_a_url() -> None:
    """They are put into it as they are."""
    once, again = secrets(), secrets()
    for name in ("queuecast-gateway", "queuecast-poller"):
        password = once[name]["redis-password"]
        assert password != again[name]["redis-password"]
        assert len(password) == 48
        assert password.isalnum()
    assert "REPLACE" not in once["queuecast-redis"]["users.acl"]
    assert "#" in once["queuecast-redis"]["users.acl"]
