"""Which connections may be: so many in all, of an address, of descriptors."""

import logging
from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures

from queuecast_gateway import admission as module
from queuecast_gateway.admission import RESERVE, Admission
from queuecast_gateway.engine.handshake import Refused
from queuecast_gateway.limits.arrivals import Arrivals
from queuecast_gateway.limits.tally import Tally
from queuecast_gateway.metrics import Metrics

DESCRIPTORS = 1_000
MOST = 4
PER_ADDRESS = 2
HERE = "192.0.2.1"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def figure(registry: CollectorRegistry) -> Figures:
    return Figures(registry, "queuecast_gateway")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def admission(registry: CollectorRegistry, clock: FakeClock) -> Admission:
    return Admission(DESCRIPTORS, MOST, Tally(PER_ADDRESS), Arrivals(0, 1), Metrics(registry))


def refused(admission: Admission, address: str = HERE) -> Refused:
    with pytest.raises(Refused) as caught:
        admission.check(address)
    return caught.value


def come(admission: Admission, *addresses: str) -> None:
    """Let connections in, as the engine does."""
    for address in addresses:
        admission.check(address)
        admission.enter(address)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


# In all


def test_a_replica_has_so_many_connections(admission: Admission) -> None:
    """The next one is told to come back, which a balancer takes as a reason to ask another replica."""
    come(admission, *(f"192.0.2.{number}" for number in range(MOST)))
    why = refused(admission, "192.0.2.99")
    assert (why.turn, why.status) == ("full", HTTPStatus.SERVICE_UNAVAILABLE)
    assert why.headers == {"Retry-After": "5"}
    admission.leave("192.0.2.0")
    come(admission, "192.0.2.99")


def test_a_replica_that_is_full_is_not_ready(admission: Admission) -> None:
    """New browsers go elsewhere; as soon as there is room it is back."""
    assert admission.ready().well
    come(admission, "a", "b", "c")
    assert admission.ready().well
    come(admission, "d")
    assert admission.ready().reasons == (f"full: {MOST} connections",)
    admission.leave("a")
    assert admission.ready().well


def test_the_limit_can_be_seen(admission: Admission, figure: Figures) -> None:
    """An alert compares the connections with it, and an autoscaler too."""
    assert figure("connections_limit") == MOST


# Of an address


def test_an_address_has_so_many_connections(admission: Admission) -> None:
    """One visitor cannot take all places; the others come in meanwhile."""
    come(admission, HERE, HERE)
    why = refused(admission)
    assert (why.turn, why.status) == ("address", HTTPStatus.TOO_MANY_REQUESTS)
    assert why.headers == {"Retry-After": "5"}
    come(admission, "192.0.2.2")
    admission.leave(HERE)
    come(admission, HERE)


def test_addresses_of_one_network_are_one(admission: Admission) -> None:
    """Whoever has one IPv6 address has 2⁶⁴; an IPv4 one that is mapped is the same visitor."""
    come(admission, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2")
    assert refused(admission, "2001:db8:0:1::3").turn == "address"
    come(admission, "2001:db8:0:2::1", "::ffff:192.0.2.1")
    admission.leave("2001:db8:0:2::1")
    come(admission, HERE)
    admission.leave("2001:db8:0:1::1")
    assert refused(admission, "::ffff:192.0.2.1").turn == "address"


def test_who_has_gone_is_not_counted(registry: CollectorRegistry, clock: FakeClock) -> None:
    """A day of visitors must not be a number each."""
    per_address = Tally(PER_ADDRESS)
    admission = Admission(DESCRIPTORS, MOST, per_address, Arrivals(0, 1), Metrics(registry))
    for number in range(200):
        come(admission, f"192.0.2.{number}")
        admission.leave(f"192.0.2.{number}")
    assert len(per_address) == 0


# Descriptors


@pytest.mark.parametrize(
    ("descriptor", "admitted"), [(3, True), (DESCRIPTORS - RESERVE - 1, True), (DESCRIPTORS - RESERVE, False)]
)
def test_the_last_descriptors_are_not_for_browsers(
    admission: Admission, figure: Figures, descriptor: int, *, admitted: bool
) -> None:
    """Redis and the probes of Kubernetes need one each, at the worst moment."""
    assert admission.admits(descriptor) is admitted
    assert figure("handshakes_refused_total", reason="descriptors") == (0 if admitted else 1)


# The log


def test_refusals_are_one_line_a_second(
    admission: Admission, clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """A crowd must not fill the disk as well; each is counted."""
    come(admission, *(f"192.0.2.{number}" for number in range(MOST)))
    for _ in range(50):
        refused(admission)
        admission.admits(DESCRIPTORS)
    assert len(lines(caplog)) == 1
    clock.pass_by(1)
    for _ in range(50):
        admission.admits(DESCRIPTORS)
    assert len(lines(caplog)) == 2
    assert figure("handshakes_refused_total", reason="descriptors") == 100


def test_a_line_says_which_limit_it_is(
    admission: Admission, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With what could be changed: behind a proxy that nobody named, all are of one address."""
    come(admission, HERE, HERE)
    refused(admission)
    clock.pass_by(1)
    come(admission, "192.0.2.2", "192.0.2.3")
    refused(admission)
    clock.pass_by(1)
    admission.admits(DESCRIPTORS)
    address, full, descriptors = lines(caplog)
    assert HERE in address
    assert "QUEUECAST_TRUSTED_PROXIES" in address
    assert f"there are {MOST} already, QUEUECAST_MAX_CONNECTIONS" in full
    assert f"{DESCRIPTORS} file descriptors" in descriptors
