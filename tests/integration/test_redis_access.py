"""Redis with the users of `deploy/redis/users.acl`: they can do what the services do, no more."""

import asyncio
import contextlib
import hashlib
import json
import re
import shutil
import signal
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import redis as sync_redis
import socketio
from deploy.redis.users import with_scripts
from prometheus_client import CollectorRegistry
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.claims import eventually
from tests.unit.fakes import FakeQueue

from queuecast_bus import Batch, BusManager, BusSettings, BusUnavailable, Record
from queuecast_bus.keys import Keys
from queuecast_gateway.session_state import State
from queuecast_gateway.sessions import Sessions
from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer
from queuecast_poller.canary import Canary
from queuecast_poller.metrics import Metrics as PollerMetrics

from .conftest import HOST, Queue, Redis, Service, free_port
from .page import page
from .site import until
from .test_gateway import Gateway, gateway
from .test_poller import POLLER, settings

__all__ = ["gateway"]

ROOT = Path(__file__).parents[2]
USERS = ROOT / "deploy" / "redis" / "users.acl"
APPEND = ROOT / "bus" / "src" / "queuecast_bus" / "append.lua"
PASSWORD = "p/ssword-of-{}"
OPERATOR = f"user operator on >{PASSWORD.format('operator')} ~* &* +@all\n"
KEYS = Keys()
ITEM = Record(event="item_added", arguments=b'[{"id":1}]')


def filled_in(text: str) -> str:
    """Return the file as an operator makes it: with the SHA-256 of each password."""

    def hashed(found: re.Match[str]) -> str:
        return "#" + hashlib.sha256(PASSWORD.format(found[1]).encode()).hexdigest()

    return re.sub(r"#REPLACE-WITH-THE-SHA-256-OF-THE-PASSWORD-OF-(\w+)", hashed, text)


def rules(user: str) -> list[str]:
    """Return what stands behind a user's name."""
    (line,) = (line for line in filled_in(USERS.read_text("ascii")).splitlines() if f"user {user} " in line)
    return line.split()[2:]


GRANTS = [
    (user, rule) for user in ("poller", "gateway") for rule in rules(user) if rule.startswith(("+", "~", "&"))
]


class Guarded(Redis):
    """A Redis with these users; `client` is the operator's, who may do everything."""

    def __init__(self, server: RedisServer, folder: Path, *options: str) -> None:
        path = folder / "users.acl"
        path.write_text(filled_in(USERS.read_text("ascii")) + OPERATOR, "ascii")
        super().__init__(server, folder, "--aclfile", str(path), *options)

    def start(self) -> None:
        self.client.close()
        self.client = self.client_of("operator")
        super().start()

    def url_of(self, user: str) -> str:
        return f"redis://{user}:{quote(PASSWORD.format(user), safe='')}@{HOST}:{self.port}/0"

    def client_of(self, user: str) -> Any:
        """Return a client that says nothing of its own."""
        return sync_redis.Redis(
            port=self.port,
            username=user,
            password=PASSWORD.format(user),
            socket_timeout=30,
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),
        )

    def refused(self) -> list[tuple[str, str, str]]:
        """Return who was refused what, and whether on a key, a channel or as a command."""
        entries = self.client.acl_log()
        return [(entry["username"], entry["reason"], entry["object"]) for entry in entries]


@pytest.fixture
def guarded(redis_kind: RedisServer, tmp_path: Path) -> Iterator[Guarded]:
    """A Redis of the test's own that keeps its data across a restart."""
    redis = Guarded(redis_kind, tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    yield redis
    redis.close()


@pytest.fixture(scope="module")
def standing(redis_kind: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Redis that all tests share that leave it alive; see `emptied`."""
    redis = Guarded(redis_kind, tmp_path_factory.mktemp("guarded"))
    yield redis
    redis.close()


@pytest.fixture
def emptied(standing: Guarded) -> Guarded:
    """It knows no key, no script and no refusal."""
    standing.client.flushall()
    standing.client.script_flush()
    standing.client.acl_log_reset()
    standing.client.config_resetstat()
    return standing


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
    """A right too little is found out by the first browser that comes back, not at the start."""
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
        # It still has its connection to the one replica when it comes back to the other.
        async with page(two.port, first.ticket) as second:
            assert second.is_back(first.ticket)
            one.process.signal(signal.SIGKILL)
            assert await asyncio.to_thread(one.process.wait, 60) == -signal.SIGKILL
            ticket = second.ticket
        missed = await asyncio.to_thread(send, 2)
        assert await other.event() == missed
        async with page(two.port, ticket) as third:
            assert third.is_back(ticket)
            assert third.missed == [missed]
            ticket = third.ticket
        assert guarded.refused() == []

        guarded.kill()
        missed = await asyncio.to_thread(send, 3)
        await asyncio.to_thread(guarded.start)
        assert await other.event() == missed
        await until(lambda: two.ready() and poller.ready())
        async with page(two.port, ticket) as fourth:
            assert fourth.is_back(ticket)
            assert fourth.missed == [missed]
            assert (await fourth.ask("subscribe", "sku:8"))["ok"]
    assert guarded.refused() == []
    for service in (one, two, poller):
        assert not re.search("NOPERM|NOAUTH|can't run this command", service.log()), service.log()


async def test_a_restart_keeps_what_was_confirmed_although_the_default_user_is_off(guarded: Guarded) -> None:
    """Redis replays its append-only file as the default user, and leaves out, without failing, what that one
    has no right to: so the user is off and keeps its rights (https://github.com/redis/redis/issues/14541).
    """
    bus = BusManager(BusSettings.model_validate({"redis_url": guarded.url_of("gateway")}), write_only=True)
    (stored,) = await bus.publish([(ITEM, None)])
    await bus.aclose()
    guarded.kill()
    guarded.start()
    assert guarded.client.get(KEYS.tail) == stored.offset.encode()
    assert guarded.client.xlen(KEYS.stream) == 1


async def use_as_poller(redis: Guarded, bus: BusManager) -> None:
    """Do all that a poller asks of Redis."""
    canary = Canary(FakeQueue(), bus, 1, PollerMetrics(CollectorRegistry()).of("orders"))
    await canary._send()
    assert canary.key == redis.client.get(bus.keys.canary)
    assert await bus.namespaces.announced(["/shop"]) == set()
    assert not await bus.pressure.is_reported()
    message = ITEM, uuid.uuid4().hex
    for again in (False, True):
        assert [stored.duplicate for stored in await bus.publish([message])] == [again]


async def use_as_gateway(redis: Guarded, bus: BusManager) -> None:
    """Do all that a gateway asks of Redis."""
    await bus.namespaces.announce(["/", "/shop"])
    await bus.pressure.report()
    assert await bus.namespaces.announced(["/shop", "/nope"]) == {"any", "/shop"}
    async with aclosing(cast("AsyncGenerator[Batch]", bus.follow())) as following:
        await anext(following)
        (stored,) = await bus.publish([(ITEM, None)])
        while not (await anext(following)).entries:
            pass
    assert (await bus.between("0-0", stored.offset, 10)).entries
    assert await bus.recall([stored.offset]) != [[]]

    rooms = {"room": stored.offset}
    sessions, state = Sessions(bus, ttl_seconds=60, away_seconds=30), State("sid", "/", rooms, stored.offset)
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

    heard: list[Any] = []
    listening = asyncio.create_task(listen(bus, heard))
    try:
        while {"to": "one"} not in heard:
            await bus.tell(bus.host_id, {"to": "one"})
        while {"to": "all"} not in heard:
            await bus._publish({"to": "all"})
        # What is quiet for long is asked whether it is there.
        while not redis.client.info("commandstats").get("cmdstat_ping", {}).get("calls"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    finally:
        listening.cancel()
        await asyncio.wait([listening])


async def listen(bus: BusManager, heard: list[Any]) -> None:
    async with aclosing(cast("AsyncGenerator[bytes]", bus._listen())) as messages:
        async for message in messages:
            heard.append(json.loads(message))  # noqa: PERF401  # it never ends


USES: dict[str, Callable[[Guarded, BusManager], Awaitable[None]]] = {
    "poller": use_as_poller,
    "gateway": use_as_gateway,
}


async def use(redis: Guarded, user: str, granted: list[str], channel: str = "socketio") -> list[Any]:
    """Do all that a user does, with these rules, until that is done or Redis refuses something.

    Return what was refused.
    """
    redis.client.execute_command("ACL", "SETUSER", user, "reset", *granted)
    url = redis.url_of(user)
    bus = BusManager(
        BusSettings.model_validate({"redis_url": url, "channel": channel}), write_only=user == "poller"
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
    """What is quiet for a moment is quiet for long."""
    monkeypatch.setattr("queuecast_bus.control.QUIET_SECONDS", 0.05)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("channel", ["socketio", "shop"])
@pytest.mark.parametrize("user", USES)
async def test_nothing_that_a_service_does_is_refused(emptied: Guarded, user: str, channel: str) -> None:
    """Also on a channel of another name, with that name in the place of the default."""
    granted = [rule.replace("socketio", channel) for rule in rules(user)]
    assert await use(emptied, user, granted, channel) == []


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize(("user", "grant"), GRANTS)
async def test_no_right_is_one_too_many(emptied: Guarded, user: str, grant: str) -> None:
    """Whatever is taken away is missed: so nothing is granted that the service does not use."""
    refused = await use(emptied, user, [rule for rule in rules(user) if rule != grant])
    assert refused, f"{user} does not need {grant}"
    assert {who for who, _, _ in refused} == {user}


async def test_a_stock_manager_needs_one_command_and_the_channel(emptied: Guarded) -> None:
    """Another process that emits, as in the overview, must not be given the gateway's password for that."""
    granted = ("on", f">{PASSWORD.format('stock')}", "resetchannels", "-@all", "+publish", "&socketio")
    emptied.client.execute_command("ACL", "SETUSER", "stock", "reset", *granted)
    with emptied.client.pubsub(ignore_subscribe_messages=True) as hearing:
        hearing.subscribe("socketio")
        eventually(lambda: emptied.client.pubsub_numsub("socketio")[0][1])
        manager = socketio.RedisManager(emptied.url_of("stock"), write_only=True)
        manager.emit("notice", {"text": "hello"})
        assert b"hello" in eventually(lambda: hearing.get_message(timeout=1))["data"]
        manager.redis.close()


# What they cannot do

EVERYONE = """
FLUSHALL | FLUSHDB | KEYS * | SCAN 0 | RANDOMKEY | DBSIZE | SWAPDB 0 1 | SELECT 1
CONFIG GET * | CONFIG SET maxmemory 1 | CONFIG REWRITE | SHUTDOWN NOSAVE | SAVE | BGREWRITEAOF
REPLICAOF NO ONE | FAILOVER ABORT | CLUSTER INFO | MODULE LIST | INFO | MONITOR | SLOWLOG GET | MEMORY STATS
SCRIPT FLUSH | SCRIPT KILL | SCRIPT EXISTS x | EVAL return 0 | ACL LIST | ACL SETUSER poller +@all
ACL WHOAMI | CLIENT LIST | CLIENT KILL TYPE normal | CLIENT PAUSE 1000 | CLIENT NO-EVICT on
PSUBSCRIBE * | PUBSUB CHANNELS | MULTI | WATCH {records}
XREVRANGE {records} + - | XLEN {records} | XINFO STREAM {records} | XDEL {records} 0-1 | XSETID {records} 0-1
XGROUP CREATE {records} g 0 | XREADGROUP GROUP g c STREAMS {records} > | XACK {records} g 0-1
XAUTOCLAIM {records} g c 0 0 | DUMP {records} | RESTORE {tail} 0 x | COPY {records} {tail}
RENAME {records} {tail} | UNLINK {records} | PERSIST {tail} | EXPIRE {tail} 1 | TYPE {records}
OBJECT ENCODING {tail} | SORT {tail} | GETDEL {tail} | GETSET {tail} x | APPEND {tail} x
MGET {tail} | STRLEN {tail} | INCR {tail} | CLIENT TRACKING on
GET secret | SET secret x | GET {{socketio}} | GET queuecast:{{shop}}:tail | SET queuecast:{{shop}}:tail x
XADD queuecast:{{shop}}:records * a b | XTRIM orders MAXLEN 0 | PEXPIRE secret 1 | XADD orders * a b
EVALSHA {script} 0 | EVALSHA {script} 1 {tail} | EVALSHA {own} 1 secret | EVALSHA {own} 2 {tail} secret
"""
POLLER_ALONE = """
XREAD STREAMS {records} 0 | XRANGE {records} - + | DEL {records} | PING
SUBSCRIBE socketio | SUBSCRIBE {inbox} | PUBLISH socketio x | PUBLISH {inbox} x
GET {session} | HGET {session} sid | HMGET {session} sid | HSET {session} sid x | HGETALL {session}
DEL {session} | SET {session} x | PEXPIRE {session} 1 | GET {rewound} | SET {rewound} 9-9
EVALSHA {own} 1 {session}
"""
GATEWAY_ALONE = """
GET {seen} | SET {seen} x | DEL {seen} | PEXPIRE {seen} 1
XREAD STREAMS orders 0 | XREAD STREAMS {records} orders 0 0 | XRANGE orders - +
XRANGE queuecast:{{shop}}:records - + | GET orders
HGETALL secret | HMGET secret a | HSET secret a b | HDEL secret a | HINCRBY secret a 1 | DEL secret
DEL {session} secret | HGET {session} sid | HSETNX {session} a b | HKEYS {session}
SUBSCRIBE orders | SUBSCRIBE socketio orders | SUBSCRIBE queuecast:{{shop}}:inbox:x | SUBSCRIBE socketio2
PUBLISH orders x | PUBLISH queuecast:{{shop}}:inbox:x x | PUBLISH shop x
"""
NAMES = {
    "records": KEYS.stream,
    "tail": KEYS.tail,
    "rewound": KEYS.rewound,
    "seen": KEYS.seen("m"),
    "session": KEYS.session("p"),
    "inbox": KEYS.inbox("r"),
}


def commands(table: str) -> list[str]:
    return [command.strip() for line in table.strip().splitlines() for command in line.split(" | ")]


@pytest.mark.parametrize(
    ("user", "command"),
    [
        *((user, command) for user in USES for command in commands(EVERYONE)),
        *(("poller", command) for command in commands(POLLER_ALONE)),
        *(("gateway", command) for command in commands(GATEWAY_ALONE)),
    ],
)
def test_all_else_is_refused(standing: Guarded, user: str, command: str) -> None:
    """Who got into one of the two services, or has its password, gets no further."""
    with standing.client_of("operator") as operator:
        operator.execute_command("ACL", "SETUSER", user, "reset", *rules(user))
        script = operator.script_load("return 0")
        own = operator.script_load(APPEND.read_text("utf-8"))
    words = [word.format(script=script, own=own, **NAMES) for word in command.split(" ")]
    with standing.client_of(user) as client, pytest.raises(sync_redis.exceptions.NoPermissionError):
        client.execute_command(*words)


@pytest.mark.parametrize(
    ("user", "inside", "what"),
    [
        ("poller", "redis.call('XRANGE', KEYS[1], '-', '+')", "xrange"),
        ("poller", f"redis.call('GET', '{KEYS.rewound}')", KEYS.rewound),
        ("gateway", "redis.call('GET', 'secret')", "secret"),
        ("gateway", "redis.call('FLUSHALL')", "flushall"),
        ("gateway", "redis.call('PUBLISH', 'orders', 'x')", "orders"),
    ],
)
def test_a_script_of_theirs_can_do_no_more_than_they(
    emptied: Guarded, user: str, inside: str, what: str
) -> None:
    """Where a server knows no rule for one script alone: what is in it is refused like what is outside."""
    emptied.client.execute_command("ACL", "SETUSER", user, "reset", *rules(user), "+evalsha")
    emptied.client.xadd(KEYS.stream, {"a": "b"})
    with emptied.client_of(user) as client:
        script = client.script_load(f"return {inside}")
        with pytest.raises(sync_redis.exceptions.ResponseError):
            client.evalsha(script, 1, KEYS.stream)
    assert [(who, subject.lower()) for who, _, subject in emptied.refused()] == [(user, what)]


def test_the_scripts_that_they_may_run_are_those_of_the_code() -> None:
    """One that has changed is another to Redis; `make docs` writes its sum into the file."""
    written = USERS.read_text("ascii")
    assert with_scripts(written) == written
    assert with_scripts(re.sub(r"\+evalsha\S+ ", "", written)) == written


@pytest.mark.parametrize("user", USES)
async def test_nobody_can_keep_redis_from_answering_with_a_script_of_theirs(
    emptied: Guarded, user: str
) -> None:
    """They may load one, as theirs are loaded; it does not run, and others go on."""
    emptied.client.execute_command("ACL", "SETUSER", user, "reset", *rules(user))
    with emptied.client_of(user) as client:
        script = client.script_load("return #KEYS")
        for sum_ in (script, script.upper(), script.lower() + " "):
            with pytest.raises(sync_redis.exceptions.ResponseError):
                client.evalsha(sum_, 1, KEYS.tail)
    assert {(who, subject.partition("|")[0]) for who, _, subject in emptied.refused()} == {(user, "evalsha")}
    assert emptied.client.ping()


def test_who_does_not_say_who_they_are_is_nobody(standing: Guarded) -> None:
    """The default user is off, with a password or without."""
    for password in (None, "", PASSWORD.format("default")):
        client = sync_redis.Redis(port=standing.port, password=password, retry=Retry(NoBackoff(), 0))
        with client, pytest.raises(sync_redis.exceptions.AuthenticationError):
            client.get(KEYS.tail)


def test_with_the_file_as_it_is_redis_does_not_start(redis_kind: RedisServer, tmp_path: Path) -> None:
    """A password that is published with the file must never be one."""
    path = shutil.copy(USERS, tmp_path)
    process = Process("redis", (*redis_kind.on(free_port()), "--dir", str(tmp_path), "--aclfile", str(path)))
    assert process.wait(60) == 1
    assert "password hash must be exactly 64 characters" in "\n".join(process.tail)
