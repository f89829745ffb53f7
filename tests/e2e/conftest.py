"""The stack as processes, the stock JavaScript client, a real browser. Nothing here imports a service."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local import redis_server

from .board import Board, Open
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
    """Skip the tests for which this machine lacks something, and name the reason."""
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
    settings = {
        "QUEUECAST_NAMESPACES": "/,/orders",
        "QUEUECAST_EMITTERS": "python,node",
        "QUEUECAST_ACKS": "true",
        "QUEUECAST_ORIGINS": "self,http://127.0.0.1:*",  # for pages of the examples, as under `make run`
    }
    waits = {"QUEUECAST_ACK_SECONDS": "60", "QUEUECAST_HOLD_SECONDS": "600"}
    with running(block, redis_server.find(), settings, waits) as running_rig:
        eventually(running_rig.hears_emitters)
        yield running_rig


@pytest.fixture
def rig(shared_rig: Rig) -> Rig:
    """A stack for tests that leave it intact; it is empty when a test begins."""
    return empty(shared_rig)


@pytest.fixture
def own_rig(block: PortBlock) -> Iterator[Rig]:
    """A stack for a test that stops parts of it."""
    with running(block, redis_server.find()) as running_rig:
        yield running_rig


expect.set_options(timeout=60_000)  # far longer than anything takes, so that a busy machine fails no test


class Connect:
    """Connects stock clients, spread over both gateways; they leave when `nodes` closes."""

    def __init__(self, nodes: ExitStack) -> None:
        self.clients: list[Client] = []
        self._nodes = nodes

    def __call__(self, rig: Rig, count: int = 2, namespace: str = "/", **options: object) -> list[Client]:
        options = {**QUICK_RETURN, **options}
        targets = [Target(rig.url(GATEWAYS[number % 2], namespace), options) for number in range(count)]
        clients = self._nodes.enter_context(Node(targets)).clients
        self.clients += clients
        eventually(lambda: all(client.connected for client in clients))
        return clients


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect stock clients; they leave when the test ends."""
    with ExitStack() as nodes:
        yield Connect(nodes)


def holding(rig: Rig) -> str:
    """Return what a stack still holds, or why it cannot say so."""
    try:
        return str(rig.leftovers())
    except Exception as exc:  # a part of it may be dead
        return repr(exc)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the stack still holds and what the clients have seen if a test fails."""
    report = yield
    if report.when == "call" and report.failed:
        for name in {"rig", "own_rig"} & item.funcargs.keys():
            report.sections.append(("what the stack still holds", holding(item.funcargs[name])))
        if "connect" in item.funcargs:
            clients = item.funcargs["connect"].clients
            seen = "\n".join(client.history() for client in clients)
            report.sections.append(("what the clients have seen", seen))
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Headless Chromium. Not for the whole session: playwright holds an event loop as long as it lives."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_board(chromium: Browser) -> Iterator[Open]:
    """Open boards that are closed when the test ends."""
    with ExitStack() as opened:

        def open_one(*arguments: object, **options: object) -> Board:
            board = Board(chromium, *arguments, **options)  # type: ignore[arg-type]  # a board's own options
            opened.callback(board.close)
            return board

        yield open_one
