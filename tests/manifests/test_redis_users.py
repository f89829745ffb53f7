"""The passwords that `secrets.sh` makes, with a real Redis, started as the component starts it."""

import pytest
import redis

from .conftest import LocalRedis, new_secrets


def test_each_service_comes_in_with_its_password_and_nobody_without(local_redis: LocalRedis) -> None:
    """Each connects as the user with its name, who may do what the service does."""
    poller = local_redis.client("poller")
    assert poller.xadd("queuecast:{socketio}:records", {"a": "b"})
    with pytest.raises(redis.exceptions.NoPermissionError):
        poller.xrange("queuecast:{socketio}:records")
    assert local_redis.client("gateway").xrange("queuecast:{socketio}:records")
    wrong = [("gateway", local_redis.secrets["queuecast-poller"]["redis-password"]), ("default", "")]
    for user, password in wrong:
        with pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            local_redis.client(user, password).get("queuecast:{socketio}:tail")
    assert not list(local_redis.folder.glob("*.rdb"))


def test_passwords_are_new_each_time_and_fit_into_a_url() -> None:
    """They go into the URL unescaped."""
    once, again = new_secrets(), new_secrets()
    for name in ("queuecast-gateway", "queuecast-poller"):
        password = once[name]["redis-password"]
        assert password != again[name]["redis-password"]
        assert len(password) == 48
        assert password.isalnum()
    assert "REPLACE" not in once["queuecast-redis"]["users.acl"]
    assert "#" in once["queuecast-redis"]["users.acl"]
