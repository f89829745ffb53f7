"""The end of a long-polling session that is between two polls: the next one says that it was closed."""

import pytest

from queuecast_gateway.engine import closing

from .test_engineio import Echo, patient
from .wire import soon

__all__ = ["patient"]


async def test_a_session_that_is_closed_between_two_polls_says_so_to_the_next(patient: Echo) -> None:
    """A client that was sent away comes back at once; an unknown session would be an error to it."""
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    answer = await session.get()
    assert (answer.status, answer.body) == (200, "1")
    assert await patient.refuses(session)


async def test_what_was_sent_before_the_end_comes_with_it(patient: Echo) -> None:
    """It was sent while the session was open."""
    session = await patient.polling()
    await patient.engine.send(session.sid, "a")
    await patient.engine.send(session.sid, b"\x01")
    await patient.engine.disconnect(session.sid)
    assert (await session.get()).body == "4a\x1ebAQ==\x1e1"


async def test_a_post_to_a_closed_session_is_refused_and_the_poll_still_answered(patient: Echo) -> None:
    """Nobody works on what it says any more, and "ok" would be a lie."""
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    assert (await session.post("4lost")).status == 400
    assert (await session.get()).body == "1"
    assert patient.heard == []


async def test_a_closed_session_is_unknown_after_a_moment(
    patient: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client has gone, or it would have polled."""
    monkeypatch.setattr(closing, "CLOSING_SECONDS", 0.02)
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    await soon(lambda: not len(patient.engine.closing))
    assert await patient.refuses(session)


async def test_nothing_is_kept_for_a_client_that_has_left(patient: Echo) -> None:
    """It knows, and it does not ask."""
    session = await patient.polling()
    assert (await session.post("1")).status == 200
    assert len(patient.engine.closing) == 0
    assert await patient.refuses(session)


async def test_nothing_is_kept_for_a_client_whose_post_was_refused(patient: Echo) -> None:
    """The answer of that POST was the end."""
    session = await patient.polling()
    assert (await session.post("9")).status == 400
    assert len(patient.engine.closing) == 0
    assert await patient.refuses(session)


async def test_what_a_closed_session_holds_counts_as_buffered(patient: Echo) -> None:
    """Memory that nobody sees is found last."""
    session = await patient.polling()
    await patient.engine.send(session.sid, "x" * 1_000)
    await patient.engine.disconnect(session.sid)
    assert patient.engine.buffered()[0] > 1_000
    await session.get()
    assert patient.engine.buffered() == (0, 0)
