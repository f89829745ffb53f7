"""What the Redis users in `deploy/redis/users.acl` cannot do."""

import shutil
from pathlib import Path

import pytest
import redis as sync_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from queuecast_local.processes import Process
from queuecast_local.redis_server import RedisServer

from .redis_users import APPEND, KEYS, PASSWORD, SERVICES, USERS, Guarded, rules
from .services import free_port

EVERYONE = """
FLUSHALL | FLUSHDB | KEYS * | SCAN 0 | RANDOMKEY | DBSIZE | SWAPDB 0 1 | SELECT 1
CONFIG GET * | CONFIG SET maxmemory 1 | CONFIG REWRITE | SHUTDOWN NOSAVE | SAVE | BGREWRITEAOF
REPLICAOF NO ONE | FAILOVER ABORT | CLUSTER INFO | MODULE LIST | MONITOR | SLOWLOG GET | MEMORY STATS
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
XREAD STREAMS orders 0 | XREAD STREAMS {records} orders 0 0 | XRANGE orders - +
XRANGE queuecast:{{shop}}:records - + | GET orders
HGETALL secret | HMGET secret a | HSET secret a b | HDEL secret a | HINCRBY secret a 1 | DEL secret
DEL {session} secret | HGET {session} sid | HSETNX {session} a b | HKEYS {session}
SUBSCRIBE orders | SUBSCRIBE socketio orders | SUBSCRIBE queuecast:{{shop}}:inbox:x | SUBSCRIBE socketio2
PUBLISH orders x | PUBLISH queuecast:{{shop}}:inbox:x x | PUBLISH shop x | INFO | INFO memory
"""
NAMES = {
    "records": KEYS.stream,
    "tail": KEYS.tail,
    "rewound": KEYS.rewound,
    "session": KEYS.session("p"),
    "inbox": KEYS.inbox("r"),
}


def commands(table: str) -> list[str]:
    return [command.strip() for line in table.strip().splitlines() for command in line.split(" | ")]


@pytest.mark.parametrize(
    ("user", "command"),
    [
        *((user, command) for user in SERVICES for command in commands(EVERYONE)),
        *(("poller", command) for command in commands(POLLER_ALONE)),
        *(("gateway", command) for command in commands(GATEWAY_ALONE)),
    ],
)
def test_all_else_is_refused(guarded_redis: Guarded, user: str, command: str) -> None:
    """Somebody who got into a service, or has its password, gets no further."""
    with guarded_redis.client_of("operator") as operator:
        operator.execute_command("ACL", "SETUSER", user, "reset", *rules(user))
        script = operator.script_load("return 0")
        own = operator.script_load(APPEND.read_text("utf-8"))
    words = [word.format(script=script, own=own, **NAMES) for word in command.split(" ")]
    with guarded_redis.client_of(user) as client, pytest.raises(sync_redis.exceptions.NoPermissionError):
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
def test_a_users_script_can_do_no_more_than_the_user(
    emptied_redis: Guarded, user: str, inside: str, what: str
) -> None:
    """Some servers cannot allow a single script only; there, a script's commands are still checked."""
    emptied_redis.client.execute_command("ACL", "SETUSER", user, "reset", *rules(user), "+evalsha")
    emptied_redis.client.xadd(KEYS.stream, {"a": "b"})
    with emptied_redis.client_of(user) as client:
        script = client.script_load(f"return {inside}")
        with pytest.raises(sync_redis.exceptions.ResponseError):
            client.evalsha(script, 1, KEYS.stream)
    assert [(who, subject.lower()) for who, _, subject in emptied_redis.refused()] == [(user, what)]


@pytest.mark.parametrize("user", SERVICES)
async def test_nobody_can_keep_redis_from_answering_with_a_script_of_theirs(
    emptied_redis: Guarded, user: str
) -> None:
    """They may load a script, as the services do, but not run it; Redis goes on serving others."""
    emptied_redis.client.execute_command("ACL", "SETUSER", user, "reset", *rules(user))
    with emptied_redis.client_of(user) as client:
        script = client.script_load("return #KEYS")
        for sum_ in (script, script.upper(), script.lower() + " "):
            with pytest.raises(sync_redis.exceptions.ResponseError):
                client.evalsha(sum_, 1, KEYS.tail)
    assert {(who, subject.partition("|")[0]) for who, _, subject in emptied_redis.refused()} == {
        (user, "evalsha")
    }
    assert emptied_redis.client.ping()


def test_an_anonymous_client_has_no_rights(guarded_redis: Guarded) -> None:
    """The default user is off, with or without a password."""
    for password in (None, "", PASSWORD.format("default")):
        client = sync_redis.Redis(port=guarded_redis.port, password=password, retry=Retry(NoBackoff(), 0))
        with client, pytest.raises(sync_redis.exceptions.AuthenticationError):
            client.get(KEYS.tail)


def test_with_the_file_as_it_is_redis_does_not_start(redis_kind: RedisServer, tmp_path: Path) -> None:
    """A password that is published with the file must never work."""
    path = shutil.copy(USERS, tmp_path)
    process = Process("redis", (*redis_kind.on(free_port()), "--dir", str(tmp_path), "--aclfile", str(path)))
    assert process.wait(60) == 1
    assert "password hash must be exactly 64 characters" in "\n".join(process.tail)
