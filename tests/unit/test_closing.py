"""What a long-polling session is told whose server closed it between two polls."""

import asyncio

import pytest

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.closing import CLOSING_SECONDS, MAX_CLOSING, Closing
from queuecast_gateway.engine.heartbeat import Wheel

from .turns import Loop

EVENT = frames.encode(frames.TEXT, b'42["e",1]')


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    made.drive(monkeypatch)
    return made


@pytest.fixture
def kept(loop: Loop) -> Closing:
    return Closing(Wheel(1.0), 1_000_000)


def test_the_last_events_come_before_the_close_packet(kept: Closing) -> None:
    """They were sent before the end, and a page counts on their order."""
    kept.keep("a", EVENT)
    answer = kept.take("a")
    assert answer is not None
    assert packets.payload(answer) == '42["e",1]\x1e1'


def test_an_answer_is_given_once(kept: Closing, loop: Loop) -> None:
    """The session is over: whoever asks again does not know the protocol, and nothing of it may be left."""
    kept.keep("a", EVENT)
    assert kept.take("a")
    assert kept.take("a") is None
    assert len(kept) == kept.held_bytes == 0
    loop.turn(int(CLOSING_SECONDS) + 1)


def test_an_answer_that_nobody_asks_for_is_forgotten(kept: Closing, loop: Loop) -> None:
    """A browser that has gone away asks no more."""
    kept.keep("a", EVENT)
    loop.turn(int(CLOSING_SECONDS) - 1)
    assert len(kept) == 1
    loop.turn(1)
    assert kept.take("a") is None
    assert len(kept) == kept.held_bytes == 0


def test_of_too_many_the_oldest_is_forgotten(kept: Closing) -> None:
    """A crowd that has gone away must not be remembered whole."""
    for number in range(MAX_CLOSING + 1):
        kept.keep(f"{number}", b"")
    assert len(kept) == MAX_CLOSING
    assert kept.take("0") is None
    assert kept.take("1") == kept.take(f"{MAX_CLOSING}") == packets.CLOSE_FRAME


def test_all_together_hold_no_more_than_one_session_may(loop: Loop) -> None:
    """A thousand with a long backlog each would be a gigabyte."""
    one = len(EVENT) + len(packets.CLOSE_FRAME)
    few = Closing(Wheel(1.0), 3 * one)
    for name in "abcd":
        few.keep(name, EVENT)
    assert few.held_bytes == 3 * one
    assert [few.take(name) is not None for name in "abcd"] == [False, True, True, True]


def test_a_backlog_that_does_not_fit_is_left_out(loop: Loop) -> None:
    """The client learns of the end all the same, and asks for the rest by its offset."""
    few = Closing(Wheel(1.0), len(EVENT))
    few.keep("a", EVENT)
    assert few.take("a") == packets.CLOSE_FRAME


async def test_it_is_settled_once_all_were_answered_or_forgotten(kept: Closing, loop: Loop) -> None:
    """A process that stops waits for that, and no longer."""
    await kept.settled()
    kept.keep("a", b"")
    kept.keep("b", b"")
    waiting = asyncio.ensure_future(kept.settled())
    await asyncio.sleep(0)
    kept.take("a")
    await asyncio.sleep(0)
    assert not waiting.done()
    loop.turn(int(CLOSING_SECONDS))
    await waiting
