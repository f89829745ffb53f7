"""The HTTP API of a real gateway: every answer is also compared with the API's own description."""

import asyncio
import base64
import signal
from contextlib import AsyncExitStack
from typing import Any

import pytest

from .api import REQUESTS, Api, ApiSite
from .commands import SECRET, disconnected, token
from .page import Page, page
from .site import CONNECTIONS, items, until

EVENTS = "queuecast_gateway_api_events_total"


async def test_what_is_published_reaches_pages_on_every_replica(api_site: ApiSite) -> None:
    """The same record as that of a message: to everyone or to rooms, in one order."""
    two = await api_site.site.start()
    async with (
        api_site.start() as (one, api),
        page(one.port) as first,
        page(two.port) as second,
    ):
        assert (await second.ask("subscribe", "sku:7"))["ok"]
        told = await api.publish(data={"id": 1, "title": "Blue kettle ☕"})
        assert told.status == 200
        assert told.body["duplicate"] is False
        for each in (first, second):
            assert await each.event() == ["e", {"id": 1, "title": "Blue kettle ☕"}]
        assert second.offset == told.body["offset"], (
            "a page that subscribes later may ask for what came since"
        )
        assert (await api.publish(data=2, rooms=["sku:7", "sku:8", "sku:7"])).status == 200
        assert (await api.ask("POST", "/v1/publish", {"event": "e", "args": [3, "three"]})).status == 200
        assert await second.event() == ["e", 2]
        assert await first.event() == await second.event() == ["e", 3, "three"]
        photo = base64.b64encode(b"\x89PNG").decode()
        placeholder = {"_placeholder": True, "num": 0}
        assert (await api.publish(data={"photo": placeholder}, attachments=[photo])).status == 200
        assert await first.event() == ["e", {"photo": b"\x89PNG"}]
    assert one.metric(EVENTS, outcome="stored") == 4
    assert one.metric("queuecast_gateway_delivery_seconds_count") >= 3, "the whole path is measured"


async def test_a_batch_is_stored_as_a_whole_in_its_order_or_not_at_all(api_site: ApiSite) -> None:
    """A client that gets an error knows that nothing was done, and where each mistake is."""
    async with api_site.start() as (one, api), page(one.port) as first:
        good = [{"event": "e", "data": number} for number in range(1, 4)]
        bad: list[Any] = [*good, {"event": "connect", "data": 4}, {"event": "e", "data": 5, "Rooms": ["a"]}]
        refused = await api.ask("POST", "/v1/publish-batch", {"messages": bad})
        assert refused.status == 422
        assert refused.places == ["#/messages/3/event", "#/messages/4"]
        assert "did you mean 'rooms'" in refused.body["errors"][1]["detail"]
        told = await api.ask("POST", "/v1/publish-batch", {"messages": good})
        offsets = [each["offset"] for each in told.body["results"]]
        assert len(set(offsets)) == 3
        assert await first.events(3) == items(1, 2, 3)
        much = [{"event": "e", "data": "x" * 800_000} for _ in range(3)]
        assert (await api.ask("POST", "/v1/publish-batch", {"messages": much})).status == 413
        assert (await api.publish(data=4)).status == 200
        assert await first.event() == ["e", 4]


async def test_the_same_request_again_is_stored_once(api_site: ApiSite) -> None:
    """A client that got no answer sends it again, to any replica. Two holders may have the same keys."""
    async with (
        api_site.start() as (one, api),
        api_site.start() as (two, other),
        page(one.port) as first,
    ):
        told = await api.publish(data=1, key="order-1")
        for again in (api, other):
            repeated = await again.publish(data=1, key='"order-1"')
            assert repeated.body == {"offset": told.body["offset"], "duplicate": True}
        batch = {
            "messages": [{"event": "e", "data": 2}, {"event": "e", "data": 3, "idempotency_key": "three"}]
        }
        stored = await api.ask("POST", "/v1/publish-batch", batch, key="batch-1")
        repeated = await other.ask("POST", "/v1/publish-batch", batch, key="batch-1")
        assert [each["duplicate"] for each in repeated.body["results"]] == [True, True]
        assert [each["offset"] for each in repeated.body["results"]] == [
            each["offset"] for each in stored.body["results"]
        ]
        # The key of an event's own counts in another batch too, and alone.
        moved = {
            "messages": [{"event": "e", "data": 3, "idempotency_key": "three"}, {"event": "e", "data": 4}]
        }
        told = await api.ask("POST", "/v1/publish-batch", moved, key="batch-2")
        assert [each["duplicate"] for each in told.body["results"]] == [True, False]
        assert (await other.publish(data=3, key="three", holder="ops")).body["duplicate"] is True
        assert (await api.publish(data=5, key="order-1", holder="ops")).body["duplicate"] is False
        assert await first.events(5) == items(1, 2, 3, 4, 5)
    assert one.metric(EVENTS, outcome="duplicate") + two.metric(EVENTS, outcome="duplicate") == 6


async def test_a_key_that_was_used_for_something_else_is_refused(api_site: ApiSite) -> None:
    """To answer "stored already" would lose the new event silently."""
    async with api_site.start() as (one, api), page(one.port) as first:
        assert (await api.publish(data=1, key="k", holder="ops")).status == 200
        refused = await api.publish(data=2, key="k", holder="ops")
        assert (refused.status, refused.body["type"]) == (422, "urn:queuecast:problem:key-reused")
        refused = await api.publish(data=1, key="k", rooms=["vip"], holder="ops")
        assert refused.status == 422
        assert (await api.ask("POST", "/v1/disconnect", {"room": "vip"}, key="k")).status == 422
        messages = [{"event": "e", "data": 2}, {"event": "e", "data": 3}]
        assert (await api.ask("POST", "/v1/publish-batch", {"messages": messages}, key="b")).status == 200
        messages = [{"event": "e", "data": 2}, {"event": "e", "data": 4}, {"event": "e", "data": 5}]
        refused = await api.ask("POST", "/v1/publish-batch", {"messages": messages}, key="b")
        assert refused.status == 422, "and nothing of it is stored"
        assert (await api.publish(data=6)).status == 200
        assert await first.events(4) == items(1, 2, 3, 6)


async def test_of_batches_with_one_key_at_once_one_is_stored_and_the_others_refused_as_a_whole(
    api_site: ApiSite,
) -> None:
    """Whichever is first: a part of a refused one would be shown, although its sender is told otherwise. The
    key is that of the requests, or of one event in each.
    """
    sizes = (2, 9, 5)

    def batch(number: int, size: int) -> dict[str, Any]:
        events = [{"event": "e", "data": [number, size, at]} for at in range(size)]
        own = {"idempotency_key": f"own-{number}"} if number % 2 else {}
        return {"messages": [*events[:-1], {**events[-1], **own}]}

    expected = []
    async with (
        api_site.start() as (one, api),
        api_site.start() as (_, other),
        page(one.port) as first,
    ):
        for number in range(20):
            key = None if number % 2 else f"key-{number}"
            asked = (
                each.ask("POST", "/v1/publish-batch", batch(number, size), key=key)
                for each, size in zip((api, other, api), sizes, strict=True)
            )
            answers = await asyncio.gather(*asked)
            assert sorted(told.status for told in answers) == [200, 422, 422]
            (stored,) = (size for size, told in zip(sizes, answers, strict=True) if told.status == 200)
            expected += [["e", [number, stored, at]] for at in range(stored)]
        assert await first.events(len(expected)) == expected
        assert (await api.publish(data="last")).status == 200
        assert await first.event() == ["e", "last"], "and nothing of the others"


async def test_commands_are_followed_in_their_place_among_the_events(api_site: ApiSite) -> None:
    """They are the same records as those of messages, on every replica."""
    two = await api_site.site.start(auth="jwt", auth_secret=SECRET)
    async with api_site.start(auth="jwt", auth_secret=SECRET) as (one, api):
        ann = [await Page.open(each.port, **token("ann", "*")) for each in (one, two)]
        bob = await Page.open(two.port, **token("bob", "*"))
        join = {"user": "ann", "rooms": ["vip"]}
        assert (await api.ask("POST", "/v1/join", join)).status == 200
        assert (await api.publish(data=1, rooms=["vip"])).status == 200
        assert (await api.ask("POST", "/v1/leave", {"room": "vip", "rooms": ["vip"]})).status == 200
        assert (await api.publish(data=2, rooms=["vip"])).status == 200
        assert (await api.publish(data=3)).status == 200
        for each in ann:
            assert await each.events(2) == items(1, 3)
        assert (await api.ask("POST", "/v1/disconnect", {"user": "ann"}, key="bye")).status == 200
        for each in ann:
            await disconnected(each)
        assert (await api.ask("POST", "/v1/disconnect", {"user": "ann"}, key="bye")).body["duplicate"]
        assert await bob.event() == ["e", 3]
        for each in (*ann, bob):
            await each.leave()
    assert "ops has sessions disconnect over the HTTP API: user 'ann'" in one.log()


async def complete(api: Api, **query: Any) -> Any:
    """Ask for rooms until both replicas have answered in time and some are listed."""
    async with asyncio.timeout(60):
        while True:
            told = (await api.ask("GET", "/v1/rooms", **query)).body
            if told["complete"] and told["replicas"] == 2 and told["rooms"]:
                return told


async def test_rooms_are_counted_over_all_replicas(api_site: ApiSite) -> None:
    """Named ones exactly, and the largest without a name."""
    two = await api_site.site.start(namespaces="/,/shop")
    async with (
        api_site.start(namespaces="/,/shop") as (one, api),
        page(one.port) as first,
        page(two.port) as second,
        page(two.port, namespace="/shop") as third,
    ):
        for each in (first, second, third):
            assert (await each.ask("subscribe", "sku:7"))["ok"]
        assert (await second.ask("subscribe", "vip"))["ok"]
        counted = await complete(api, room=["sku:7", "vip", "nobody"], holder="watcher")
        assert counted == {
            "rooms": [
                {"namespace": "/", "room": "sku:7", "sessions": 2},
                {"namespace": "/", "room": "vip", "sessions": 1},
                {"namespace": "/", "room": "nobody", "sessions": 0},
            ],
            "replicas": 2,
            "complete": True,
        }
        largest: list[Any] = []
        async with asyncio.timeout(60):
            # A replica may list its own late.
            while {each["namespace"] for each in largest} != {"/", "/shop"} or largest[0]["sessions"] != 2:
                largest = (await complete(api))["rooms"]
        assert largest[0] == {"namespace": "/", "room": "sku:7", "sessions": 2}
        shop = await complete(api, namespace="/shop")
        assert [each["sessions"] for each in shop["rooms"]] == [1]


async def test_people_are_counted_once_and_named_where_a_right_allows_it(api_site: ApiSite) -> None:
    """A page's two tabs on two replicas are one person."""
    settings = {"auth": "jwt", "auth_secret": SECRET, "presence_rooms": "sku:*,user:*"}
    two = await api_site.site.start(**settings)
    async with api_site.start(**settings) as (one, api):
        pages = [
            await Page.open(replica.port, **token(name, "*"))
            for replica, name in ((one, "ann"), (two, "ann"), (two, "bob"))
        ]
        for each in pages:
            assert (await each.ask("subscribe", "sku:7"))["ok"]
        rooms = ["sku:7", "sku:8"]
        told = {"namespace": "/", "room": "sku:7", "count": 2, "sessions": 3, "complete": True}
        seen: Any = None
        async with asyncio.timeout(60):
            while seen != told:
                seen = (await api.ask("GET", "/v1/presence", room=rooms, holder="watcher")).body["rooms"][0]
        named = await api.ask("GET", "/v1/presence", room=rooms)
        assert named.body["rooms"][0] == {**told, "users": ["ann", "bob"]}
        assert named.body["rooms"][1]["count"] == 0
        assert (await api.ask("GET", "/v1/presence", room="vip")).status == 400
        assert (await api.ask("GET", "/v1/presence")).status == 400
        for each in pages:
            await each.leave()
    async with api_site.start() as (_, without):
        assert (await without.ask("GET", "/v1/presence", room="sku:7")).status == 404


async def test_past_events_are_those_that_pages_get(api_site: ApiSite) -> None:
    """An operator's script looks at a room without joining it."""
    async with api_site.start() as (_, api):
        for number in range(1, 6):
            assert (await api.publish(data=number, rooms=["a" if number % 2 else "b"])).status == 200
        photo = base64.b64encode(b"\x89PNG").decode()
        sent = await api.publish(data={"_placeholder": True, "num": 0}, rooms=["b"], attachments=[photo])
        last = await api.ask("GET", "/v1/history", room="a", last=2)
        assert [each["args"] for each in last.body["events"]] == [[3], [5]]
        assert last.body["complete"] is True
        both = await api.ask("GET", "/v1/history", room=["a", "b"], since=last.body["events"][0]["offset"])
        assert [each["args"][0] for each in both.body["events"]][:2] == [4, 5]
        assert both.body["events"][2]["offset"] == sent.body["offset"]
        assert both.body["attachments"] == [photo]
        assert (await api.ask("GET", "/v1/history", room="a")).status == 400
        assert (await api.ask("GET", "/v1/history", last=5)).status == 400
        assert (await api.ask("GET", "/v1/history", room="a", latest="true")).status == 400
    async with api_site.start(max_past_events=0) as (_, without):
        assert (await without.ask("GET", "/v1/history", room="a", last=2)).status == 404


async def test_the_newest_of_a_key_is_kept(api_site: ApiSite) -> None:
    """As for a message with the attribute `key`, and only where Redis keeps it."""
    async with api_site.start(keep_latest_seconds=60) as (one, api), page(one.port) as first:
        for price in (1, 2):
            assert (await api.publish("price", price, rooms=["prices"], holder="ops")).status == 200
            body = {"event": "price", "data": price, "rooms": ["prices"], "key": "sku:7"}
            assert (await api.ask("POST", "/v1/publish", body)).status == 200
        shown = await first.ask("subscribe", "prices", {"latest": True})
        assert [(each["args"], each["key"]) for each in shown["events"]] == [([2], "sku:7")]
        read = await api.ask("GET", "/v1/history", room="prices", latest="true")
        assert [(each["args"], each["key"]) for each in read.body["events"]] == [([2], "sku:7")]


async def test_a_volatile_event_is_for_whoever_is_connected(api_site: ApiSite) -> None:
    """As a message with the attribute `volatile`: a page that comes back does not get it."""
    async with api_site.start() as (one, api):
        away = await Page.open(one.port)
        assert (await api.publish(data=1)).status == 200
        assert await away.event() == ["e", 1]
        ticket = away.ticket
        await away.leave()
        await until(lambda: one.metric(CONNECTIONS) == 0)
        async with page(one.port) as there:
            assert (await api.publish(data=2, volatile=True)).status == 200
            assert (await api.publish(data=3, volatile=False)).status == 200
            assert await there.events(2) == items(2, 3)
        async with page(one.port, ticket) as back:
            assert back.is_back(ticket)
            assert await back.caught_up(1) == items(3)


async def test_an_event_for_a_namespace_that_no_gateway_serves_is_refused(api_site: ApiSite) -> None:
    """It would be stored, and delivered to nobody. Another gateway may serve what this one does not."""
    await api_site.site.start(namespaces="/shop")
    async with api_site.start() as (_, api):
        assert (await api.publish(namespace="/shop")).status == 200
        refused = await api.publish(namespace="/nope")
        assert (refused.status, refused.places) == (422, ["#/namespace"])
        command = {"user": "ann", "namespace": "/nope"}
        assert (await api.ask("POST", "/v1/disconnect", command)).places == ["#/namespace"]


async def test_a_stopping_gateway_answers_and_sends_its_clients_elsewhere(api_site: ApiSite) -> None:
    """Rolling out a new version must cost no event, not even for a client with a kept connection."""
    async with api_site.start(drain_seconds=120) as (one, api), AsyncExitStack() as pages:
        for _ in range(8):  # they are closed spread over the two minutes
            await pages.enter_async_context(page(one.port))
        assert "Connection" not in (await api.publish()).headers
        one.process.signal(signal.SIGTERM)
        await until(lambda: one.metric("queuecast_gateway_draining") == 1)
        answer = await api.publish()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")


async def test_there_is_no_api_unless_it_is_switched_on(api_site: ApiSite) -> None:
    """Not on the admin port either, which Prometheus reaches, and without metrics of its own."""
    replica = await api_site.site.start()
    assert replica.ask("/v1/rooms")[0] == 404
    assert replica.ask("/openapi.json")[0] == 404
    with pytest.raises(KeyError):
        replica.metric(REQUESTS)
