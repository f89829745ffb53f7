"""What a token allows: rooms, events, and what a session gets when it comes back with fewer rights."""

import json

import pytest
from tests.issuer import signed

from queuecast_bus import Record

from .access import JWT, UNAUTHORIZED, good, is_quiet, refusal
from .counts import ACKS_REFUSED, Counts
from .gateway import Gateway
from .page import Page, Ticket, page
from .site import CONNECTIONS, RECOVERIES, Site, item, items, until
from .wire import Polling, WebSocket

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


async def test_a_token_names_the_rooms_that_may_be_joined(token_gateway: Gateway) -> None:
    """It names them in full or by prefix, never by a regular expression."""
    shown = good(300, rooms=["sku:*", "order:17", "a.c", "x.*"])
    async with page(token_gateway.port, token=shown) as one:
        for room in ("sku:7", "sku:", "order:17", "a.c", "x.y", "user:ann"):
            assert (await one.ask("subscribe", room))["ok"], room
        counts = Counts(token_gateway, ACKS_REFUSED)
        others = ["order:170", "order:1", "my-sku:7", "SKU:7", "abc", "xy", "user:anna", "user:bob", "sku*"]
        for room in others:
            answer = await one.ask("subscribe", ["sku:8", room])
            assert answer["error"] == {
                "code": "forbidden",
                "message": f"this session may not join {room!r}",
            }
        assert counts.more() == {"forbidden": len(others)}
        assert (await one.ask("unsubscribe", ["sku:8", *others]))["rooms"] == [], "all or nothing"


async def test_a_token_names_rooms_that_somebody_is_in_from_the_start(site: Site) -> None:
    """Everybody is also in their own room, `user:{sub}`: a sender need not know anything else."""
    one, two = await site.start_two(**JWT)
    async with (
        page(one.port, token=signed(300, sub="ann", join=["team:1"])) as ann,
        page(two.port, token=signed(300, sub="bob")) as bob,
    ):
        await site.publish(item(1, "user:ann"), item(2, "user:bob"), item(3, "team:1"), item(4))
        assert await ann.events(3) == items(1, 3, 4)
        assert await bob.events(2) == items(2, 4)
        assert (await ann.ask("unsubscribe", "team:1"))["rooms"] == ["team:1"]
        assert (await ann.ask("subscribe", ["team:1", "user:ann"]))["rooms"] == ["team:1"]


async def test_a_token_names_the_events_that_may_be_relayed(site: Site) -> None:
    """A user who may only watch cannot send to everybody."""
    one = await site.start(**JWT, relay_events="item_removed,note")
    async with (
        page(one.port, token=signed(300, sub="ann", relay=["item_removed", "other"])) as ann,
        page(one.port, token=signed(300, sub="bob")) as bob,
    ):
        assert await ann.ask("item_removed", {"id": 1}) == {"ok": True}
        assert await bob.event() == ["item_removed", {"id": 1}]
        for who, event in ((ann, "note"), (bob, "note"), (bob, "item_removed")):
            answer = await who.ask(event, {"id": 2})
            message = f"this session may not send {event!r}"
            assert answer == {"ok": False, "error": {"code": "forbidden", "message": message}}
        assert (await ann.ask("other", 1))["error"]["code"] == "unknown_event"
        assert await is_quiet(bob)


@pytest.mark.parametrize("auth", ["none", "jwt"])
async def test_public_rooms_may_be_joined_by_everybody_and_no_others(site: Site, auth: str) -> None:
    """Without identities it is the only rule for rooms; with them, it need not be in every token."""
    settings = JWT if auth == "jwt" else {}
    one = await site.start(**settings, public_rooms="news,sku:*")
    shown = {"token": signed(300)} if auth == "jwt" else {}
    async with page(one.port, **shown) as somebody:
        assert (await somebody.ask("subscribe", ["news", "sku:7"]))["ok"]
        for room in ("newspaper", "order:1", "user:bob"):
            assert (await somebody.ask("subscribe", room))["error"]["code"] == "forbidden"


@pytest.mark.parametrize(("origins", "where"), [(None, ""), ("*", ", from any origin (QUEUECAST_ORIGINS=*)")])
async def test_a_gateway_that_asks_for_nothing_says_so(site: Site, origins: str | None, where: str) -> None:
    """The operator sees it in the log and on `/readyz`. Any room may be joined; tokens are ignored."""
    one = await site.start(**({} if origins is None else {"origins": origins}))
    note = f"open: anybody may connect{where} (QUEUECAST_AUTH=none)"
    status, body = one.ask("/readyz")
    assert (status, json.loads(body)["notes"]) == (200, [note])
    assert note in one.log()
    async with page(one.port, token="sesame") as somebody:  # noqa: S106  # no real password
        assert (await somebody.ask("subscribe", ["user:ann", "anything"]))["ok"]
        assert (await somebody.ask("item_removed", 1))["ok"]
        answer = await somebody.ask("refresh", "sesame")
        assert answer["ok"]
        assert answer["expires"] is None


async def test_a_room_is_another_one_in_another_namespace(site: Site) -> None:
    """That holds for a subject's room, too, and for the rooms of a recovered session."""
    one = await site.start(**JWT, namespaces="/,/shop")
    shown = signed(300, rooms=["a"])
    async with (
        page(one.port, token=shown) as here,
        page(one.port, namespace="/shop", token=shown) as there,
    ):
        for each in (here, there):
            await each.ask("subscribe", "a")
        await site.publish(
            item(1, "a"), item(2, "a", namespace="/shop"), item(3, "user:ann"), item(4, here.sid),
            item(5, "user:ann", namespace="/shop"), item(6, here.sid, namespace="/shop"), item(7),
            item(8, namespace="/shop"),
        )  # fmt: skip
        assert await here.events(4) == items(1, 3, 4, 7)
        assert await there.events(3) == items(2, 5, 8)
        stolen = there.ticket
        async with page(one.port, stolen, token=shown) as elsewhere:
            assert not elsewhere.is_back(stolen)
        assert (await there.ask("unsubscribe", "none"))["ok"], "it lives on"


@BOTH
async def test_who_comes_back_with_fewer_rights_gets_what_these_allow(site: Site, transport: str) -> None:
    """It recovers its session and the rooms it may still be in; other rooms' events are not replayed."""
    one, two = await site.start_two(**JWT)
    wide = signed(300, rooms=["sku:*", "order:*"], join=["team:1"])
    first = await Page.open(one.port, transport=transport, token=wide)
    await first.ask("subscribe", ["sku:1", "sku:2", "order:1"])
    await first.leave()
    await site.publish(
        item(1, "sku:1"), item(2, "sku:2"), item(3, "order:1"), item(4, "team:1"), item(5, "user:ann"),
        item(6, "sku:1", "order:1"), item(7),
    )  # fmt: skip
    narrow = signed(300, rooms=["sku:1"], join=["team:2"])
    async with page(two.port, first.ticket, transport=transport, token=narrow) as second:
        assert second.is_back(first.ticket)
        assert await second.caught_up(4) == items(1, 5, 6, 7)
        rooms = ["sku:1", "team:2", "user:ann"]
        assert await second.rooms(*rooms, "sku:2", "order:1", "team:1") == rooms
        await site.publish(item(8, "sku:2"), item(9, "order:1"), item(10, "team:2"), item(11, "sku:1"))
        assert await second.events(2) == items(10, 11)
        assert (await second.ask("subscribe", "sku:2"))["error"]["code"] == "forbidden"
    assert two.metric(RECOVERIES, outcome="recovered") == 1


@pytest.mark.parametrize("there", [True, False], ids=["there", "away"])
async def test_a_stolen_private_id_is_of_no_use_to_another_subject(site: Site, there: bool) -> None:
    """The thief gets a new session; the owner's lives on, connected or away."""
    one, two = await site.start_two(**JWT)
    owner = await Page.open(one.port, token=signed(300, sub="ann", rooms=["sku:*"]))
    await owner.ask("subscribe", "sku:1")
    if not there:
        await owner.leave()
        await until(lambda: one.metric(CONNECTIONS) == 0)
    await site.publish(item(1, "sku:1"), item(2, "user:ann"))
    stolen = Ticket(owner.sid, owner.ticket.pid, owner.ticket.offset)
    assert await refusal(two.port, token=signed(-1), pid=stolen.pid) == UNAUTHORIZED
    async with page(two.port, stolen, token=signed(300, sub="bob", rooms=["*"])) as thief:
        assert not thief.is_back(stolen)
        assert thief.missed == []
        assert await thief.rooms("sku:1", "user:ann", "user:bob") == ["user:bob"]
    assert two.metric(RECOVERIES, outcome="unknown") == 1
    if there:
        assert await owner.events(2) == items(1, 2)
        await owner.leave()
        await until(lambda: one.metric(CONNECTIONS) == 0)
    ticket = owner.ticket
    async with page(two.port, ticket, token=signed(300, sub="ann", rooms=["sku:*"])) as back:
        assert back.is_back(ticket)
        assert await back.caught_up(0 if there else 2) == ([] if there else items(1, 2))
        assert await back.rooms("sku:1", "user:ann", "user:bob") == ["sku:1", "user:ann"]


async def test_a_refused_client_gets_no_events(site: Site) -> None:
    """No event of a namespace reaches a connection before it is let in."""
    one = await site.start(**JWT)
    async with await WebSocket.open(one.port) as stranger, page(one.port, token=signed(300)) as ann:
        await stranger.opening()
        await site.publish(Record("e", b"[1]"))
        assert await ann.event() == ["e", 1]
        stranger.send('40{"token":"sesame"}')
        assert (await stranger.text())[:2] == "44"
        session = await Polling.open(one.port)
        await session.say("40")
        assert (await session.receive())[:2] == "44"
