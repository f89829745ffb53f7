"""A short selection of `make faults`: under load, one fault, closed books; that runs all, and longer."""

from collections.abc import Iterator

import pytest
from tests.e2e.javascript import missing
from tests.faults import siege
from tests.faults.faults import FAULTS
from tests.faults.run import Load, run
from tests.faults.siege import Siege
from tests.reservation import PortBlock

pytestmark = [
    pytest.mark.javascript,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]

SHORT = Load(before_seconds=2, after_seconds=3, clients=40)
SHORT_SIEGE = Siege(
    before_seconds=2,
    seconds=20,
    after_seconds=2,
    clients=40,
    attackers=160,
    pause_seconds=1,
    # This machine has other tests to run; `make faults` judges latency.
    judges_latency=False,
    # Or who is slow would be refused when it is over, and who has gone would be missed long after.
    gateway={
        "QUEUECAST_CONNECT_SECONDS": "2",
        "QUEUECAST_PING_INTERVAL_SECONDS": "2",
        "QUEUECAST_PING_TIMEOUT_SECONDS": "10",
        # Twenty seconds are not enough to reach what is allowed by default.
        "QUEUECAST_MAX_BUFFERED_BYTES": "65536",
        "QUEUECAST_MAX_REPLAY_BYTES": "60000",
        "QUEUECAST_MAX_RECORD_BYTES": "60000",
        "QUEUECAST_MAX_CONNECTIONS_PER_ADDRESS": "30",
        "QUEUECAST_MAX_CONNECTS_PER_SECOND": "1",
        # Or the few who guess here would be cut off for their silence before they have guessed too often.
        "QUEUECAST_MAX_FAILED_TRIES": "3",
    },
)
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


def test_an_attack_is_refused_and_honest_clients_lose_nothing(block: PortBlock) -> None:
    """Every kind of it for what it is, by a gateway that neither grows nor fills its log meanwhile."""
    ordeal = siege.run(SHORT_SIEGE, block)
    assert ordeal.troubles == ()
    assert all(phase.account.deliveries > 0 for phase in ordeal.phases)
