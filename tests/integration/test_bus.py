"""The bus with a real Redis: it stores once or raises; it reads without a gap or reports the gap."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.proxy import Proxy

from queuecast_bus import BusManager, BusUnavailable
from queuecast_bus.keys import Keys

from .follower import record
from .publishing import confirmed
from .services import Redis, bus_settings


async def until(claim: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"still not true after {seconds:.0f} s"
        await asyncio.sleep(0.02)


async def test_records_arrive_in_the_order_in_which_they_were_published(
    shared_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Browsers rely on a single order across batches and publishers."""
    settings = bus_settings(shared_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    for start in range(0, 100, 10):
        await publisher.publish([(record(number), None) for number in range(start, start + 10)])
    await until(lambda: len(follower.arguments) == 100)
    assert follower.arguments == [record(number).arguments for number in range(100)]
    assert follower.gaps == []


async def test_records_are_recalled_by_their_offsets(
    shared_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """They come in the order asked for; a record that is gone is left out, and its neighbours come."""
    settings = bus_settings(shared_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(number), None) for number in range(3)])
    await until(lambda: len(follower.arguments) == 3)
    first, _, last = [entry for batch in follower.batches for entry in batch.entries]
    found = await follower.manager.recall([last.offset, "1-1", first.offset])
    assert found == [last.fields, [], first.fields]


async def test_a_dedup_id_is_stored_once(
    shared_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """SQS delivers at least once; browsers must see it once."""
    settings = bus_settings(shared_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    first = await publisher.publish([(record(1), "a"), (record(2), "b"), (record(1), "a")])
    again = await publisher.publish([(record(2), "b"), (record(3), "c")])
    assert [stored.duplicate for stored in first + again] == [False, False, True, True, False]
    assert first[2].offset == first[0].offset
    assert again[0].offset == first[1].offset
    await until(lambda: len(follower.arguments) == 3)
    assert follower.arguments == [record(number).arguments for number in (1, 2, 3)]


async def test_a_dedup_id_is_forgotten_after_its_window(
    shared_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """Ids are kept for the configured time only, so their memory is bounded."""
    settings = bus_settings(shared_redis.url, dedup_seconds=300)
    publisher = managers(settings, write_only=True)
    assert not (await publisher.publish([(record(1), "a")]))[0].duplicate
    key = Keys(settings.channel).seen("a")
    assert 0 < shared_redis.client.pttl(key) <= 300_000
    shared_redis.client.pexpire(key, 1)  # the window ends now
    await until(lambda: not shared_redis.client.exists(key))
    assert not (await publisher.publish([(record(1), "a")]))[0].duplicate


async def test_a_dedup_id_that_keeps_coming_is_not_forgotten(
    shared_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """While SQS refuses to delete a message, it comes back for longer than any window."""
    settings = bus_settings(shared_redis.url, dedup_seconds=600)
    publisher = managers(settings, write_only=True)
    key = Keys(settings.channel).seen("a")
    await publisher.publish([(record(1), "a")])
    shared_redis.client.pexpire(key, 300_000)  # half of the window is over
    assert (await publisher.publish([(record(1), "a")]))[0].duplicate
    assert shared_redis.client.pttl(key) > 300_000


async def test_the_stream_is_bounded_by_length(
    shared_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """Redis's memory must not grow with the traffic. The tolerance is a node of the stream (100 records)."""
    settings = bus_settings(shared_redis.url, stream_max_records=1000)
    publisher = managers(settings, write_only=True)
    for _ in range(15):
        await publisher.publish([(record(number), None) for number in range(100)])
    assert 1000 <= shared_redis.client.xlen(Keys(settings.channel).stream) <= 1100


async def test_the_stream_is_bounded_by_age(shared_redis: Redis, managers: Callable[..., BusManager]) -> None:
    """Records that no browser can resume from any more must not take memory."""
    settings = bus_settings(shared_redis.url, stream_max_seconds=60)
    stream = Keys(settings.channel).stream
    two_minutes_ago = int(time.time() * 1000) - 120_000
    for number in range(300):
        shared_redis.client.xadd(
            stream, {"a": '["/"]', "e": "old", "d": "[]"}, id=f"{two_minutes_ago}-{number}"
        )
    await managers(settings, write_only=True).publish([(record(1), None)])
    assert shared_redis.client.xlen(stream) <= 100


async def test_a_reader_goes_on_where_it_stopped_when_redis_restarts_with_its_data(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A Redis restart must cost browsers nothing."""
    settings = bus_settings(own_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(number), None) for number in range(50)])
    own_redis.kill()
    with pytest.raises(BusUnavailable):
        await publisher.publish([(record(50), None)])
    own_redis.start()
    await confirmed(publisher, *range(50, 100))
    await until(lambda: len(follower.arguments) == 100)
    assert follower.arguments == [record(number).arguments for number in range(100)]
    assert follower.gaps == []
    assert sum(batch.resumed for batch in follower.batches) == 1


async def test_a_redis_that_comes_back_empty_is_reported_as_a_gap_and_read_on(
    forgetful_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Nothing is lost silently, and no reader waits for ids that Redis will not reach for a long time."""
    settings = bus_settings(forgetful_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(1), None)])
    await until(lambda: follower.arguments)
    forgetful_redis.kill()
    forgetful_redis.start()
    await until(lambda: follower.gaps)
    await publisher.publish([(record(2), None)])
    await until(lambda: len(follower.arguments) == 2)
    assert follower.gaps[0] == "rewound"


async def test_a_reader_that_was_overtaken_by_the_trim_reports_the_gap(
    shared_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A replica that lagged too far behind must know it, so that it can tell its browsers."""
    settings = bus_settings(shared_redis.url, stream_max_records=1000)
    slow = managers(settings)
    batches = slow.follow()
    first = asyncio.ensure_future(anext(batches))
    await slow.reading.wait()
    assert not (await first).entries, "it reports where reading starts"
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(0), None)])
    assert len((await anext(batches)).entries) == 1
    for start in range(1, 2001, 100):
        await publisher.publish([(record(number), None) for number in range(start, start + 100)])
    after = await anext(batches)
    assert after.gap is not None
    assert after.gap.reason == "trimmed"
    assert after.entries[0].record.arguments != record(1).arguments
    second = await anext(batches)
    assert second.gap is None, "a gap is reported once"
    await batches.aclose()  # type: ignore[attr-defined]  # it is an async generator


async def test_an_entry_that_is_no_record_is_skipped_and_counted(
    shared_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A foreign entry must neither stop the stream nor look like a gap in it."""
    settings = bus_settings(shared_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(0), None)])
    stream = Keys(settings.channel).stream
    shared_redis.client.xadd(stream, {"surprise": "1"})
    shared_redis.client.xadd(stream, {"e": "x", "d": "[]", "a": '["/"]'})
    await publisher.publish([(record(1), None)])
    await until(lambda: len(follower.arguments) == 2)
    assert sum(batch.malformed for batch in follower.batches) == 2
    assert follower.gaps == []


async def test_publishing_raises_while_redis_has_no_memory_and_stores_nothing_by_halves(
    own_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """With noeviction at maxmemory, everything has to stay on the queue."""
    settings = bus_settings(own_redis.url)
    publisher = managers(settings, write_only=True)
    await publisher.publish([(record(0), None)])
    own_redis.client.config_set("maxmemory", "1")
    batch = [(record(number), f"id-{number}") for number in range(1, 11)]
    with pytest.raises(BusUnavailable, match=r"(?i)memory"):
        await publisher.publish(batch)
    own_redis.client.config_set("maxmemory", "0")
    assert own_redis.client.xlen(Keys(settings.channel).stream) == 1
    assert not any(stored.duplicate for stored in await publisher.publish(batch))


async def test_a_network_that_fell_silent_is_found_out_and_survived(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A connection that dies without a reset is the worst case: only our own deadlines notice it."""
    proxy = Proxy(lambda: own_redis.port)
    port = await proxy.start()
    behind = bus_settings(f"redis://127.0.0.1:{port}/0")
    follower = await follow(behind)
    publisher = managers(behind, write_only=True)
    await publisher.publish([(record(0), "0")])
    proxy.fall_silent()
    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        await publisher.publish([(record(1), "1")])
    assert time.monotonic() - began < 15
    direct = managers(
        behind.model_copy(update={"redis_url": bus_settings(own_redis.url).redis_url}), write_only=True
    )
    await direct.publish([(record(2), "2")])
    proxy.flow()
    await confirmed(publisher, 1)
    await until(lambda: len(follower.arguments) == 3)
    assert sorted(follower.arguments) == [record(number).arguments for number in range(3)]
    await proxy.stop()


async def test_every_connection_killed_costs_no_record(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """Failovers and an operator's CLIENT KILL are routine."""
    settings = bus_settings(own_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    for number in range(30):
        if number % 10 == 5:
            own_redis.client.client_kill_filter(_type="normal", skipme=True)
        await confirmed(publisher, number)
    await until(lambda: len(follower.arguments) == 30)
    assert follower.arguments == [record(number).arguments for number in range(30)]


async def test_control_is_heard_again_after_redis_was_away(
    own_redis: Redis, managers: Callable[..., BusManager]
) -> None:
    """Rooms and disconnects from other replicas must work after a restart: no zombie subscription."""
    settings = bus_settings(own_redis.url)
    hearer, sayer = managers(settings), managers(settings, write_only=True)
    heard: list[bytes] = []

    async def hear() -> None:
        async for message in hearer._listen():
            heard.append(message)  # noqa: PERF401  # the iteration never ends

    task = asyncio.create_task(hear())
    await _say_until_heard(sayer, heard, "before")
    own_redis.kill()
    own_redis.start()
    await _say_until_heard(sayer, heard, "after")
    assert own_redis.client.pubsub_numsub(settings.channel)[0][1] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _say_until_heard(sayer: BusManager, heard: list[bytes], word: str) -> None:
    async with asyncio.timeout(60):
        while not any(word.encode() in message for message in heard):
            with contextlib.suppress(BusUnavailable):
                await sayer._publish({"method": word})
            await asyncio.sleep(0.05)


async def test_a_stopped_redis_is_waited_for(
    own_redis: Redis, managers: Callable[..., BusManager], follow: Callable[..., Any]
) -> None:
    """A Redis that stalls (a fork, a slow command, a frozen host) looks like a silent network."""
    settings = bus_settings(own_redis.url)
    follower = await follow(settings)
    publisher = managers(settings, write_only=True)
    own_redis.process.signal(signal.SIGSTOP)
    with pytest.raises(BusUnavailable):
        await publisher.publish([(record(1), "1")])
    own_redis.process.signal(signal.SIGCONT)
    await confirmed(publisher, 1)
    await until(lambda: follower.arguments)
    assert follower.arguments == [record(1).arguments]
