"""A short selection of `make faults`, which runs all the faults, and for longer."""

from collections.abc import Iterator

import pytest
from tests.e2e.javascript import missing
from tests.faults import attack_run
from tests.faults.attack_run import AttackRun
from tests.faults.faults import FAULTS
from tests.faults.run import Load, run
from tests.faults.stack import IN_A_CLUSTER
from tests.redis_cluster import has_clusters
from tests.reservation import PortBlock

from queuecast_local import redis_server

pytestmark = [
    pytest.mark.javascript,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]

SHORT = Load(before_seconds=2, after_seconds=3, clients=40)
SHORT_ATTACK = AttackRun(
    before_seconds=2,
    seconds=20,
    after_seconds=2,
    clients=40,
    attackers=190,
    pause_seconds=1,
    niceness=5,
    # Other tests run on this machine at the same time; `make faults` judges latency.
    judges_latency=False,
    # Short, or slow clients would be refused after the end, and gone ones noticed long after it.
    gateway={
        "QUEUECAST_CONNECT_SECONDS": "5",
        "QUEUECAST_PING_INTERVAL_SECONDS": "2",
        "QUEUECAST_PING_TIMEOUT_SECONDS": "20",
        # Twenty seconds are not enough to reach the default limits.
        "QUEUECAST_MAX_BUFFERED_BYTES": "65536",
        "QUEUECAST_MAX_REPLAY_BYTES": "60000",
        "QUEUECAST_MAX_RECORD_BYTES": "60000",
        "QUEUECAST_MAX_CONNECTIONS_PER_ADDRESS": "60",
        "QUEUECAST_MAX_SESSION_BYTES_PER_ADDRESS": "65536",
        "QUEUECAST_MAX_CONNECTS_PER_SECOND": "1",
        # Low, or the few guessers here would be cut off for their silence before they guess too often.
        "QUEUECAST_MAX_FAILED_TRIES": "3",
    },
)
SELECTION = (
    "Redis restarts with its data",
    "a gateway is killed",
    "a poller is killed between publish and delete",
    "batch deletes fail in parts",
    "20 connections vanish half-open",
    "the primary is killed under sentinels",
    "the slot migrates to another primary",
    "a gateway is killed while pages ask for past events",
    "a poller that deletes is killed while messages wait for acknowledgements",
    "a poller is killed while messages are held",
    "a gateway is killed while presence churns",
    "a gateway is killed while a back end publishes over HTTP",
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
    """The promise itself, with one fault of each kind: Redis, each service, SQS, the network."""
    fault, server = BY_NAME[name], redis_server.find()
    if fault.shape.redises in IN_A_CLUSTER and not has_clusters(server):
        pytest.skip(f"{server.description} cannot be told where its cluster bus listens")
    outcome = run(fault, SHORT, block)
    assert not outcome.troubles, "\n".join(outcome.troubles)
    assert outcome.account.deliveries > 0


def test_an_attack_is_refused_and_honest_clients_lose_nothing(block: PortBlock) -> None:
    """Each kind is refused for the right reason; the gateways neither grow nor fill their logs."""
    outcome = attack_run.run(SHORT_ATTACK, block)
    assert not outcome.troubles, "\n".join(outcome.troubles)
    assert all(phase.account.deliveries > 0 for phase in outcome.phases)
