"""Admission: limits on connections in all, on those of one address, and on descriptors."""

import logging
from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import FakeClock, Figures

from queuecast_gateway.engine.refusals import Refused
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter
from queuecast_gateway.limits.rate_limiter import RateLimiter
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.public import admission as module
from queuecast_gateway.public.admission import RESERVE, Admission

DESCRIPTORS = 1_000
MOST = 4
PER_ADDRESS = 2
HERE = "192.0.2.1"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def admission(registry: CollectorRegistry, clock: FakeClock) -> Admission:
    return Admission(DESCRIPTORS, MOST, ConnectionLimiter(PER_ADDRESS), RateLimiter(0, 1), Metrics(registry))


def refused(admission: Admission, address: str = HERE) -> Refused:
    with pytest.raises(Refused) as caught:
        admission.check(address)
    return caught.value


def connect(admission: Admission, *addresses: str) -> None:
    """Admit connections, as the engine does."""
    for address in addresses:
        admission.check(address)
        admission.acquire(address)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


# In all


def test_the_connections_of_a_replica_are_limited(admission: Admission) -> None:
    """The next one is asked to come back; a load balancer takes that as a reason to try another replica."""
    connect(admission, *(f"192.0.2.{number}" for number in range(MOST)))
    why = refused(admission, "192.0.2.99")
    assert (why.reason, why.status) == ("full", HTTPStatus.SERVICE_UNAVAILABLE)
    assert why.headers == {"Retry-After": "5"}
    admission.release("192.0.2.0")
    connect(admission, "192.0.2.99")


def test_a_replica_that_is_full_is_not_ready(admission: Admission) -> None:
    """New browsers go elsewhere; the replica is ready again as soon as there is room."""
    assert admission.ready().healthy
    connect(admission, "a", "b", "c")
    assert admission.ready().healthy
    connect(admission, "d")
    assert admission.ready().reasons == (f"full: {MOST} connections",)
    admission.release("a")
    assert admission.ready().healthy


def test_the_limit_is_a_metric(admission: Admission, figure: Figures) -> None:
    """An alert and an autoscaler compare the connections with it."""
    assert figure("connections_limit") == MOST


# From one address


def test_the_connections_of_an_address_are_limited(admission: Admission) -> None:
    """One client cannot use up the replica; others connect meanwhile."""
    connect(admission, HERE, HERE)
    why = refused(admission)
    assert (why.reason, why.status) == ("address", HTTPStatus.TOO_MANY_REQUESTS)
    assert why.headers == {"Retry-After": "5"}
    connect(admission, "192.0.2.2")
    admission.release(HERE)
    connect(admission, HERE)


def test_addresses_of_one_network_are_one(admission: Admission) -> None:
    """Whoever has one IPv6 address has 2⁶⁴; a mapped IPv4 address is the same client."""
    connect(admission, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2")
    assert refused(admission, "2001:db8:0:1::3").reason == "address"
    connect(admission, "2001:db8:0:2::1", "::ffff:192.0.2.1")
    admission.release("2001:db8:0:2::1")
    connect(admission, HERE)
    admission.release("2001:db8:0:1::1")
    assert refused(admission, "::ffff:192.0.2.1").reason == "address"


def test_an_ended_connection_is_not_counted(registry: CollectorRegistry, clock: FakeClock) -> None:
    """A day's clients must not leave a number each."""
    per_address = ConnectionLimiter(PER_ADDRESS)
    admission = Admission(DESCRIPTORS, MOST, per_address, RateLimiter(0, 1), Metrics(registry))
    for number in range(200):
        connect(admission, f"192.0.2.{number}")
        admission.release(f"192.0.2.{number}")
    assert len(per_address) == 0


# Descriptors


@pytest.mark.parametrize(
    ("descriptor", "admitted"), [(3, True), (DESCRIPTORS - RESERVE - 1, True), (DESCRIPTORS - RESERVE, False)]
)
def test_the_last_descriptors_are_not_for_browsers(
    admission: Admission, figure: Figures, descriptor: int, *, admitted: bool
) -> None:
    """Redis and the probes of Kubernetes need some, at the worst moment."""
    assert admission.admits(descriptor, 0) is admitted
    assert figure("handshakes_refused_total", reason="descriptors") == (0 if admitted else 1)


def test_connections_that_carry_http_are_limited(admission: Admission, registry: CollectorRegistry) -> None:
    """A polling session has two; whoever opens more than that opens none for a session."""
    most = 2 * MOST + RESERVE
    assert admission.admits(1, most - 1)
    assert not admission.admits(1, most)
    name = "queuecast_gateway_handshakes_refused_total"
    assert registry.get_sample_value(name, {"reason": "full"}) == 1


# The log


def test_refusals_are_one_line_a_second(
    admission: Admission, clock: FakeClock, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """A crowd must not fill the disk as well; every refusal is counted."""
    connect(admission, *(f"192.0.2.{number}" for number in range(MOST)))
    for _ in range(50):
        refused(admission)
        admission.admits(DESCRIPTORS, 0)
    assert len(lines(caplog)) == 1
    clock.pass_by(1)
    for _ in range(50):
        admission.admits(DESCRIPTORS, 0)
    assert len(lines(caplog)) == 2
    assert figure("handshakes_refused_total", reason="descriptors") == 100


def test_a_line_says_which_limit_it_is(
    admission: Admission, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And which setting to change: behind a proxy that is not trusted, all clients have one address."""
    connect(admission, HERE, HERE)
    refused(admission)
    clock.pass_by(1)
    connect(admission, "192.0.2.2", "192.0.2.3")
    refused(admission)
    clock.pass_by(1)
    admission.admits(DESCRIPTORS, 0)
    address, full, descriptors = lines(caplog)
    assert HERE in address
    assert "QUEUECAST_TRUSTED_PROXIES" in address
    assert f"there are {MOST} already, QUEUECAST_MAX_CONNECTIONS" in full
    assert f"{DESCRIPTORS} file descriptors" in descriptors
