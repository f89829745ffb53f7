"""The closing handshake with a peer that takes it for an answer, and with one that does not."""

from collections.abc import AsyncIterator

import pytest
from tests.unit.fakes import FakeTransport

from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.engine.leaving import MAX_FRAMES, Leaving

PING = b"\x89\x80" + bytes(4)
CLOSE = b"\x88\x82" + bytes(4) + (1000).to_bytes(2, "big")
LARGEST = 10_000


@pytest.fixture
async def wheel() -> AsyncIterator[Wheel]:
    wheel = Wheel()
    yield wheel
    wheel.stop()


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def leaving(transport: FakeTransport, wheel: Wheel) -> Leaving:
    return Leaving(transport, wheel, LARGEST, set())


async def test_what_was_on_its_way_is_passed_over_until_the_peer_says_close(
    leaving: Leaving, transport: FakeTransport
) -> None:
    """An honest client may have said something before it heard that we close."""
    leaving.data_received(PING * (MAX_FRAMES - 1) + CLOSE)
    assert transport.closing
    assert not transport.aborted


async def test_who_floods_on_is_not_read_any_more(leaving: Leaving, transport: FakeTransport) -> None:
    """Ten that did so, of a thousand connections, had made everybody else's events a second late.

    It is not cut at once: what would be cut off with it is the CLOSE frame that says why.
    """
    leaving.data_received(PING * (MAX_FRAMES + 1))
    assert not transport.reading
    assert not transport.closing
