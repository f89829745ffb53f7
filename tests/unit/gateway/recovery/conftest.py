"""A replica, and a session that began elsewhere."""

from typing import Any, cast

import pytest
from tests.unit.replica import Bench, make_bench

from queuecast_gateway.recovery.session_store import SessionStore

from .session_redis import FakeRedis


@pytest.fixture
def bench() -> Bench:
    return make_bench()


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def sessions(redis: FakeRedis) -> SessionStore:
    return SessionStore(cast("Any", redis), ttl_seconds=60, away_seconds=30)
