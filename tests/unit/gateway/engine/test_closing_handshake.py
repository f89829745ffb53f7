"""The closing handshake with a peer that answers it, and with one that ignores it."""

from collections.abc import AsyncIterator

import pytest
from tests.unit.gateway.fakes import FakeTransport

from queuecast_gateway.engine.closing_handshake import MAX_FRAMES, ClosingHandshake
from queuecast_gateway.engine.timer_wheel import TimerWheel

PING = b"\x89\x80" + bytes(4)
CLOSE = b"\x88\x82" + bytes(4) + (1000).to_bytes(2, "big")
LARGEST = 10_000


@pytest.fixture
async def wheel() -> AsyncIterator[TimerWheel]:
    wheel = TimerWheel()
    yield wheel
    wheel.stop()


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def handshake(transport: FakeTransport, wheel: TimerWheel) -> ClosingHandshake:
    return ClosingHandshake(transport, wheel, LARGEST, set())


async def test_frames_on_their_way_are_ignored_until_the_peer_closes(
    handshake: ClosingHandshake, transport: FakeTransport
) -> None:
    """An honest client may have sent something before our CLOSE frame arrived."""
    handshake.data_received(PING * (MAX_FRAMES - 1) + CLOSE)
    assert transport.closing
    assert not transport.aborted


async def test_nothing_more_is_read_from_a_peer_that_goes_on_flooding(
    handshake: ClosingHandshake, transport: FakeTransport
) -> None:
    """Ten such peers, of a thousand connections, had made all other events a second late.

    The connection is not aborted at once, or the CLOSE frame that says why could be lost.
    """
    handshake.data_received(PING * (MAX_FRAMES + 1))
    assert not transport.reading
    assert not transport.closing
