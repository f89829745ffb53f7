"""Who is there: counts over all replicas, by identity, and right again after each end of a replica."""

import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.issuer import SECRET, signed

from queuecast_gateway.presence.tracker import SETTLE_SECONDS

from .page import Page, came_back, page
from .services import Redis
from .site import Site, until

PRESENCE = "queuecast:presence"
LIMITED = "queuecast_gateway_presence_limited_total"
STEPS = "queuecast_gateway_presence_steps_total"
ON = {"presence_rooms": "*", "presence_namespaces": "true"}
JWT = {**ON, "auth": "jwt", "auth_secret": SECRET}


@pytest.fixture
async def site(own_redis: Redis) -> AsyncIterator[Site]:
    """A Redis of its own: some tests stop it."""
    site = Site(own_redis)
    yield site
    await site.close()


def token(subject: str, **claims: Any) -> dict[str, str]:
    return {"token": signed(sub=subject, **{"rooms": ["*"], **claims})}


async def told(opened: Page, room: str | None, count: int, users: list[str] | None = None) -> dict[str, Any]:
    """Read presence events of a room until one says this."""
    while True:
        name, said = await opened.event()
        assert name == PRESENCE
        assert said["count"] >= 0
        if said["room"] == room and said["count"] == count and said.get("users") == users:
            return dict(said)


async def test_pages_are_told_how_many_are_in_a_room_on_all_replicas(site: Site) -> None:
    """And only those that asked; whoever leaves the room is told no more."""
    one, two = await site.start_two(**ON)
    async with page(one.port) as first, page(two.port) as second, page(two.port) as silent:
        assert await first.ask("subscribe", "a", {"presence": True}) == {"ok": True, "rooms": ["a"]}
        await told(first, "a", 1)
        assert (await second.ask("subscribe", ["a", "b"], {"presence": True}))["rooms"] == ["a", "b"]
        await told(first, "a", 2)
        await told(second, "a", 2)
        await told(second, "b", 1)
        await silent.ask("subscribe", "a")
        assert (await told(second, "a", 3))["complete"] is True
        await silent.ask("unsubscribe", "a")
        await told(first, "a", 2)
        assert silent.early() == []
        assert (await second.ask("unsubscribe", "a"))["rooms"] == ["a"]
        await told(first, "a", 1)
        assert [said for _, said in second.early() if said["count"] < 2 and said["room"] == "a"] == []


async def test_people_count_once_and_are_named_to_whom_a_claim_allows_it(site: Site) -> None:
    """A second tab on another replica changes nothing, and neither does its end."""
    one, two = await site.start_two(**JWT)
    sees = token("boss", presence=["chat:*"])
    async with (
        page(one.port, **sees) as boss,
        page(two.port, **token("ann")) as ann,
        page(one.port, **token("ann")) as tab,
    ):
        await boss.ask("subscribe", ["chat:1", "desk:1"], {"presence": True})
        await told(boss, "chat:1", 1, ["boss"])
        await told(boss, "desk:1", 1)
        await ann.ask("subscribe", "chat:1", {"presence": True})
        await told(boss, "chat:1", 2, ["ann", "boss"])
        await told(ann, "chat:1", 2)
        await tab.ask("subscribe", "chat:1")
        async with page(two.port, **token("bob")) as bob:
            await bob.ask("subscribe", "chat:1")
            _, said = await boss.event()
            assert said["room"] == "chat:1"
            assert (said["count"], said["users"]) == (3, ["ann", "bob", "boss"]), "the second tab was news"
        await tab.ask("unsubscribe", "chat:1")
        assert await told(boss, "chat:1", 2, ["ann", "boss"])
        await ann.ask("unsubscribe", "chat:1")
        assert await told(boss, "chat:1", 1, ["boss"])


async def test_a_whole_namespace_can_be_watched(site: Site) -> None:
    """No room means everybody in the namespace, as in an event without a room."""
    one, two = await site.start_two(**ON)
    async with page(one.port) as first:
        assert await first.ask("subscribe", [], {"presence": True}) == {"ok": True, "rooms": []}
        await told(first, None, 1)
        async with page(two.port), page(one.port):
            await told(first, None, 3)
        await told(first, None, 1)
        assert await first.ask("unsubscribe", []) == {"ok": True, "rooms": []}
        assert (await first.ask("unsubscribe", []))["error"]["code"] == "bad_room"


async def test_a_recovered_page_watches_on(site: Site) -> None:
    """It does nothing, as for its rooms."""
    one, two = await site.start_two(**ON)
    async with page(two.port) as other:
        first = await Page.open(one.port)
        await first.ask("subscribe", "a", {"presence": True})
        await told(first, "a", 1)
        ticket = first.ticket
        await first.leave()
        await other.ask("subscribe", "a")
        back = await came_back(two.port, ticket)
        assert back.is_back(ticket)
        await told(back, "a", 2)
        assert await back.ask("subscribe", "a") == {"ok": True, "rooms": []}
        assert await back.rooms("a") == ["a"]
        await back.leave()


async def test_the_past_and_presence_come_together(site: Site) -> None:
    """One `subscribe` for a page that opens late."""
    one = await site.start(**ON)
    async with page(one.port) as first:
        ack = await first.ask("subscribe", "a", {"last": 5, "presence": True})
        assert ack["ok"]
        assert ack["events"] == []
        await told(first, "a", 1)
        assert await first.ask("subscribe", "a", {"presence": False}) == {"ok": True, "rooms": []}
        async with page(one.port) as second:
            await second.ask("subscribe", "a", {"presence": True})
            await told(second, "a", 2)
            assert first.early() == []


@pytest.mark.parametrize(
    ("settings", "room", "options", "code"),
    [
        ({}, "a", {"presence": True}, "bad_options"),
        ({"presence_rooms": "chat:*"}, "a", {"presence": True}, "bad_options"),
        ({"presence_rooms": "chat:*"}, [], {"presence": True}, "bad_options"),
        ({"presence_rooms": "chat:*"}, "chat:1", {"presence": 1}, "bad_options"),
        ({"presence_rooms": "chat:*"}, [], {"presence": False}, "bad_room"),
        ({"presence_rooms": "chat:*"}, "presence,chat:1", {"presence": True}, "bad_room"),
    ],
)
async def test_what_may_not_be_asked_is_refused(
    site: Site, settings: dict[str, str], room: Any, options: Any, code: str
) -> None:
    """Nothing is half done: the page is not in the room."""
    one = await site.start(**settings)
    async with page(one.port) as first:
        refused = await first.ask("subscribe", room, options)
        assert refused["error"]["code"] == code
        if refused["error"]["code"] == "bad_options":
            assert refused["error"]["message"].startswith("presence: ")
        assert await first.rooms("a") == []


async def test_whoever_was_on_a_killed_replica_is_gone(site: Site) -> None:
    """Its lease ends within ten seconds, whatever it has left behind."""
    one, two = await site.start_two(**ON)
    async with AsyncExitStack() as stack:
        watching = await stack.enter_async_context(page(one.port))
        await watching.ask("subscribe", "a", {"presence": True})
        for _ in range(5):
            there = await stack.enter_async_context(page(two.port))
            await there.ask("subscribe", "a")
        await told(watching, "a", 6)
        two.process.signal(signal.SIGKILL)
        await told(watching, "a", 1)


async def test_a_replica_that_stops_takes_its_part_back(site: Site) -> None:
    """At SIGTERM nobody waits for the end of a lease."""
    one, two = await site.start_two(**ON, drain_seconds=0)
    async with AsyncExitStack() as stack:
        watching = await stack.enter_async_context(page(one.port))
        await watching.ask("subscribe", "a", {"presence": True})
        there = await stack.enter_async_context(page(two.port))
        await there.ask("subscribe", "a")
        await told(watching, "a", 2)
        assert len(site.redis.client.zrange(site.keys.presence_leases, 0, -1)) == 2
        two.process.signal(signal.SIGTERM)
        await until(lambda: two.process.exit_code is not None)
        assert len(site.redis.client.zrange(site.keys.presence_leases, 0, -1)) == 1
        assert len(list(site.redis.client.scan_iter(site.keys.presence_part("*")))) == 1
        await told(watching, "a", 1)


@pytest.mark.parametrize("loses_data", [False, True])
async def test_counts_are_right_again_after_redis_was_away(site: Site, loses_data: bool) -> None:
    """Whoever came and went meanwhile is noted; nobody is told a number that is too low in between."""
    one, two = await site.start_two(**ON)
    async with AsyncExitStack() as stack:
        watching = await stack.enter_async_context(page(one.port))
        await watching.ask("subscribe", "a", {"presence": True})
        there = await stack.enter_async_context(page(two.port))
        await there.ask("subscribe", "a")
        await told(watching, "a", 2)
        failed = one.metric(STEPS, outcome="failed")
        back_at = time.monotonic()
        if loses_data:
            for key in list(site.redis.client.scan_iter(f"queuecast:{{{site.channel}}}:presence:*")):
                site.redis.client.delete(key)
        else:
            site.redis.process.signal(signal.SIGSTOP)
            try:
                await until(lambda: one.metric(STEPS, outcome="failed") > failed)
            finally:
                back_at = time.monotonic()
                site.redis.process.signal(signal.SIGCONT)
        await until(lambda: one.metric(STEPS, outcome="whole") + two.metric(STEPS, outcome="whole") >= 4)
        # Nobody is told anything for so long; a busy replica may need longer to announce its part anew.
        is_late = time.monotonic() - back_at >= SETTLE_SECONDS
        third = await stack.enter_async_context(page(two.port))
        await third.ask("subscribe", "a")
        while (said := (await watching.event())[1])["count"] != 3:
            assert said["count"] == 2 or is_late


async def test_limits_are_told(site: Site) -> None:
    """What a limit leaves out makes the count inexact: the events say so, and the metric which limit."""
    one = await site.start(**JWT, max_presence_rooms=3)
    async with page(one.port, **token("ann")) as ann:
        # The namespace, the room of ann's own, and this one.
        await ann.ask("subscribe", "a", {"presence": True})
        assert (await told(ann, "a", 1))["complete"]
        async with page(one.port, **token("bob")) as bob:
            await bob.ask("subscribe", "a")
            assert not (await told(ann, "a", 2))["complete"]
            assert one.metric(LIMITED, reason="rooms") == 1
        assert (await told(ann, "a", 1))["complete"]


async def test_identities_beyond_the_limit_count_by_session(site: Site) -> None:
    """And nobody is told who they are."""
    one = await site.start(**JWT, max_presence_users=1)
    async with AsyncExitStack() as stack:
        ann = await stack.enter_async_context(page(one.port, **token("ann", presence=["*"])))
        await ann.ask("subscribe", "a", {"presence": True})
        assert (await told(ann, "a", 1, ["ann"]))["complete"]
        for _ in range(2):
            bob = await stack.enter_async_context(page(one.port, **token("bob")))
            await bob.ask("subscribe", "a")
        assert not (await told(ann, "a", 3, ["ann"]))["complete"]
        assert one.metric(LIMITED, reason="users") >= 2


async def test_pages_watch_no_more_rooms_than_there_is_memory_for(site: Site) -> None:
    """Whoever watches already is told on."""
    one = await site.start(**ON, presence_bytes=1 << 20, max_rooms=5_000, max_room_bytes=1 << 20)
    async with page(one.port) as first:
        refused = {"ok": True}
        for batch in range(40):
            rooms = [f"{batch}-{number}-{'x' * 80}" for number in range(100)]
            refused = await first.ask("subscribe", rooms, {"presence": True})
            if not refused["ok"]:
                break
            await first.ask("subscribe", f"{batch}", {"presence": True})
        assert refused["error"]["code"] == "too_many_rooms"
        assert one.metric(LIMITED, reason="memory") >= 1
        assert one.metric("queuecast_gateway_presence_held_bytes") >= 1 << 20
        async with page(one.port) as second:
            await second.ask("subscribe", "0")
            await told(first, "0", 2)


async def test_an_event_has_as_many_names_as_fit(site: Site) -> None:
    one = await site.start(**JWT, max_presence_event_bytes=256)
    async with AsyncExitStack() as stack:
        pages = [
            await stack.enter_async_context(page(one.port, **token(letter * 200, presence=["*"])))
            for letter in "ab"
        ]
        for each in pages:
            await each.ask("subscribe", "a", {"presence": True})
        while True:
            said = (await pages[0].event())[1]
            if said["count"] == 2:
                break
        assert len(said["users"]) == 1
        assert said["complete"] is False
        assert one.metric(LIMITED, reason="event") >= 1


async def test_an_operator_sees_the_rooms_of_all_replicas(site: Site) -> None:
    """On the admin port, in numbers."""
    one, two = await site.start_two(**JWT)
    async with page(one.port, **token("ann")) as ann, page(two.port, **token("ann")) as tab:
        for each in (ann, tab):
            await each.ask("subscribe", "chat:1")

        def seen() -> Any:
            status, text = one.ask("/presence?room=chat:1")
            assert status == 200
            assert "ann" not in text
            answer = json.loads(text)
            return answer if answer["sessions"] == 2 else None

        room = await until(seen)
        assert (room["count"], len(room["replicas"])) == (1, 2)
        _, text = two.ask("/presence")
        assert [each["count"] for each in json.loads(text)["namespaces"]] == [1]
        assert one.ask("/presence?rooms=a")[0] == 400


async def test_nothing_is_announced_while_presence_is_off(site: Site) -> None:
    """Off by default, and free."""
    one = await site.start()
    async with page(one.port) as first:
        await first.ask("subscribe", "a")
        assert one.ask("/presence")[0] == 404
        assert not list(site.redis.client.scan_iter("*presence*"))
        assert one.metric(STEPS, outcome="changes") == 0


async def test_a_page_cannot_forge_presence(site: Site) -> None:
    """Its name is among those that only a gateway sends."""
    one = await site.start(**ON)
    async with page(one.port) as first, page(one.port) as second:
        await second.ask("subscribe", "a", {"presence": True})
        await told(second, "a", 1)
        assert (await first.ask(PRESENCE, {"room": "a", "count": 9}))["error"]["code"] == "unknown_event"
        assert second.early() == []
