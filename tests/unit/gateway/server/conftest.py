"""A gateway that requires tokens."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import make_server
from tests.unit.fake_loop import Loop
from tests.unit.fakes import FakeClock, Figures
from tests.unit.gateway.fakes import FakeSessions
from tests.unit.gateway.server.token_gateway import NOW, FakeTokens, TokenGateway

from queuecast_gateway.access.authenticator import TokenAuthenticator
from queuecast_gateway.access.grant import patterns
from queuecast_gateway.limits.failure_limiter import FailureLimiter


@pytest.fixture
def make_gateway(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TokenGateway]:
    loop = Loop()
    loop.drive(monkeypatch)

    def gateway(most_tries: int = 0, **options: Any) -> TokenGateway:
        tokens, sessions, registry = FakeTokens(), FakeSessions(), CollectorRegistry()
        verifier: Any = tokens
        guard = TokenAuthenticator(verifier, FailureLimiter(most_tries, 60), patterns(["news"]), 0)
        # No ping during a test: nobody would answer it.
        options |= {"ping_interval_seconds": 10_000, "stream_max_seconds": 86_400}
        server = make_server(registry, sessions, guard, **options)
        clock = server.authentication.identities.now = FakeClock(NOW)
        return TokenGateway(server, tokens, sessions, clock, loop, Figures(registry, "queuecast_gateway"))

    return gateway


@pytest.fixture
def gateway(make_gateway: Callable[..., TokenGateway]) -> TokenGateway:
    return make_gateway()
