"""The end of a long-polling session that is between two polls: the next one says that it was closed."""

import asyncio

import pytest

from queuecast_gateway.engine import pending_closes

from .echo import Echo
from .wire import POLLING, head, read_answer, soon, stream


async def test_a_session_that_is_closed_between_two_polls_says_so_to_the_next(patient: Echo) -> None:
    """The client comes back at once after a close packet; an unknown session would be an error."""
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    answer = await session.get()
    assert (answer.status, answer.body) == (200, "1")
    assert await patient.refuses(session)


async def test_what_was_sent_before_the_end_comes_with_it(patient: Echo) -> None:
    """The messages were sent while the session was open."""
    session = await patient.polling()
    await patient.engine.send(session.sid, "a")
    await patient.engine.send(session.sid, b"\x01")
    await patient.engine.disconnect(session.sid)
    assert (await session.get()).body == "4a\x1ebAQ==\x1e1"


@pytest.mark.parametrize("waits", [False, True])
async def test_a_long_backlog_before_the_end_takes_several_answers(patient: Echo, waits: bool) -> None:
    """An answer has sixteen packets at most; the close packet is the last."""
    session = await patient.polling()
    polling = asyncio.create_task(session.get()) if waits else None
    if waits:
        await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    for number in range(20):
        await patient.engine.send(session.sid, str(number))
    await patient.engine.disconnect(session.sid)
    first = (await (polling or session.get())).packets
    assert [*first, *(await session.get()).packets] == [*(f"4{number}" for number in range(20)), "1"]
    assert len(first) == 16
    assert await patient.refuses(session)


@pytest.mark.parametrize("waits", [False, True])
async def test_who_is_to_come_back_gets_no_close_packet(patient: Echo, waits: bool) -> None:
    """python-engineio's client stays away after one; when a session is unknown, every client reconnects."""
    session = await patient.polling()
    polling = asyncio.create_task(session.get()) if waits else None
    if waits:
        await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    await patient.engine.send(session.sid, "a")
    patient.engine.sockets[session.sid].end("leaving", code=1012)
    assert (await (polling or session.get())).body == "4a"
    assert await patient.refuses(session)


async def test_a_poll_without_news_is_answered_when_its_client_is_to_come_back(patient: Echo) -> None:
    """It would wait for ever, and the client with it."""
    session = await patient.polling()
    polling = asyncio.create_task(session.get())
    await soon(lambda: patient.engine.sockets[session.sid].transport._waiting)
    patient.engine.sockets[session.sid].end("leaving", code=1012)
    assert (await polling).body == "6"
    assert await patient.refuses(session)


async def test_a_connection_to_the_wrong_gateway_is_not_kept(patient: Echo) -> None:
    """A browser with connections to two gateways would hear again and again that its session is unknown."""
    async with stream(patient.port) as (reader, writer):
        for query, status, connection in ((POLLING, 200, None), (f"{POLLING}&sid=x", 400, "close")):
            writer.write(head("GET", f"/socket.io/?{query}"))
            answer = await read_answer(reader)
            assert (answer.status, answer.headers.get("connection")) == (status, connection)
        assert await reader.read() == b"", "the connection has ended"


async def test_a_post_to_a_closed_session_is_refused_and_the_poll_still_answered(patient: Echo) -> None:
    """Nobody processes its packets any more, so "ok" would be a lie."""
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    assert (await session.post("4lost")).status == 400
    assert (await session.get()).body == "1"
    assert patient.heard == []


async def test_a_closed_session_is_unknown_after_a_moment(
    patient: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its client were still there, it would have polled."""
    monkeypatch.setattr(pending_closes, "ANSWER_SECONDS", 0.02)
    session = await patient.polling()
    await patient.engine.disconnect(session.sid)
    await soon(lambda: not len(patient.engine.pending_closes))
    assert await patient.refuses(session)


async def test_nothing_is_kept_for_a_client_that_has_left(patient: Echo) -> None:
    """The client knows that the session is over and will not ask."""
    session = await patient.polling()
    assert (await session.post("1")).status == 200
    assert len(patient.engine.pending_closes) == 0
    assert await patient.refuses(session)


async def test_nothing_is_kept_for_a_client_whose_post_was_refused(patient: Echo) -> None:
    """The answer of that POST was the end."""
    session = await patient.polling()
    assert (await session.post("9")).status == 400
    assert len(patient.engine.pending_closes) == 0
    assert await patient.refuses(session)


async def test_what_a_closed_session_holds_counts_as_buffered(patient: Echo) -> None:
    """Memory that no metric shows is found last."""
    session = await patient.polling()
    await patient.engine.send(session.sid, "x" * 1_000)
    await patient.engine.disconnect(session.sid)
    assert patient.engine.held_bytes()[0] > 1_000
    await session.get()
    assert patient.engine.held_bytes() == (0, 0)
