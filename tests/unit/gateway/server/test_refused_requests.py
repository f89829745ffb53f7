"""Refused requests are counted, and the log says of them what helps."""

import logging

import pytest
from prometheus_client import CollectorRegistry
from tests.unit.fakes import Figures

from queuecast_gateway.access.origins import Origins
from queuecast_gateway.engine.refusals import forbidden, unknown_session
from queuecast_gateway.metrics import Metrics
from queuecast_gateway.server.refused_requests import MAX_ORIGINS, RefusedRequests


@pytest.fixture
def refused(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> RefusedRequests:
    caplog.set_level(logging.INFO)
    return RefusedRequests(Metrics(registry), Origins(["https://app.example"]))


def test_a_refused_request_is_counted_and_logged(
    refused: RefusedRequests, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """With the reason and the address, which help a user who cannot connect."""
    refused.add(forbidden(), "192.0.2.1")
    refused.add(unknown_session(), "")
    assert figure("handshakes_refused_total", reason="origin") == 1
    assert figure("handshakes_refused_total", reason="session") == 1
    assert [record.getMessage() for record in caplog.records] == [
        "a request of 192.0.2.1 is turned away: Forbidden (origin)",
        "a request of somebody is turned away: Session ID unknown (session)",
    ]


def test_many_refused_requests_do_not_fill_the_log(
    refused: RefusedRequests, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """All are counted, and the first of them are logged."""
    for _ in range(1_000):
        refused.add(unknown_session(), "192.0.2.1")
    assert figure("handshakes_refused_total", reason="session") == 1_000
    assert 10 <= len(caplog.records) < 500


def test_an_origin_is_named_once_with_the_setting(
    refused: RefusedRequests, figure: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    """A page of one's own that is not listed tries again for ever."""
    for _ in range(3):
        refused.add(forbidden("https://new.app.example"), "192.0.2.1")
    assert figure("handshakes_refused_total", reason="origin") == 3
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "a page may not connect: the origin 'https://new.app.example' is not in QUEUECAST_ORIGINS"
    )


def test_made_up_origins_do_not_fill_the_log(
    refused: RefusedRequests, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody may send any."""
    for number in range(1_000):
        refused.add(forbidden(f"https://{number}.example"), "192.0.2.1")
    assert len(caplog.records) == MAX_ORIGINS
