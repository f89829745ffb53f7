"""What a long-polling client learns if the server closes its session between two polls."""

import asyncio

import pytest
from tests.unit.fake_loop import Loop

from queuecast_gateway.engine import frames, packets
from queuecast_gateway.engine.pending_closes import ANSWER_SECONDS, MAX_CLOSING, PendingCloses
from queuecast_gateway.engine.timer_wheel import TimerWheel

EVENT = frames.encode(frames.TEXT, b'42["e",1]')


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    made.drive(monkeypatch)
    return made


@pytest.fixture
def pending(loop: Loop) -> PendingCloses:
    return PendingCloses(TimerWheel(1.0), 1_000_000)


def test_the_last_events_come_before_the_close_packet(pending: PendingCloses) -> None:
    """They were sent before the end, and a page relies on the order."""
    pending.keep("a", EVENT, packets.CLOSE_FRAME)
    answer = pending.take("a")
    assert answer is not None
    assert packets.payload(answer) == '42["e",1]\x1e1'


def test_an_answer_is_given_once(pending: PendingCloses, loop: Loop) -> None:
    """The session is over, and nothing of it may be left; a client that asks again breaks the protocol."""
    pending.keep("a", EVENT)
    assert pending.take("a")
    assert pending.take("a") is None
    assert len(pending) == pending.held_bytes == 0
    loop.tick(int(ANSWER_SECONDS) + 1)


def test_a_long_backlog_takes_several_answers(pending: PendingCloses) -> None:
    """An answer has sixteen packets at most; the close packet is the last."""
    pending.keep("a", EVENT * 40, packets.CLOSE_FRAME)
    answers = []
    while (answer := pending.take("a")) is not None:
        answers.append(packets.payload(answer).split(packets.SEPARATOR))
    event = '42["e",1]'
    assert answers == [[event] * 16, [event] * 16, [event] * 8 + ["1"]]
    assert len(pending) == pending.held_bytes == 0


def test_an_answer_that_nobody_fetches_is_forgotten(pending: PendingCloses, loop: Loop) -> None:
    """A browser that has gone away sends no more requests."""
    pending.keep("a", EVENT)
    loop.tick(int(ANSWER_SECONDS) - 1)
    assert len(pending) == 1
    loop.tick(1)
    assert pending.take("a") is None
    assert len(pending) == pending.held_bytes == 0


def test_beyond_the_limit_the_oldest_answer_is_forgotten(pending: PendingCloses) -> None:
    """Clients that have all gone away must not fill the memory."""
    for number in range(MAX_CLOSING + 1):
        pending.keep(f"{number}", b"", packets.CLOSE_FRAME)
    assert len(pending) == MAX_CLOSING
    assert pending.take("0") is None
    assert pending.take("1") == pending.take(f"{MAX_CLOSING}") == packets.CLOSE_FRAME


def test_all_answers_together_hold_no_more_than_one_session_may(loop: Loop) -> None:
    """A thousand sessions with a long backlog each would hold a gigabyte."""
    one = len(EVENT)
    few = PendingCloses(TimerWheel(1.0), 3 * one)
    for name in "abcd":
        few.keep(name, EVENT)
    assert few.held_bytes == 3 * one
    assert [few.take(name) is not None for name in "abcd"] == [False, True, True, True]


def test_a_backlog_that_does_not_fit_is_left_out(loop: Loop) -> None:
    """The client still learns of the end, and gets the rest by its offset when it reconnects."""
    few = PendingCloses(TimerWheel(1.0), len(EVENT))
    few.keep("a", EVENT, packets.CLOSE_FRAME)
    assert few.take("a") == packets.CLOSE_FRAME


def test_nothing_is_kept_if_there_is_nothing_to_say(pending: PendingCloses) -> None:
    """The session is unknown at once, and a process that stops does not wait for it."""
    pending.keep("a", b"")
    assert len(pending) == 0


async def test_settled_returns_once_all_were_answered_or_forgotten(
    pending: PendingCloses, loop: Loop
) -> None:
    """A process that stops waits for that, and no longer."""
    await pending.settled()
    pending.keep("a", EVENT)
    pending.keep("b", EVENT)
    waiting = asyncio.ensure_future(pending.settled())
    await asyncio.sleep(0)
    pending.take("a")
    await asyncio.sleep(0)
    assert not waiting.done()
    loop.tick(int(ANSWER_SECONDS))
    await waiting
