"""Recovering a session: the client gets it with what it missed; `Recovery.admit` with fakes."""

import asyncio
from typing import Any

import pytest
from tests.unit.replica import ANYONE, NEW, SID, Bench, entry, events, known, texts

from queuecast_bus import Batch, BusUnavailable
from queuecast_gateway.access.grant import Identity, Rooms, patterns
from queuecast_gateway.delivery.history import History
from queuecast_gateway.recovery import replay_reader

# New sessions


async def test_a_new_session_gets_a_private_id(bench: Bench) -> None:
    """And the replica's position: it may reconnect before it has seen any event."""
    welcome = await bench.admitted()
    assert welcome.pid == NEW
    assert welcome.missed == b""
    assert texts(welcome.offset) == ['42["queuecast:offset","103-0"]']
    assert bench.figure.sum("recoveries_total") == 0, "no session was recovered"


async def test_the_offset_is_sent_in_its_namespace(bench: Bench) -> None:
    """Each namespace has a session and an offset of its own."""
    welcome = await bench.admitted("/shop")
    assert texts(welcome.offset) == ['42/shop,["queuecast:offset","103-0"]']


async def test_the_connect_handler_gets_the_data_without_our_keys(bench: Bench) -> None:
    """It sees what the page sent."""
    data, _ = await bench.recovery.admit("eio", "/", {"token": "t", "pid": "pid", "offset": "100-0"}, ANYONE)
    assert data == {"token": "t"}


async def test_a_client_may_opt_out(bench: Bench) -> None:
    """For clients whose handlers take no extra argument, and which do not recover sessions."""
    data, welcome = await bench.recovery.admit(
        "eio", "/", {"recovery": False, "pid": "pid", "token": "t"}, ANYONE
    )
    assert (data, welcome) == ({"token": "t"}, None)
    assert bench.bus.asked == [("refuse", "eio", "/")]


PYTHON = {"QUERY_STRING": "transport=polling&EIO=4&t=1796010629.7339036"}


async def test_a_client_that_cannot_recover_gets_no_offsets(bench: Bench) -> None:
    """Its request shows it, for every namespace that it joins; with its connection this is forgotten."""
    bench.recovery.opened("eio", PYTHON)
    for namespace in ("/", "/shop"):
        assert await bench.recovery.admit("eio", namespace, {}, ANYONE) == ({}, None)
    bench.recovery.closed("eio")
    assert (await bench.admitted()).pid == NEW


@pytest.mark.parametrize("value", [True, "true", 1])
async def test_a_client_may_ask_for_offsets(bench: Bench, value: Any) -> None:
    """What it says counts more than what its request looks like."""
    bench.recovery.opened("eio", PYTHON)
    assert (await bench.admitted(recovery=value)).pid == NEW


@pytest.mark.parametrize("pid", [None, 7, True, ["pid"], {"pid": "pid"}])
async def test_a_private_id_that_is_no_text_is_ignored(bench: Bench, pid: Any) -> None:
    """The same as if none had been sent."""
    assert (await bench.admitted(pid=pid, offset="100-0")).pid == NEW
    assert bench.figure.sum("recoveries_total") == 0


# Recovered sessions


async def test_a_recovered_session_gets_what_it_missed(bench: Bench) -> None:
    """All events for it since its offset, in order, with offsets; and none that are for others."""
    bench.assert_recovered(await bench.admitted(pid="pid", offset="100-0"), 101, 102)


@pytest.mark.parametrize("sent_away", [False, True])
async def test_a_connection_that_a_gateway_closed_did_not_break_off(bench: Bench, *, sent_away: bool) -> None:
    """A drained gateway is gone before the next scrape; those that its browsers come to count."""
    bench.sessions.known["pid"] = known()._replace(sent_away=sent_away)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))
    assert bench.figure("broken_off_total") == (not sent_away)


async def test_a_session_that_missed_nothing_gets_nothing(bench: Bench) -> None:
    """The usual case: a tunnel of two seconds."""
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))


async def test_without_an_offset_everything_since_the_session_began_was_missed(bench: Bench) -> None:
    """Its connection broke right after its CONNECT packet."""
    bench.sessions.known["pid"] = known(offset="101-0")
    bench.assert_recovered(await bench.admitted(pid="pid"), 102)


async def test_records_that_only_redis_has_come_first(bench: Bench) -> None:
    """A replica that started later has read none of them; between the two nothing is missing or twice."""
    bench.bus.stream = [entry(f"{number}-0") for number in (98, 99, 100, 101, 102, 103)]
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch("101-0"))
    bench.bus.read(entry("102-0", "a"))
    bench.bus.read(entry("103-0", "b"))
    bench.sessions.known["pid"] = known(offset="98-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="98-0"), 99, 100, 101, 102, 103)


async def test_a_recovered_session_gets_what_its_token_allows_now(bench: Bench) -> None:
    """A room that was forbidden meanwhile is neither joined nor replayed, not even its older events."""
    bench.sessions.known["pid"] = known(rooms={"a": "1-0", "b": "2-0"}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", patterns(["b"])), pid="pid", offset="100-0")
    assert welcome.pid == "pid"
    assert texts(welcome.missed) == events(101, 103)
    assert ("expect", "eio", SID, {"b": "2-0"}) in bench.bus.asked
    assert bench.figure("events_replayed_total") == 2


async def test_events_of_a_room_that_is_forbidden_now_are_not_recalled(bench: Bench) -> None:
    """Redis still has them: the same rule applies there."""
    bench.bus.read_unwanted(entry("104-0", "a"), entry("105-0", "b"))
    bench.sessions.known["pid"] = known(tail="105-0", rooms={"a": "1-0", "b": "2-0"}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", patterns(["b"])), pid="pid", offset="103-0")
    assert texts(welcome.missed) == events(105)
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == [("recall", "105-0")]


async def test_events_for_the_session_alone_need_no_right(bench: Bench) -> None:
    """Its own room is not a room that it joins."""
    bench.bus.read(entry("104-0", SID))
    bench.sessions.known["pid"] = known(tail="104-0", rooms={}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", Rooms()), pid="pid", offset="103-0")
    assert texts(welcome.missed) == events(104)


async def test_redis_is_read_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One client's replay must not be a command that blocks everybody; the history grows meanwhile."""
    monkeypatch.setattr(replay_reader, "PAGE", 2)
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch("103-0"))
    bench.bus.stream = [entry(f"{number}-0") for number in (99, 100, 101, 102, 103)]
    bench.sessions.known["pid"] = known(offset="98-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="98-0"), 99, 100, 101, 102, 103)
    asked = [after for what, after, *_ in bench.bus.asked if what == "between"]
    assert asked == ["98-0", "100-0", "102-0"]


async def test_what_is_published_while_redis_is_read_is_not_missed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is delivered to connected sessions, and this one is not connected yet."""
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch("101-0"))
    bench.bus.stream = [entry("101-0")]
    real = bench.bus.between

    async def between(after: str, until: str, most: int) -> Batch:
        bench.bus.read(entry("102-0"))
        return await real(after, until, most)

    monkeypatch.setattr(bench.bus, "between", between)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="100-0"), 101, 102)


async def test_what_nobody_here_wanted_is_recalled_from_redis(bench: Bench) -> None:
    """The replica kept the address without the text; the next client that needs it is served from memory."""
    bench.bus.read_unwanted(entry("104-0", "a"), entry("105-0", "b"), entry("106-0"))
    bench.sessions.known["pid"] = known(tail="106-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="101-0"), 102, 104, 106)
    assert bench.bus.asked[0] == ("recall", "104-0", "106-0")
    bench.bus.asked.clear()
    again = await bench.admitted(pid="pid", offset="101-0")
    assert texts(again.missed) == events(102, 104, 106)
    assert [what for what, *_ in bench.bus.asked] == ["expect"]


async def test_what_is_published_during_a_recall_is_not_missed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One recall is enough, though more is published each time: during a recovery all texts are kept."""
    real = bench.bus.recall
    bench.bus.read_unwanted(entry("104-0", "a"))
    bench.sessions.known["pid"] = known(tail="105-0")

    async def recall(offsets: list[str]) -> list[list[bytes]]:
        bench.bus.read_unwanted(entry("105-0", "a"))
        return await real(offsets)

    monkeypatch.setattr(bench.bus, "recall", recall)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"), 104, 105)
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == [("recall", "104-0")]
    assert bench.bus.history.recovering == 0


async def test_a_recall_is_done_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits behind one script for all of it."""
    monkeypatch.setattr(replay_reader, "PAGE", 2)
    bench.bus.read_unwanted(*(entry(f"{number}-0", "a") for number in range(104, 109)))
    bench.sessions.known["pid"] = known(tail="108-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"), 104, 105, 106, 107, 108)
    assert [len(asked) - 1 for asked in bench.bus.asked if asked[0] == "recall"] == [2, 2, 1]


async def test_an_old_connection_is_closed_first(bench: Bench) -> None:
    """It is half-open, on another replica: two connections of one session would both be in its rooms."""
    bench.sessions.known["pid"] = known(owner="other")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))
    assert bench.bus.asked == [("close", "other", SID, "/"), ("expect", "eio", SID, {"a": "100-0"})]


async def test_an_old_connection_to_this_replica_is_closed_first(bench: Bench) -> None:
    """A page reconnects faster than its old connection is found dead."""
    bench.bus.old.add((SID, "/"))
    bench.sessions.known["pid"] = known(owner="me")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))
    assert bench.bus.asked == [("close", SID, "/"), ("expect", "eio", SID, {"a": "100-0"})]


@pytest.mark.parametrize("owner", ["", "me"])
async def test_no_replica_is_asked_to_close_without_cause(bench: Bench, owner: str) -> None:
    """It would take a round trip; the old connection has ended."""
    bench.sessions.known["pid"] = known(owner=owner)
    await bench.admitted(pid="pid", offset="103-0")
    assert bench.bus.asked == [("expect", "eio", SID, {"a": "100-0"})]


async def test_a_replica_that_is_behind_reads_on_first(bench: Bench) -> None:
    """Another replica may have delivered what this one has not read: the client would get it twice."""
    bench.sessions.known["pid"] = known(tail="105-0")
    admitting = asyncio.create_task(bench.admitted(pid="pid", offset="104-0"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not admitting.done()
    bench.bus.read(entry("104-0"), entry("105-0"))
    bench.assert_recovered(await admitting, 105)


async def test_a_replica_that_stays_behind_sends_the_client_elsewhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session can be recovered on a replica that reads the bus; a new session would lose what it
    missed.
    """
    monkeypatch.setattr(replay_reader, "CATCH_UP_SECONDS", 0.001)
    bench.sessions.known["pid"] = known(tail="105-0")
    with pytest.raises(BusUnavailable, match="104-0"):
        await bench.admitted(pid="pid", offset="104-0")
    assert bench.sessions.notes == [], "the session is not dropped"


async def test_while_redis_is_away_the_client_is_sent_away(bench: Bench) -> None:
    """What it missed is known when Redis is back."""
    bench.sessions.away = True
    with pytest.raises(BusUnavailable):
        await bench.admitted(pid="pid", offset="100-0")
    assert bench.figure.sum("recoveries_total") == 0
