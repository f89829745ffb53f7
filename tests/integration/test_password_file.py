"""The password for Redis is in a file, and changes while the services run."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from queuecast_bus import BusManager, BusSettings, BusUnavailable
from queuecast_bus.connection import connect
from queuecast_bus.password_file import MAX_BYTES, PasswordFile, read_password

from .follower import record
from .publishing import confirmed
from .services import HOST, Redis, bus_settings
from .site import until

USER = "queuecast"


def set_password(redis: Redis, password: str) -> None:
    rules = ("on", "resetpass", f">{password}", "~*", "&*", "+@all")
    redis.client.execute_command("ACL", "SETUSER", USER, *rules)


async def refused_until(publisher: BusManager, reasons: list[str], claim: Callable[[], bool]) -> None:
    """Try to publish until the reason why it fails is the expected one."""
    async with asyncio.timeout(60):
        while not reasons or not claim():
            with pytest.raises(BusUnavailable) as caught:
                await publisher.publish([(record(1), "1")])
            reasons.append(str(caught.value))


async def test_a_password_that_changes_costs_one_reconnect(
    own_redis: Redis, tmp_path: Path, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Tokens live for minutes; a restart for each would end all connections of browsers."""
    path = tmp_path / "password"
    path.write_text("first/one\n")
    set_password(own_redis, "first/one")
    settings = bus_settings(f"redis://{USER}@{HOST}:{own_redis.port}/0", redis_password_file=str(path))
    follower, publisher = await follow(settings), managers(settings, write_only=True)
    await publisher.publish([(record(0), "0")])
    set_password(own_redis, "second")
    own_redis.client.client_kill_filter(_type="normal", skipme=True)
    reasons: list[str] = []
    await refused_until(publisher, reasons, lambda: "invalid username-password pair" in reasons[-1])
    assert not any("first" in reason for reason in reasons)
    path.write_text("second")
    await publisher.publish([(record(1), "1")])
    await until(lambda: len(follower.arguments) == 2)
    assert follower.gaps == []


async def test_a_file_that_is_gone_is_named(
    own_redis: Redis, tmp_path: Path, managers: Callable[..., BusManager]
) -> None:
    """And once it is back, it is used."""
    path = tmp_path / "password"
    path.write_text("hush")
    set_password(own_redis, "hush")
    settings = bus_settings(f"redis://{USER}@{HOST}:{own_redis.port}/0", redis_password_file=str(path))
    publisher = managers(settings, write_only=True)
    path.unlink()
    with pytest.raises(BusUnavailable, match="password cannot be read: No such file"):
        await publisher.publish([(record(0), "0")])
    path.write_text("hush")
    await confirmed(publisher, 0)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"x" * (MAX_BYTES + 1), b"\xff"])
def test_a_file_without_a_password_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    """At the start, and without showing any of it."""
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="password") as caught:
        BusSettings.model_validate({"redis_url": "redis://localhost", "redis_password_file": str(path)})
    assert "two" not in str(caught.value).replace(str(path), "")


def test_a_password_in_the_url_as_well_is_a_mistake(tmp_path: Path) -> None:
    """Which of the two is meant?"""
    path = tmp_path / "password"
    path.write_text("hush")
    settings = {"redis_url": "redis://user:hush@localhost", "redis_password_file": str(path)}
    with pytest.raises(ValueError, match="QUEUECAST_REDIS_URL has a password, too"):
        BusSettings.model_validate(settings)


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "rediss+sentinel"])
@pytest.mark.parametrize(("user", "credentials"), [("", ("hush",)), ("a%2Fb@", ("a/b", "hush"))])
def test_every_kind_of_connection_uses_it(
    tmp_path: Path, scheme: str, user: str, credentials: tuple[str, ...]
) -> None:
    """Sentinels have users of their own, which are not in this file."""
    path = tmp_path / "password"
    path.write_text("hush\r\n")
    assert read_password(str(path)) == "hush"
    service = "/mymaster" if "sentinel" in scheme else ""
    pool: Any = connect(
        f"{scheme}://{user}one:26379/0{service}", partial(PasswordFile, str(path))
    ).connection_pool
    provider = pool.make_connection().credential_provider
    assert isinstance(provider, PasswordFile)
    assert provider.get_credentials() == credentials
    for sentinel in pool.sentinel_manager.sentinels if service else ():
        assert sentinel.connection_pool.make_connection().credential_provider is None
