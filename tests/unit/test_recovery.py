"""Who comes back gets its session and what it missed, or is told that it does not: `admit`, with fakes."""

import asyncio
from typing import Any

import pytest
from tests.unit.replica import ANYONE, NEW, SID, Bench, entry, events, known, make_bench, texts

from queuecast_bus import Batch, BusUnavailable, Gap
from queuecast_gateway import recovery as module
from queuecast_gateway.access.grant import EVERY_ROOM, Identity, Rooms, patterns
from queuecast_gateway.history import History


@pytest.fixture
def bench() -> Bench:
    return make_bench()


# Who comes for the first time


async def test_a_new_session_gets_an_id_that_only_it_knows(bench: Bench) -> None:
    """And where the replica is: it may come back before it has seen any event."""
    welcome = await bench.admitted()
    assert welcome.pid == NEW
    assert welcome.missed == b""
    assert texts(welcome.offset) == ['42["queuecast:offset","103-0"]']
    assert bench.figure.sum("recoveries_total") == 0, "nobody came back"


async def test_the_offset_is_told_in_its_namespace(bench: Bench) -> None:
    """Each has a session and an offset of its own."""
    welcome = await bench.admitted("/shop")
    assert texts(welcome.offset) == ['42/shop,["queuecast:offset","103-0"]']


async def test_credentials_are_handed_on_without_what_is_ours(bench: Bench) -> None:
    """A connect handler sees what the page gave."""
    data, _ = await bench.recovery.admit("eio", "/", {"token": "t", "pid": "pid", "offset": "100-0"}, ANYONE)
    assert data == {"token": "t"}


async def test_a_client_may_opt_out(bench: Bench) -> None:
    """One whose handlers take no extra argument, and which does not come back to a session."""
    data, welcome = await bench.recovery.admit(
        "eio", "/", {"recovery": False, "pid": "pid", "token": "t"}, ANYONE
    )
    assert (data, welcome) == ({"token": "t"}, None)
    assert bench.bus.asked == [("refuse", "eio", "/")]


@pytest.mark.parametrize("value", [True, None, 0, "false"])
async def test_only_false_opts_out(bench: Bench, value: Any) -> None:
    """Anything else is the page's own matter."""
    assert (await bench.admitted(recovery=value)).pid == NEW


@pytest.mark.parametrize("pid", [None, 7, True, ["pid"], {"pid": "pid"}])
async def test_a_private_id_that_is_no_text_is_nobodys(bench: Bench, pid: Any) -> None:
    """It is as if none had been sent."""
    assert (await bench.admitted(pid=pid, offset="100-0")).pid == NEW
    assert bench.figure.sum("recoveries_total") == 0


# Who comes back


async def test_who_comes_back_gets_what_it_missed(bench: Bench) -> None:
    """All since its offset that is for it, in order, with offsets; what is for others is not."""
    bench.assert_recovered(await bench.admitted(pid="pid", offset="100-0"), 101, 102)


async def test_who_has_missed_nothing_gets_nothing(bench: Bench) -> None:
    """The usual case: a tunnel of two seconds."""
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))


async def test_who_got_no_offset_has_missed_all_since_it_began(bench: Bench) -> None:
    """Its connection broke right after its CONNECT packet."""
    bench.sessions.known["pid"] = known(offset="101-0")
    bench.assert_recovered(await bench.admitted(pid="pid"), 102)


async def test_what_only_redis_has_comes_first(bench: Bench) -> None:
    """A replica that started later has read none of it; between the two nothing is missing or twice."""
    bench.bus.stream = [entry(f"{number}-0") for number in (98, 99, 100, 101, 102, 103)]
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch("101-0"))
    bench.bus.read(entry("102-0", "a"))
    bench.bus.read(entry("103-0", "b"))
    bench.sessions.known["pid"] = known(offset="98-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="98-0"), 99, 100, 101, 102, 103)


async def test_who_comes_back_sees_what_its_token_allows_now(bench: Bench) -> None:
    """A room that was forbidden meanwhile is neither entered nor replayed, whatever it was then."""
    bench.sessions.known["pid"] = known(rooms={"a": "1-0", "b": "2-0"}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", patterns(["b"])), pid="pid", offset="100-0")
    assert welcome.pid == "pid"
    assert texts(welcome.missed) == events(101, 103)
    assert ("expect", "eio", SID, {"b": "2-0"}) in bench.bus.asked
    assert bench.figure("events_replayed_total") == 2


async def test_what_is_forbidden_now_is_not_recalled_either(bench: Bench) -> None:
    """Redis still has it: the way there has the same rule."""
    bench.bus.overhear(entry("104-0", "a"), entry("105-0", "b"))
    bench.sessions.known["pid"] = known(tail="105-0", rooms={"a": "1-0", "b": "2-0"}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", patterns(["b"])), pid="pid", offset="103-0")
    assert texts(welcome.missed) == events(105)
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == [("recall", "105-0")]


async def test_what_is_meant_for_a_session_alone_needs_no_right(bench: Bench) -> None:
    """Its own room is no room that somebody joins."""
    bench.bus.read(entry("104-0", SID))
    bench.sessions.known["pid"] = known(tail="104-0", rooms={}, subject="ann")
    welcome = await bench.admitted("/", Identity("ann", Rooms()), pid="pid", offset="103-0")
    assert texts(welcome.missed) == events(104)


async def test_redis_is_read_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One client's past must not be a command that holds up everybody; the history grows meanwhile."""
    monkeypatch.setattr(module, "PAGE", 2)
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
    """It is delivered to those who are connected, and who comes back is not one of them yet."""
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
    """The replica kept where it is, not what it says; the next one who comes for it is served from memory."""
    bench.bus.overhear(entry("104-0", "a"), entry("105-0", "b"), entry("106-0"))
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
    """Once, though more comes with each look at Redis: while somebody is coming, all is kept."""
    real = bench.bus.recall
    bench.bus.overhear(entry("104-0", "a"))
    bench.sessions.known["pid"] = known(tail="105-0")

    async def recall(offsets: list[str]) -> list[list[bytes]]:
        bench.bus.overhear(entry("105-0", "a"))
        return await real(offsets)

    monkeypatch.setattr(bench.bus, "recall", recall)
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"), 104, 105)
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == [("recall", "104-0")]
    assert bench.bus.history.keeping == 0


async def test_a_recall_is_done_page_by_page(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits behind one script for all of it."""
    monkeypatch.setattr(module, "PAGE", 2)
    bench.bus.overhear(*(entry(f"{number}-0", "a") for number in range(104, 109)))
    bench.sessions.known["pid"] = known(tail="108-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"), 104, 105, 106, 107, 108)
    assert [len(asked) - 1 for asked in bench.bus.asked if asked[0] == "recall"] == [2, 2, 1]


async def test_an_old_connection_is_closed_first(bench: Bench) -> None:
    """Half-open, on another replica: two connections of one session would both be in its rooms."""
    bench.sessions.known["pid"] = known(owner="other")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))
    assert bench.bus.asked == [("close", "other", SID, "/"), ("expect", "eio", SID, {"a": "100-0"})]


async def test_an_old_connection_to_this_replica_is_closed_first(bench: Bench) -> None:
    """A page that comes back faster than its old connection is found dead."""
    bench.bus.old.add((SID, "/"))
    bench.sessions.known["pid"] = known(owner="me")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="103-0"))
    assert bench.bus.asked == [("close", SID, "/"), ("expect", "eio", SID, {"a": "100-0"})]


@pytest.mark.parametrize("owner", ["", "me"])
async def test_nobody_is_asked_without_cause(bench: Bench, owner: str) -> None:
    """It would take a round trip; the old connection has ended."""
    bench.sessions.known["pid"] = known(owner=owner)
    await bench.admitted(pid="pid", offset="103-0")
    assert bench.bus.asked == [("expect", "eio", SID, {"a": "100-0"})]


async def test_a_replica_that_is_behind_reads_on_first(bench: Bench) -> None:
    """A client may have been given by another one what this one has not read: else it would come again."""
    bench.sessions.known["pid"] = known(tail="105-0")
    coming = asyncio.create_task(bench.admitted(pid="pid", offset="104-0"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not coming.done()
    bench.bus.read(entry("104-0"), entry("105-0"))
    bench.assert_recovered(await coming, 105)


async def test_a_replica_that_stays_behind_sends_the_client_elsewhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can recover where the bus is heard; a new session here would lose what it missed."""
    monkeypatch.setattr(module, "CATCH_UP_SECONDS", 0.001)
    bench.sessions.known["pid"] = known(tail="105-0")
    with pytest.raises(BusUnavailable, match="104-0"):
        await bench.admitted(pid="pid", offset="104-0")
    assert bench.sessions.said == [], "the session is not dropped"


async def test_while_redis_is_away_the_client_is_sent_away(bench: Bench) -> None:
    """What it missed is known when Redis is back."""
    bench.sessions.away = True
    with pytest.raises(BusUnavailable):
        await bench.admitted(pid="pid", offset="100-0")
    assert bench.figure.sum("recoveries_total") == 0


# Who does not


async def test_a_private_id_that_nobody_has_is_told_so(bench: Bench) -> None:
    """Guessed, expired, or dropped: all look the same from outside."""
    bench.assert_new(await bench.admitted(pid="guessed", offset="100-0"), "unknown")


async def test_a_session_of_another_namespace_does_not_come_back_here(bench: Bench) -> None:
    """Its rooms are other rooms; and it stays what it is there."""
    bench.assert_new(await bench.admitted("/shop", pid="pid", offset="100-0"), "unknown")
    assert bench.sessions.said == []


@pytest.mark.parametrize(("subject", "other"), [("ann", "bob"), ("ann", ""), ("", "ann")])
async def test_a_session_of_somebody_else_does_not_come_back(bench: Bench, subject: str, other: str) -> None:
    """A private id is no credential. It looks as if there were none, and its owner finds it as it was."""
    bench.sessions.known["pid"] = known(subject=subject)
    bench.assert_new(
        await bench.admitted("/", Identity(other, EVERY_ROOM), pid="pid", offset="100-0"), "unknown"
    )
    assert bench.sessions.said == []
    welcome = await bench.admitted("/", Identity(subject, EVERY_ROOM), pid="pid", offset="100-0")
    assert welcome.pid == "pid"


@pytest.mark.parametrize(
    "offset",
    ["", "100", "100-", "-0", "a-b", "100-0 ", " 100-0", "100-0\n", "1_0-0", "+100-0", "٣-0", "100-0-0", "$",
     "1" * 16 + "-0", "0-" + "1" * 16, 100, 100.0, True, [], ["100-0"], {}, {"offset": "100-0"}],
)  # fmt: skip
async def test_an_offset_that_is_none_begins_anew(bench: Bench, offset: Any) -> None:
    """It goes into a command to Redis: nothing but an offset may."""
    bench.assert_new(await bench.admitted(pid="pid", offset=offset), "malformed")


async def test_an_offset_of_the_future_begins_anew(bench: Bench) -> None:
    """Redis has come back without what this client was given: what it missed cannot be known."""
    bench.assert_new(await bench.admitted(pid="pid", offset="104-0"), "lost")


@pytest.mark.parametrize("offset", ["100-0", "101-0"])
async def test_an_offset_from_before_a_loss_begins_anew(bench: Bench, offset: str) -> None:
    """Records behind it were confirmed and are gone: that is no recovery. Also right at the edge."""
    bench.sessions.known["pid"] = known(lost_up_to="101-0")
    bench.assert_new(await bench.admitted(pid="pid", offset=offset), "lost")


async def test_an_offset_from_after_a_loss_recovers(bench: Bench) -> None:
    """What was lost before it is nothing that it missed."""
    bench.sessions.known["pid"] = known(lost_up_to="101-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="101-1"), 102)


@pytest.mark.parametrize(("tail", "recovered"), [("60100-9", True), ("60101-0", False)])
async def test_who_was_away_for_too_long_begins_anew(bench: Bench, tail: str, *, recovered: bool) -> None:
    """By Redis's clock alone: those of replicas and browsers differ."""
    bench.sessions.known["pid"] = known(tail=tail)
    welcome = await bench.admitted(pid="pid", offset="100-0")
    if recovered:
        bench.assert_recovered(welcome, 101, 102)
    else:
        bench.assert_new(welcome, "expired")


async def test_records_that_the_stream_has_dropped_are_no_recovery(bench: Bench) -> None:
    """It held less than the window: an honest no."""
    bench.bus.trimmed = True
    bench.sessions.known["pid"] = known(offset="99-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="99-0"), "trimmed")


async def test_a_text_that_the_stream_has_dropped_is_no_recovery(bench: Bench) -> None:
    """Its address was kept here, which is not enough."""
    bench.bus.overhear(entry("104-0", "a"))
    bench.bus.stream.clear()
    bench.sessions.known["pid"] = known(tail="104-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "trimmed")


async def test_too_much_is_not_recalled(bench: Bench) -> None:
    """Neither many nor large ones: the bounds are the same, and Redis is not asked for what is in vain."""
    bench.bus.overhear(*(entry(f"{number}-0", "a") for number in range(104, 110)))
    bench.sessions.known["pid"] = known(tail="109-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "too_much")
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == []


async def test_too_many_bytes_are_not_recalled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the page that shows it."""
    monkeypatch.setattr(module, "PAGE", 1)
    large = [each for number in (104, 105, 106) if (each := entry(f"{number}-0", "a"))]
    for each in large:
        each.fields[7] = b'["' + b"x" * 600 + b'"]'
    bench.bus.overhear(*large)
    bench.sessions.known["pid"] = known(tail="106-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "too_much")
    assert len([asked for asked in bench.bus.asked if asked[0] == "recall"]) == 2


@pytest.mark.parametrize(("count", "recovered"), [(5, True), (6, False)])
@pytest.mark.parametrize("from_redis", [True, False])
async def test_too_many_events_are_not_replayed(
    bench: Bench, count: int, *, recovered: bool, from_redis: bool
) -> None:
    """A page that missed thousands is quicker with a fresh start; the bound is one for all that it gets."""
    missed = [entry(f"{number}-0") for number in range(201, 201 + count)]
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch(missed[-1].offset if from_redis else "200-0"))
    if from_redis:
        bench.bus.stream = missed
    else:
        bench.bus.read(*missed)
    bench.sessions.known["pid"] = known(tail=missed[-1].offset)
    welcome = await bench.admitted(pid="pid", offset="200-0")
    if recovered:
        bench.assert_recovered(welcome, *range(201, 201 + count))
    else:
        bench.assert_new(welcome, "too_much")
        assert bench.sessions.verbs("pid") == ["drop"]


async def test_a_gap_while_a_client_comes_back_is_no_recovery(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has missed may be among what nobody can read any more."""
    bench.bus.history = History(1 << 20)
    bench.bus.history.add(Batch("103-0"))

    async def between(after: str, until: str, most: int) -> Batch:
        gap = Gap("trimmed", "103-0", "104-0")
        bench.recovery.lost(gap)
        bench.bus.history.begin("104-0")
        bench.bus.history.add(Batch("105-0", gap=gap))
        return Batch(until)

    monkeypatch.setattr(bench.bus, "between", between)
    bench.assert_new(await bench.admitted(pid="pid", offset="100-0"), "lost")


async def test_a_session_that_does_not_come_back_is_dropped(bench: Bench) -> None:
    """Its private id opens nothing any more, on any replica."""
    await bench.admitted(pid="pid", offset="nonsense")
    assert bench.sessions.verbs("pid") == ["drop"]
