"""One site for all tests here, and a driver for each client of the quick part."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.interop.clients import Client
from tests.interop.driver import Driver
from tests.interop.site import Site
from tests.reservation import PortBlock

Drive = Callable[[Client], Driver]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Two gateways that ask for tokens, and all behind them."""
    block = PortBlock()
    with Site(block) as running:
        yield running
    block.close()


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    """Return the driver of a client, which is started once."""
    folder: Path = tmp_path_factory.mktemp("drivers")
    drivers: dict[str, Driver] = {}
    with ExitStack() as running:

        def driver(client: Client) -> Driver:
            if client.name not in drivers:
                log = folder / f"{len(drivers)}.log"
                drivers[client.name] = running.enter_context(Driver(client, log))
                drivers[client.name].await_ready()
            return drivers[client.name]

        yield driver
