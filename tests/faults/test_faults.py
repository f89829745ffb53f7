"""A short selection of `make faults`: under load, one fault, closed books; that runs all, and longer."""

from collections.abc import Iterator

import pytest
from tests.e2e.javascript import missing
from tests.faults.faults import FAULTS
from tests.faults.run import Load, run
from tests.reservation import PortBlock

pytestmark = [
    pytest.mark.javascript,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]

SHORT = Load(before_seconds=2, after_seconds=3, clients=40)
SELECTION = (
    "Redis restarts with its data",
    "a gateway is killed",
    "a poller is killed between publish and delete",
    "batch deletes fail in parts",
    "20 connections vanish half-open",
)
BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.fixture(scope="module")
def block() -> Iterator[PortBlock]:
    """Ports that nobody else takes."""
    block = PortBlock()
    yield block
    block.close()


@pytest.mark.parametrize("name", SELECTION)
def test_every_client_gets_everything_once_and_in_order(name: str, block: PortBlock) -> None:
    """The promise itself, through one fault of each kind: Redis, each service, SQS, the network."""
    outcome = run(BY_NAME[name], SHORT, block)
    assert outcome.troubles == ()
    assert outcome.account.deliveries > 0
