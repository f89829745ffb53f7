"""The stack as processes, the stock JavaScript client, a real browser. Nothing here imports a service."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local import redis_server

from .javascript import QUICK_RETURN, Client, Node, Target, missing
from .rig import GATEWAYS, Rig, empty, running

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip by name what this machine lacks the means for."""
    no_client, no_browser = missing(), None if CHROMIUM else "Chromium is missing: there is none on PATH"
    for item in items:
        if no_client and item.get_closest_marker("javascript"):
            item.add_marker(pytest.mark.skip(reason=no_client))
        if no_browser and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=no_browser))


@pytest.fixture(scope="session")
def block() -> Iterator[PortBlock]:
    """Ports that nobody else takes."""
    block = PortBlock()
    yield block
    block.close()


@pytest.fixture(scope="session")
def shared_rig(block: PortBlock) -> Iterator[Rig]:
    settings = {"QUEUECAST_NAMESPACES": "/,/orders"}
    with running(block, redis_server.find(), settings) as running_rig:
        yield running_rig


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """A stack for tests that leave it whole; each begins on an empty one."""
    return empty(shared_rig)


@pytest.fixture
def own_rig(block: PortBlock) -> Iterator[Rig]:
    """A stack for a test that takes parts of it away."""
    with running(block, redis_server.find()) as running_rig:
        yield running_rig


Connect = Callable[..., list[Client]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect stock clients, spread over both gateways; they leave with the test."""
    with ExitStack() as nodes:

        def connect_clients(
            rig: Rig, count: int = 2, namespace: str = "/", **options: object
        ) -> list[Client]:
            options = {**QUICK_RETURN, **options}
            targets = [Target(rig.url(GATEWAYS[number % 2], namespace), options) for number in range(count)]
            clients = nodes.enter_context(Node(targets)).clients
            eventually(lambda: all(client.connected for client in clients))
            return clients

        yield connect_clients


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium without a window. Not for the session: playwright holds an event loop as long as it lives."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
