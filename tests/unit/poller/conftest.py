"""The metrics of a queue."""

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    """The poller's metrics of the queue `orders`."""
    return Figures(registry, "queuecast_poller", queue="orders")
