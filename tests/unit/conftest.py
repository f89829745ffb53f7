"""The unit tier: no sockets, no sleep, no clock; asyncio watches for what was never awaited."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings
from prometheus_client import CollectorRegistry

settings.register_profile("unit", max_examples=60, deadline=None, derandomize=True, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True, scope="module")
def _asyncio_debug(request: pytest.FixtureRequest) -> Iterator[None]:
    # By module, as a test's loop is made before a fixture by function. pytest-asyncio has its own option
    # for that loop and passes over the variable, which is for the loops that tests and threads make.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONASYNCIODEBUG", "1")
        patch.setattr(request.config.option, "asyncio_debug", True)
        # It would also warn of steps that took long, which on a busy machine says nothing of them.
        log, level = logging.getLogger("asyncio"), logging.getLogger("asyncio").level
        log.setLevel(logging.ERROR)
        yield
        log.setLevel(level)


@pytest.fixture
def registry() -> CollectorRegistry:
    """The metrics of one test."""
    return CollectorRegistry()
