"""Ports for several runs at once: the workers of one run, and other checkouts."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests import reservation
from tests.reservation import PortBlock

from queuecast_local.ports import HOST


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three blocks of ten ports, in a directory of the test's own."""
    with closing(PortBlock()) as ours:
        first = ours.port()
        monkeypatch.setattr(reservation, "FIRST", first)
        monkeypatch.setattr(reservation, "LAST", first + 30)
        monkeypatch.setattr(reservation, "SIZE", 10)
        yield


@pytest.mark.usefixtures("small")
def test_two_sessions_have_no_port_in_common() -> None:
    """The processes of one session would get in the other's way."""
    with closing(PortBlock()) as one, closing(PortBlock()) as other:
        mine, others = {one.port() for _ in range(9)}, {other.port() for _ in range(9)}
    assert not mine & others


@pytest.mark.usefixtures("small")
def test_a_session_takes_another_block_when_it_needs_one() -> None:
    """It never returns a port twice."""
    with closing(PortBlock()) as one:
        given = [one.port() for _ in range(18)]
    assert len(set(given)) == len(given)


@pytest.mark.usefixtures("small")
def test_ports_that_are_given_up_can_be_had_again() -> None:
    """Ten runs in a row must not need ten times as many ports."""
    for _ in range(4):
        with closing(PortBlock()) as one:
            for _ in range(18):
                one.port()


@pytest.mark.usefixtures("small")
def test_where_nothing_is_left_it_is_said() -> None:
    """A session that waited silently for a port would be hard to understand."""
    with closing(PortBlock()) as one:
        for _ in range(27):
            one.port()
        with pytest.raises(RuntimeError, match="no block of 10 ports is free"):
            one.port()


@pytest.mark.usefixtures("small")
def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    """Other programs on the machine do not reserve their ports here."""
    with socket.socket() as taken, closing(PortBlock()) as one:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, one.port() + 1))
        taken.listen()
        assert one.port() == taken.getsockname()[1] + 1


def test_a_stack_has_its_admin_ports_in_a_row() -> None:
    """`make run` numbers them upwards from the first."""
    with closing(PortBlock()) as one:
        for _ in range(20):
            ports = one.ports()
            assert [*ports.gateway_admins, ports.poller_admin] == [
                ports.admin,
                ports.admin + 1,
                ports.admin + 2,
            ]
