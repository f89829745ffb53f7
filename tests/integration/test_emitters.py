"""Emitters in other processes, of Node and of Python, beside a real Redis: who hears them, and who may."""

import asyncio
import pickle
import re
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest
from tests.claims import eventually

from queuecast_gateway.limits.log_limiter import LINES_PER_SECOND

from .counts import Counts
from .gateway import Gateway
from .page import page
from .services import HOST, Redis
from .site import Site, until

EMITTED = "queuecast_gateway_emitter_messages_total"
ROOT = Path(__file__).parents[2]
BOTH = "python,node"


def node_event(*data: Any, rooms: list[str] | None = None) -> bytes:
    """Return an event as `@socket.io/redis-emitter` writes it; the end-to-end tests have the real one."""
    packet = {"type": 2, "data": list(data), "nsp": "/"}
    message: bytes = msgpack.packb(["emitter", packet, {"rooms": rooms or [], "flags": {}, "except": []}])
    return message


async def subscribed(site: Site, count: int) -> None:
    """Wait until so many gateways hear Node's emitters."""
    clients = site.redis.client.client_list
    await until(lambda: sum(each["psub"] == "2" for each in clients()) == count)


async def test_nodes_emitters_are_heard_on_every_replica_if_the_setting_names_them(site: Site) -> None:
    """With the key of the bus. Its events have an offset, so a client recovers without getting them twice."""
    one, two, deaf = await asyncio.gather(
        site.start(emitters=BOTH), site.start(emitters="node"), site.start()
    )
    await subscribed(site, 2)
    pages = [page(gateway.port) for gateway in (one, two, deaf)]
    async with pages[0] as first, pages[1] as second, pages[2] as third:
        publish = site.redis.client.publish
        publish("socket.io#/#", node_event("e", "another bus"))
        assert publish(f"{site.channel}#/#", node_event("e", 1, b"\xff")) == 2
        for reader in (first, second):
            assert await reader.event() == ["e", 1, b"\xff"]
        ticket = first.ticket
        assert ticket.offset is not None
        await site.saved(ticket.pid)
        await first.leave()
        async with page(deaf.port, ticket) as back:
            assert back.is_back(ticket)
            assert back.missed == []
        assert await third.rooms("a") == []
    assert deaf.metric(EMITTED, outcome="delivered") == 0
    assert site.redis.client.pubsub_numsub(f"{site.channel}-request#/#")[0][1] == 0, (
        "Node's servers would wait for our answers"
    )


async def test_nodes_emitters_are_heard_again_after_redis_was_away(site: Site) -> None:
    """What they publish meanwhile is lost, as with any server."""
    # It ends its connections once it learns that the records are lost, which may be later than all this.
    gateway = await site.start(emitters=BOTH, drain_seconds=600)
    await subscribed(site, 1)
    await asyncio.to_thread(site.redis.kill)
    await asyncio.to_thread(site.redis.start)
    await until(gateway.ready)
    await subscribed(site, 1)
    async with page(gateway.port) as reader:
        site.redis.client.publish(f"{site.channel}#/#", node_event("e", 1))
        assert await reader.event() == ["e", 1]
    assert "the emitters' channels cannot be read, trying again" in gateway.log()


async def test_noise_on_the_channels_is_counted_and_leaves_the_log_readable(site: Site) -> None:
    """Whoever can publish can make the log grow by some lines a second, and end nothing."""
    gateway = await site.start(emitters=BOTH, max_record_bytes=10_000)
    await subscribed(site, 1)
    counts = Counts(gateway, EMITTED)
    noise = [b"", b"\xc1", b"{", b"\x91" * 5_000, b'{"type":2,"opts":{}}', b"\x80" * 50_000]
    noise.append(b"\xdd\0\0\x20\0" + b"\x80" * 8_192)  # as many empty objects as bytes
    began = time.monotonic()
    async with page(gateway.port) as reader:
        for _ in range(20):
            for message in noise:
                for channel in (site.channel, f"{site.channel}#/#", f"{site.channel}-request#/#"):
                    site.redis.client.publish(channel, message)
        site.redis.client.publish(f"{site.channel}#/#", node_event("e", 1))
        assert await reader.event() == ["e", 1]
        await until(lambda: counts.more() == {"malformed": 420, "delivered": 1})
    seconds = time.monotonic() - began
    lines = gateway.log().count("a message of an emitter was skipped")
    assert 1 <= lines <= 21 + LINES_PER_SECOND * seconds
    assert "Traceback" not in gateway.log()


@pytest.mark.parametrize("emitters", ["python", "node"])
async def test_what_is_not_heard_is_counted_and_named(site: Site, emitters: str) -> None:
    """python-socketio before 5.14 pickles, and its user sees nothing; so does whoever forgets the setting."""
    gateway = await site.start(emitters=emitters)
    emit = {"method": "emit", "event": "e", "data": [1], "namespace": "/", "room": None, "host_id": "x"}
    text = b'{"method":"emit","event":"e","data":[2],"namespace":"/","host_id":"x"}'
    heard = Counts(gateway, EMITTED)
    async with page(gateway.port) as reader:
        await until(lambda: site.redis.client.publish(site.channel, pickle.dumps(emit)))
        site.redis.client.publish(site.channel, text)
        expected = {"pickled": 1, "delivered" if emitters == "python" else "switched_off": 1}
        await until(lambda: heard.more() == expected)
        if emitters == "python":
            assert await reader.event() == ["e", 2]
    assert gateway.log().count("python-socketio before 5.14 pickles them") == 1
    assert ("`python` is not in QUEUECAST_EMITTERS" in gateway.log()) == (emitters == "node")


def redis_rules() -> tuple[list[str], list[str]]:
    """Return the rules of the gateway's Redis user, and those that the docs add for Node's emitters."""
    users = (ROOT / "deploy" / "redis" / "users.acl").read_text("ascii")
    found = re.search(r"^user gateway on \S+ (.*)$", users, re.MULTILINE)
    added = re.search(r"`(\+psubscribe [^`]+)`", (ROOT / "docs" / "redis.md").read_text("utf-8"))
    assert found is not None
    assert added is not None
    return found[1].split(), added[1].split()


@pytest.mark.parametrize("lacking", [0, 1, 2, None])
def test_the_gateways_redis_user_needs_three_more_rights_for_nodes_emitters(
    own_redis: Redis, lacking: int | None
) -> None:
    """Only then: as `users.acl` is, it may listen to no pattern. The log names what is refused."""
    granted, added = redis_rules()
    rules = [*granted, *(rule for index, rule in enumerate(added) if index != lacking)]
    own_redis.client.execute_command("ACL", "SETUSER", "gateway", "on", ">secret", *rules)
    url = f"redis://gateway:secret@{HOST}:{own_redis.port}/0"
    gateway = Gateway(url, QUEUECAST_EMITTERS=BOTH)
    try:
        eventually(gateway.ready)
        if lacking is None:
            eventually(lambda: any(each["psub"] == "2" for each in own_redis.client.client_list()))
            assert "NoPermission" not in gateway.log()
        else:
            eventually(lambda: "the emitters' channels cannot be read" in gateway.log())
            assert "NoPermissionError" in gateway.log()
            status, text = gateway.ask("/readyz")
            assert status == 200
            assert "not heard: the emitters' channels: listening: NoPermissionError" in text
    finally:
        gateway.process.stop(grace_seconds=0)
