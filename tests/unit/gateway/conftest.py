"""A Socket.IO server without sockets, and its metrics."""

from collections.abc import Callable
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.browser import make_server
from tests.unit.fakes import Figures
from tests.unit.gateway.fakes import FakeSessions

from queuecast_gateway.server.socketio_server import SocketServer


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    """The gateway's metrics."""
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def make(registry: CollectorRegistry) -> Callable[..., SocketServer]:
    """Make a server with these settings."""
    return partial(make_server, registry, FakeSessions())


@pytest.fixture
def server(make: Callable[..., SocketServer]) -> SocketServer:
    """A server with the default settings."""
    return make()
