"""Sessions that are not recovered, and why: the client gets a new one; `Recovery.admit` with fakes."""

from typing import Any

import pytest
from tests.unit.replica import Bench, entry, known

from queuecast_bus import Batch, Gap
from queuecast_gateway.access.grant import EVERY_ROOM, Identity
from queuecast_gateway.delivery.history import History
from queuecast_gateway.recovery import replay_reader


async def test_an_unknown_private_id_gets_a_new_session(bench: Bench) -> None:
    """Guessed, expired, or dropped: they all look the same from outside."""
    bench.assert_new(await bench.admitted(pid="guessed", offset="100-0"), "unknown")


async def test_a_session_is_not_recovered_in_another_namespace(bench: Bench) -> None:
    """Its rooms are different rooms there; and it stays what it is in its own namespace."""
    bench.assert_new(await bench.admitted("/shop", pid="pid", offset="100-0"), "unknown")
    assert bench.sessions.notes == []


@pytest.mark.parametrize(("subject", "other"), [("ann", "bob"), ("ann", ""), ("", "ann")])
async def test_a_session_of_another_subject_is_not_recovered(bench: Bench, subject: str, other: str) -> None:
    """A private id is no credential. It looks as if it did not exist, and its owner still recovers it."""
    bench.sessions.known["pid"] = known(subject=subject)
    bench.assert_new(
        await bench.admitted("/", Identity(other, EVERY_ROOM), pid="pid", offset="100-0"), "unknown"
    )
    assert bench.sessions.notes == []
    welcome = await bench.admitted("/", Identity(subject, EVERY_ROOM), pid="pid", offset="100-0")
    assert welcome.pid == "pid"


@pytest.mark.parametrize(
    "offset",
    ["", "100", "100-", "-0", "a-b", "100-0 ", " 100-0", "100-0\n", "1_0-0", "+100-0", "٣-0", "100-0-0", "$",
     "1" * 16 + "-0", "0-" + "1" * 16, 100, 100.0, True, [], ["100-0"], {}, {"offset": "100-0"}],
)  # fmt: skip
async def test_a_malformed_offset_gets_a_new_session(bench: Bench, offset: Any) -> None:
    """It goes into a command to Redis: nothing but an offset may."""
    bench.assert_new(await bench.admitted(pid="pid", offset=offset), "malformed")


async def test_an_offset_of_the_future_gets_a_new_session(bench: Bench) -> None:
    """Redis has restarted without what this client received: what it missed cannot be known."""
    bench.assert_new(await bench.admitted(pid="pid", offset="104-0"), "lost")


@pytest.mark.parametrize("offset", ["100-0", "101-0"])
async def test_an_offset_from_before_a_loss_gets_a_new_session(bench: Bench, offset: str) -> None:
    """Later records were confirmed and are lost: that is no recovery. The boundary included."""
    bench.sessions.known["pid"] = known(lost_up_to="101-0")
    bench.assert_new(await bench.admitted(pid="pid", offset=offset), "lost")


async def test_an_offset_from_after_a_loss_recovers(bench: Bench) -> None:
    """The session did not miss what was lost before."""
    bench.sessions.known["pid"] = known(lost_up_to="101-0")
    bench.assert_recovered(await bench.admitted(pid="pid", offset="101-1"), 102)


@pytest.mark.parametrize(("tail", "recovered"), [("60100-9", True), ("60101-0", False)])
async def test_after_the_recovery_window_the_client_gets_a_new_session(
    bench: Bench, tail: str, *, recovered: bool
) -> None:
    """Only Redis's clock counts: those of replicas and browsers differ."""
    bench.sessions.known["pid"] = known(tail=tail)
    welcome = await bench.admitted(pid="pid", offset="100-0")
    if recovered:
        bench.assert_recovered(welcome, 101, 102)
    else:
        bench.assert_new(welcome, "expired")


async def test_without_all_records_there_is_no_recovery(bench: Bench) -> None:
    """The stream held less than the window, and the client is told so."""
    bench.bus.trimmed = True
    bench.sessions.known["pid"] = known(offset="99-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="99-0"), "trimmed")


async def test_without_all_texts_there_is_no_recovery(bench: Bench) -> None:
    """The address alone is not enough."""
    bench.bus.read_unwanted(entry("104-0", "a"))
    bench.bus.stream.clear()
    bench.sessions.known["pid"] = known(tail="104-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "trimmed")


async def test_too_many_events_are_not_recalled(bench: Bench) -> None:
    """The limits are the same, and Redis is not asked in vain."""
    bench.bus.read_unwanted(*(entry(f"{number}-0", "a") for number in range(104, 110)))
    bench.sessions.known["pid"] = known(tail="109-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "too_much")
    assert [asked for asked in bench.bus.asked if asked[0] == "recall"] == []


async def test_too_many_bytes_are_not_recalled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with the page that exceeds the limit."""
    monkeypatch.setattr(replay_reader, "PAGE", 1)
    large = [each for number in (104, 105, 106) if (each := entry(f"{number}-0", "a"))]
    for each in large:
        each.fields[7] = b'["' + b"x" * 600 + b'"]'
    bench.bus.read_unwanted(*large)
    bench.sessions.known["pid"] = known(tail="106-0")
    bench.assert_new(await bench.admitted(pid="pid", offset="103-0"), "too_much")
    assert len([asked for asked in bench.bus.asked if asked[0] == "recall"]) == 2


@pytest.mark.parametrize(("count", "recovered"), [(5, True), (6, False)])
@pytest.mark.parametrize("from_redis", [True, False])
async def test_too_many_events_are_not_replayed(
    bench: Bench, count: int, *, recovered: bool, from_redis: bool
) -> None:
    """A page that missed thousands is quicker with a fresh start; the limit is for everything that
    it gets.
    """
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


async def test_after_a_gap_during_the_recovery_there_is_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has missed may be among the records that can no longer be read."""
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


async def test_a_session_that_cannot_be_recovered_is_dropped(bench: Bench) -> None:
    """Its private id becomes invalid on every replica."""
    await bench.admitted(pid="pid", offset="nonsense")
    assert bench.sessions.verbs("pid") == ["drop"]
