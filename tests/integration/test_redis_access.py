"""The Redis users in `deploy/redis/users.acl` can do what the services do, and need each of their rights."""

import asyncio
import contextlib
import json
import re
import signal
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest
import socketio
from deploy.redis.users import with_scripts
from prometheus_client import CollectorRegistry
from tests.claims import eventually
from tests.unit.poller.fakes import FakeQueue

from queuecast_bus import Batch, BusManager, BusSettings, BusUnavailable, Record
from queuecast_bus.awaited import AckReport
from queuecast_bus.latest import MAX_KEPT_BYTES
from queuecast_gateway.delivery.history import History
from queuecast_gateway.delivery.room_index import RoomIndex
from queuecast_gateway.presence.announcements import Announcements
from queuecast_gateway.presence.own_part import OwnPart
from queuecast_gateway.presence.totals import Totals
from queuecast_gateway.recovery.latest_rooms import LatestBounds, LatestRooms
from queuecast_gateway.recovery.session_state import State
from queuecast_gateway.recovery.session_store import SessionStore
from queuecast_gateway.wire.past import NO_EVENTS
from queuecast_local.redis_server import RedisServer
from queuecast_poller.intake.canary import Canary
from queuecast_poller.metrics import Metrics as PollerMetrics

from .gateway import Gateway
from .page import page
from .poller import POLLER, settings
from .redis_users import KEYS, PASSWORD, ROOT, SERVICES, USERS, Guarded, rules
from .services import Queue, Service
from .site import until

pytestmark = pytest.mark.usefixtures("patient_bus")

ITEM = Record(event="item_added", arguments=b'[{"id":1}]')
GRANTS = [(user, rule) for user in SERVICES for rule in rules(user) if rule.startswith(("+", "~", "&"))]


@pytest.fixture
def guarded(redis_kind: RedisServer, tmp_path: Path) -> Iterator[Guarded]:
    """A Redis of the test's own that keeps its data across a restart."""
    redis = Guarded(redis_kind, tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    yield redis
    redis.close()


@pytest.mark.parametrize("rule", sorted({rule for _, rule in GRANTS}))
def test_each_right_is_explained(rule: str) -> None:
    """An operator who reviews the list should not have to read the code."""
    written = re.sub(r"(\+evalsha\|)\w+", r"\1…", rule).replace("|", "\\|")
    assert f"`{written}`" in (ROOT / "docs" / "redis.md").read_text("utf-8")


# What they can do


async def test_as_these_users_both_services_do_all_that_they_do(
    guarded: Guarded,
    queue: Queue,
    gateway: Callable[..., Gateway],
    start: Callable[..., Service],
) -> None:
    """A missing right would not show at the start, but when the first browser comes back."""
    one, two = (gateway(guarded.url_of("gateway"), QUEUECAST_REPLICA=name) for name in ("one", "two"))
    poller = start(POLLER, settings(guarded, queue, QUEUECAST_REDIS_URL=guarded.url_of("poller")))
    await until(lambda: one.ready() and two.ready() and poller.ready())

    def send(number: int, **attributes: str) -> list[Any]:
        queue.send(f'{{"id": {number}}}', **attributes)
        return [attributes.get("event", "item_added"), {"id": number}]

    async with page(one.port) as first, page(two.port) as other:
        assert (await first.ask("subscribe", "sku:7"))["ok"]
        priced = await asyncio.to_thread(send, 1, event="price", rooms="sku:7")
        assert await first.event() == priced
        assert (await other.ask("item_removed", {"id": "a"}))["ok"]
        assert await first.event() == await other.event() == ["item_removed", {"id": "a"}]
        # It is still connected to one replica when it comes back to the other.
        async with page(two.port, first.ticket) as second:
            assert second.is_back(first.ticket)
            one.process.signal(signal.SIGKILL)
            assert await asyncio.to_thread(one.process.wait, 60) == -signal.SIGKILL
            ticket = second.ticket
        missed = await asyncio.to_thread(send, 2)
        assert await other.event() == missed
        async with page(two.port, ticket) as third:
            assert third.is_back(ticket)
            assert await third.caught_up(1) == [missed]
            ticket = third.ticket
        assert guarded.refused() == []

        guarded.kill()
        missed = await asyncio.to_thread(send, 3)
        await asyncio.to_thread(guarded.start)
        assert await other.event() == missed
        await until(lambda: two.ready() and poller.ready())
        async with page(two.port, ticket) as fourth:
            assert fourth.is_back(ticket)
            assert await fourth.caught_up(1) == [missed]
            assert (await fourth.ask("subscribe", "sku:8"))["ok"]
    assert guarded.refused() == []
    for service in (one, two, poller):
        assert not re.search("NOPERM|NOAUTH|can't run this command", service.log()), service.log()


async def test_a_restart_keeps_what_was_confirmed_although_the_default_user_is_off(guarded: Guarded) -> None:
    """Redis replays its append-only file as the default user, and silently skips what that user may not do.
    So the user is off but keeps its rights (https://github.com/redis/redis/issues/14541).
    """
    bus = BusManager(BusSettings.model_validate({"redis_url": guarded.url_of("gateway")}), write_only=True)
    (stored,) = await bus.publish([(ITEM, None)])
    await bus.aclose()
    guarded.kill()
    guarded.start()
    assert guarded.client.get(KEYS.tail) == stored.offset.encode()
    assert guarded.client.xlen(KEYS.stream) == 1


async def use_as_poller(redis: Guarded, bus: BusManager) -> None:
    """Do everything that a poller does with Redis."""
    canary = Canary(FakeQueue(), bus, 1, PollerMetrics(CollectorRegistry()).for_queue("orders"))
    await canary._send()
    assert canary.key == redis.client.get(bus.keys.canary)
    assert await bus.namespaces.announced(["/shop"]) == set()
    assert not await bus.pressure.is_reported()
    assert not await bus.queue_reports.are_wanted()
    await bus.queue_reports.put("orders poller", "{}")
    redis.client.hset(bus.keys.queue_sends, "request", "{}")
    assert await bus.queue_sends.asked() == {"request": "{}"}
    assert [await bus.queue_sends.take("request") for _ in range(2)] == [True, False]
    assert await bus.replicas.present() == {}
    redis.client.rpush(bus.keys.acks("mine"), AckReport(1, "one", 0, 0).to_text())
    assert await bus.ack_reports.take("mine") == [AckReport(1, "one", 0, 0)]
    await bus.check()
    assert await bus.eviction_policy() is None
    message = ITEM, uuid.uuid4().hex
    for again in (False, True):
        assert [stored.duplicate for stored in await bus.publish([message])] == [again]
    assert await bus.is_stored(message[1])
    await keep_the_newest(bus, "a")
    await lose_a_record(redis, bus)


async def keep_the_newest(bus: BusManager, room: str) -> None:
    """Keep the newest records of so many keys that the oldest have to go, and one that is too large."""
    text = b'["%b"]' % (b"x" * MAX_KEPT_BYTES)
    records = [ITEM._replace(rooms=(room,), key=f"{number}") for number in range(1_130)]
    for start in range(0, len(records), 100):
        await bus.publish([(record, None) for record in records[start : start + 100]])
    await bus.publish([(ITEM._replace(arguments=text, rooms=(room,), key="large"), None)])


async def lose_a_record(redis: Guarded, bus: BusManager) -> None:
    """Have Redis lose what it confirmed to this writer, and the writer tell everybody."""
    redis.client.set(bus.keys.told, "1-1")
    redis.client.delete(bus.keys.writer(bus.host_id))
    await bus.publish([(ITEM, None)])
    assert bus.rewinds == 1
    # There are no replicas here, but Redis is asked.
    bus._publisher._replicas = 1
    with contextlib.suppress(BusUnavailable):
        await bus.publish([(ITEM, None)])


async def use_as_gateway(redis: Guarded, bus: BusManager) -> None:
    """Do everything that a gateway does with Redis."""
    await bus.namespaces.announce(["/", "/shop"])
    await bus.pressure.report()
    await bus.queue_reports.want()
    assert await bus.queue_reports.all() == {}
    await bus.queue_reports.remove(["orders poller"])
    assert await bus.queue_sends.ask("request", "{}")
    await bus.replicas.announce(bus.host_id, "0-0")
    assert await bus.replicas.present() == {bus.host_id: "0-0"}
    await bus.replicas.withdraw(bus.host_id)
    await bus.ack_reports.put("poller", [AckReport(1, "one", 0, 0)])
    assert await bus.namespaces.announced(["/shop", "/nope"]) == {"any", "/shop"}
    assert not await bus.pressure.is_reported() or redis.client.delete(bus.keys.behind)
    # As the HTTP API publishes: with a dedup id, and with keys of which the newest are kept.
    for again in (False, True):
        assert [stored.duplicate for stored in await bus.publish([(ITEM, "api:shop:k")])] == [again]
    await keep_the_newest(bus, "b")
    async with aclosing(cast("AsyncGenerator[Batch]", bus.follow())) as following:
        await anext(following)
        (stored,) = await bus.publish([(ITEM, None)])
        while not (await anext(following)).entries:
            pass
    assert (await bus.between("0-0", stored.offset, 10)).entries
    assert await bus.recall([stored.offset]) != [[]]

    history = cast("Any", bus).history = History(0)
    history.add(Batch(stored.offset))
    latest = LatestRooms(cast("Any", bus), LatestBounds(60, 10, 1_000, 10_000), lambda _: None, lambda: None)
    assert await latest.read(RoomIndex(("/",), 1_000, stored.offset), "/", ["a"]) == (NO_EVENTS, True)

    rooms = {"room": stored.offset}
    sessions, state = (
        SessionStore(bus, ttl_seconds=60, away_seconds=30),
        State("sid", "/", rooms, stored.offset),
    )
    sessions.note("pid", "save", state)
    await sessions.flush()
    del rooms["room"]
    sessions.changed("pid", state, "room", entered=False)
    await sessions.confirm("pid", state)
    sessions.lost(stored.offset)
    await sessions.flush()
    claimed = await sessions.claim("pid", "/", "")
    assert claimed is not None
    assert (claimed.tail, claimed.lost_up_to) == (stored.offset, stored.offset)
    sessions.note("pid", "drop", state)
    assert await sessions.claim("pid", "/", "") is None

    await tell_who_is_there(bus)

    heard: list[Any] = []
    listening = asyncio.create_task(listen(bus, heard))
    try:
        while {"to": "one"} not in heard:
            await bus.send_to_replica(bus.host_id, {"to": "one"})
        while {"to": "all"} not in heard:
            await bus._publish({"to": "all"})
        # A connection that has been quiet for long gets a ping.
        while not redis.client.info("commandstats").get("cmdstat_ping", {}).get("calls"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    await lose_a_record(redis, bus)


async def tell_who_is_there(bus: BusManager) -> None:
    """Announce a part, change it, read it, show it to an operator, and take it back."""
    announcements, own, totals = Announcements(bus, "one"), OwnPart(10, 10, lambda _: None), Totals()
    for sid in "12":
        own.enter("/,a", sid, "ann", list)
    total = totals.watch("/,a")
    for _ in range(2):
        await announcements.exchange(own, totals)
        for sid in "12":
            own.leave("/,a", sid)
    assert total.count == 0
    assert [replica.name async for replica, _ in announcements.all_parts()] == ["one"]
    await announcements.withdraw()


async def listen(bus: BusManager, heard: list[Any]) -> None:
    async with aclosing(cast("AsyncGenerator[bytes]", bus._listen())) as messages:
        async for message in messages:
            heard.append(json.loads(message))  # noqa: PERF401  # the iteration never ends


USES: dict[str, Callable[[Guarded, BusManager], Awaitable[None]]] = {
    "poller": use_as_poller,
    "gateway": use_as_gateway,
}


async def use(redis: Guarded, user: str, granted: list[str], channel: str = "socketio") -> list[Any]:
    """Do everything that a user does, with these rules, until it is done or Redis refuses something.

    Return the refusals.
    """
    redis.client.execute_command("ACL", "SETUSER", user, "reset", *granted)
    url = redis.url_of(user)
    bus = BusManager(
        BusSettings.model_validate({"redis_url": url, "channel": channel, "keep_latest_seconds": 60}),
        write_only=user == "poller",
    )
    doing = asyncio.ensure_future(USES[user](redis, bus))
    try:
        await until(lambda: doing.done() or redis.refused())
        if doing.done():
            await doing
    except BusUnavailable:
        assert redis.refused()
    finally:
        doing.cancel()
        with contextlib.suppress(asyncio.CancelledError, BusUnavailable):
            await doing
        await bus.aclose()
    return redis.refused()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection counts as quiet after 0.05 s."""
    monkeypatch.setattr("queuecast_bus.subscription.QUIET_SECONDS", 0.05)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("channel", ["socketio", "shop"])
@pytest.mark.parametrize("user", USES)
async def test_nothing_that_a_service_does_is_refused(
    emptied_redis: Guarded, user: str, channel: str
) -> None:
    """It works on a channel of another name, too, if that name replaces the default in the rules."""
    granted = [rule.replace("socketio", channel) for rule in rules(user)]
    assert await use(emptied_redis, user, granted, channel) == []


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize(("user", "grant"), GRANTS)
async def test_no_right_is_unnecessary(emptied_redis: Guarded, user: str, grant: str) -> None:
    """Each right is missed when it is taken away, so the services use every right they have."""
    refused = await use(emptied_redis, user, [rule for rule in rules(user) if rule != grant])
    assert refused, f"{user} does not need {grant}"
    assert {who for who, _, _ in refused} == {user}


async def test_a_stock_manager_needs_one_command_and_the_channel(emptied_redis: Guarded) -> None:
    """Another process that emits, as in the overview, must not need the gateway's password for it."""
    granted = ("on", f">{PASSWORD.format('stock')}", "resetchannels", "-@all", "+publish", "&socketio")
    emptied_redis.client.execute_command("ACL", "SETUSER", "stock", "reset", *granted)
    with emptied_redis.client.pubsub(ignore_subscribe_messages=True) as hearing:
        hearing.subscribe("socketio")
        eventually(lambda: emptied_redis.client.pubsub_numsub("socketio")[0][1])
        manager = socketio.RedisManager(emptied_redis.url_of("stock"), write_only=True)
        manager.emit("notice", {"text": "hello"})
        assert b"hello" in eventually(lambda: hearing.get_message(timeout=1))["data"]
        manager.redis.close()


def test_the_scripts_that_they_may_run_are_those_of_the_code() -> None:
    """For Redis a changed script is a new one; `make docs` writes its checksum into the file."""
    written = USERS.read_text("ascii")
    assert with_scripts(written) == written
    assert with_scripts(re.sub(r"\+evalsha\S+ ", "", written)) == written
