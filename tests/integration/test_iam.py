"""Tokens of AWS IAM open connections, expire, and change with the credentials, while the services run."""

import json
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from queuecast_bus import BusManager

from .iam_gate import LIFETIME, REGION, IamGate
from .publishing import confirmed, refused
from .services import HOST, Redis, Service, bus_settings, free_port
from .site import until

USER = "gateway"


class Role:
    """Temporary credentials that the SDK gets from a program, as it gets a role's from AWS."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "credentials.json"
        program = folder / "credentials.sh"
        program.write_text(f"#!/bin/sh\ncat '{self._file}'\n")
        program.chmod(stat.S_IRWXU)
        config = folder / "config"
        config.write_text(f"[default]\nregion = {REGION}\ncredential_process = {program}\n")
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION"):
            monkeypatch.delenv(f"AWS_{name}", raising=False)
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        self.environment = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def gives(self, access_key: str, secret: str, lifetime: timedelta = timedelta(minutes=5)) -> None:
        """Have the SDK get these from now on. It asks again when less than ten minutes are left."""
        expires = (datetime.now(UTC) + lifetime).isoformat()
        credentials = {"AccessKeyId": access_key, "SecretAccessKey": secret, "SessionToken": "t/o+k=n"}
        self._file.write_text(json.dumps({"Version": 1, **credentials, "Expiration": expires}))


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Role:
    made = Role(tmp_path, monkeypatch)
    made.gives("ASIAFIRST", "first")
    return made


@pytest.fixture
async def gate(own_redis: Redis) -> AsyncIterator[Callable[..., Any]]:
    """Make gates that end with the test; return them with their port."""
    own_redis.client.execute_command("ACL", "SETUSER", USER, "on", ">inside", "~*", "&*", "+@all")
    made: list[IamGate] = []

    async def make(cache: str = "shop", service: str = "elasticache") -> tuple[IamGate, int]:
        made.append(IamGate(own_redis.port, USER, "inside", cache, service))
        made[-1].secrets["ASIAFIRST"] = "first"
        return made[-1], await made[-1].start()

    yield make
    for each in made:
        await each.stop()


def iam_settings(port: int, cache: str, **more: Any) -> Any:
    return bus_settings(f"redis://{USER}@{HOST}:{port}/0", redis_iam=cache, **more)


@pytest.mark.parametrize(
    ("cache", "service"),
    [
        ("elasticache:shop", "elasticache"),
        ("elasticache-serverless:shop", "elasticache"),
        ("memorydb:shop", "memorydb"),
    ],
)
@pytest.mark.usefixtures("role")
async def test_a_token_lets_the_services_in(
    gate: Callable[..., Any], cache: str, service: str, managers: Callable[..., BusManager]
) -> None:
    """Its signature is computed anew on the other side, without the SDK."""
    guard, port = await gate(service=service)
    manager = managers(iam_settings(port, cache), write_only=True)
    await confirmed(manager, 1)
    assert guard.refused == []


@pytest.mark.usefixtures("role")
async def test_a_token_for_another_cache_is_refused_and_not_shown(
    gate: Callable[..., Any], managers: Callable[..., BusManager]
) -> None:
    """The log names the reason that Redis gives. Whoever reads it must not get in."""
    guard, port = await gate(cache="other")
    manager = managers(iam_settings(port, "elasticache:shop"), write_only=True)
    why = await refused(manager, "invalid username-password pair")
    assert set(guard.refused) == {"it is for another cache, user or action"}
    assert "X-Amz" not in why


async def test_credentials_that_change_cost_one_reconnect(
    gate: Callable[..., Any],
    role: Role,
    own_redis: Redis,
    managers: Callable[..., BusManager],
    follow: Callable[..., Any],
) -> None:
    """A role's credentials live for an hour, a token for 15 minutes, a connection for twelve hours. A restart
    for each would end all connections of browsers.
    """
    guard, port = await gate()
    settings = iam_settings(port, "elasticache:shop")
    follower, publisher = await follow(settings), managers(settings, write_only=True)
    await confirmed(publisher, 0)
    role.gives("ASIASECOND", "second")
    guard.secrets = {"ASIASECOND": "second"}
    # The first tokens have expired long ago, and AWS ends the connections that they opened.
    guard.clock = lambda: datetime.now(UTC) + LIFETIME - timedelta(seconds=30)
    await confirmed(publisher, 1)
    own_redis.client.client_kill_filter(_type="normal", skipme=True)
    await until(lambda: len(follower.arguments) == 2)
    await confirmed(publisher, 2)
    await until(lambda: len(follower.arguments) == 3)
    assert follower.gaps == []
    assert guard.refused == []


@pytest.mark.usefixtures("role")
async def test_a_host_whose_clock_is_wrong_is_refused(
    gate: Callable[..., Any], managers: Callable[..., BusManager]
) -> None:
    """As AWS does it. The gate says why; AWS does not."""
    guard, port = await gate()
    guard.clock = lambda: datetime.now(UTC) + LIFETIME + timedelta(minutes=1)
    manager = managers(iam_settings(port, "elasticache:shop"), write_only=True)
    await refused(manager, "invalid username-password pair")
    assert set(guard.refused) == {"it has expired"}


async def test_a_gateway_reads_and_writes_with_tokens_also_at_a_replica(
    gate: Callable[..., Any], role: Role, start: Callable[..., Service]
) -> None:
    """The process as it is deployed: commands, the control channel and the reader."""
    _, port = await gate()
    url = f"redis://{USER}@{HOST}:{port}/0"
    iam = {"QUEUECAST_REDIS_URL": url, "QUEUECAST_REDIS_READ_URL": url}
    settings = {**role.environment, **iam, "QUEUECAST_REDIS_IAM": "elasticache:shop"}
    settings["QUEUECAST_PORT"] = str(free_port())
    gateway = start("queuecast_gateway", settings)
    await until(gateway.ready)
