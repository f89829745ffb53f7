"""What a live board may ask its gateway: rights by token or by setting, and answers that are bounded."""

import asyncio
import signal
import time
from typing import Any

import pytest
from tests.issuer import signed

from queuecast_bus import Record

from .access import JWT
from .counts import ACKS_REFUSED, Counts
from .gateway import Gateway
from .page import Page, page
from .site import RECORDS_READ, Site, item, until

VIEW = {"past", "rooms_of", "replicas", "queues"}
SEND = {"send", "sendable", "sent"}
REQUESTS = {
    "past": 10,
    "rooms_of": [],
    "replicas": None,
    "queues": None,
    "send": {"event": "e", "data": 1},
    "sendable": None,
    "sent": [],
    "kill": None,
}


def board(one: Gateway, **auth: Any) -> Any:
    """Connect to the board's namespace alone."""
    return page(one.port, namespace="/board", recovery=False, **auth)


async def allowed(one: Page) -> set[str]:
    """Return the requests that a board may make, without `kill`, which would end its gateway."""
    answers = {each: await one.ask(each, REQUESTS[each]) for each in REQUESTS if each != "kill"}
    refused = [answer for answer in answers.values() if not answer["ok"]]
    assert all(answer["error"]["code"] == "forbidden" for answer in refused)
    return {each for each, answer in answers.items() if answer["ok"]}


@pytest.mark.parametrize(
    ("operator", "may"),
    [
        ([], set()),
        (["view"], VIEW),
        (["send"], SEND),
        (["view", "send"], VIEW | SEND),
    ],
)
async def test_a_token_says_who_is_an_operator(site: Site, operator: list[str], may: set[str]) -> None:
    """Nobody else is: past events of all rooms and other people's rooms are none of their business."""
    one = await site.start(**JWT)
    counts = Counts(one, ACKS_REFUSED)
    async with board(one, token=signed(300, operator=operator)) as somebody:
        assert await allowed(somebody) == may
        about = await somebody.ask("about", None)
        assert (about["rights"], about["links"]) == (sorted(operator), {})
        assert (await somebody.ask("kill", None))["error"]["code"] == "forbidden"
        assert counts.more() == {"forbidden": len(REQUESTS) - len(may)}
    assert one.process.exit_code is None


async def test_without_tokens_nobody_is_an_operator_by_default(site: Site) -> None:
    """A gateway that everybody may connect to shows them no more than a page gets."""
    one = await site.start()
    async with board(one) as somebody:
        assert await allowed(somebody) == set()
        assert (await somebody.ask("kill", None))["error"]["code"] == "forbidden"


async def test_rights_end_with_the_token_that_gave_them(site: Site) -> None:
    """They are looked at with each request."""
    one = await site.start(**JWT)
    async with board(one, token=signed(300, operator=["view"])) as somebody:
        assert (await somebody.ask("past", 1))["ok"]
        assert (await somebody.ask("refresh", signed(300)))["ok"]
        assert (await somebody.ask("past", 1))["error"]["code"] == "forbidden"


async def test_a_setting_gives_everybody_rights_and_readyz_says_so(site: Site) -> None:
    """Meant for one's own machine, so nobody should have it on elsewhere without knowing."""
    links = "Docs=https://docs.example/a?b=c,Metrics=http://127.0.0.1:9100/metrics"
    one = await site.start(board_rights="view,send", board_links=links)
    async with board(one) as somebody:
        assert await allowed(somebody) == VIEW | SEND
        about = await somebody.ask("about", None)
        assert about["rights"] == ["send", "view"]
        assert about["links"]["Docs"] == "https://docs.example/a?b=c"
        assert (await somebody.ask("kill", None))["error"]["code"] == "forbidden"
    assert "everybody who connects may view, send on the live board" in one.log()


async def test_a_board_that_is_opened_late_is_told_what_came_before(site: Site) -> None:
    """Also of events that nobody was there for, whose texts only Redis has."""
    one = await site.start(board_rights="view")
    last = await site.publish(item(1), item(2, "a"), item(3, "a", "b"))
    await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") == 3)
    async with board(one) as somebody:
        two, three = (await somebody.ask("past", 2))["events"]
        assert (two["event"], two["arguments"], two["rooms"]) == ("e", [2], ["a"])
        assert (three["arguments"], three["rooms"]) == ([3], ["a", "b"])
        rooms = await somebody.ask("rooms_of", [two["offset"], last, "1-1", 7])
        assert rooms["rooms"] == {two["offset"]: ["a"], last: ["a", "b"]}


async def test_a_gateway_that_was_started_late_tells_what_the_stream_has(site: Site) -> None:
    """After a restart a board shows what it showed before."""
    last = await site.publish(item(1), item(2, "a"), item(3))
    one = await site.start(board_rights="view")
    await until(lambda: one.ready())
    newer = await site.publish(item(4))
    await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") == 1)
    async with board(one) as somebody:
        events = (await somebody.ask("past", 10))["events"]
        assert [event["arguments"] for event in events] == [[1], [2], [3], [4]]
        assert [event["offset"] for event in events[2:]] == [last, newer]


async def test_all_replicas_answer_with_their_figures(site: Site) -> None:
    """Connections, rooms and lag are each replica's own; one that is gone is listed for a while."""
    one, two = [await site.start(board_rights="view", replica=name) for name in ("one", "two")]
    async with (
        page(one.port) as first,
        page(two.port) as second,
        page(two.port) as third,
        board(one) as operator,
    ):
        for each in (first, second, third):
            await each.ask("subscribe", "sku:7")
        await third.ask("subscribe", "order:1")
        answer: dict[str, Any] = {}
        async with asyncio.timeout(60):
            # A replica that is late is not in an answer, and may list rooms as they were a second ago.
            while answer.get("rooms") != [["/", "sku:7", 3], ["/", "order:1", 1]]:
                answer = await operator.ask("replicas", None)
                await asyncio.sleep(0.1)
        assert [each["replica"] for each in answer["replicas"]] == ["one", "two"]
        assert [each["connections"] for each in answer["replicas"]] == [2, 2]
        assert [each["sessions"] for each in answer["replicas"]] == [1, 2]
        assert all(each["answered"] and not each["draining"] for each in answer["replicas"])
        assert all(0 <= each["lag_s"] < 60 for each in answer["replicas"])
    two.process.stop(grace_seconds=0)
    async with board(one) as operator:
        async with asyncio.timeout(60):
            while [each["answered"] for each in answer["replicas"]] != [True, False]:
                answer = await operator.ask("replicas", None)
                await asyncio.sleep(0.1)


async def test_a_replica_that_drains_says_so(site: Site) -> None:
    """During a rollout an operator looks for it."""
    one = await site.start(board_rights="view", replica="one")
    two = await site.start(drain_seconds=600, replica="two")
    async with page(two.port), page(two.port), board(one) as operator:
        two.process.signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            draining = [False, False]
            while draining != [False, True]:
                replicas = (await operator.ask("replicas", None))["replicas"]
                draining = [each["draining"] for each in replicas]
                await asyncio.sleep(0.1)


async def test_what_a_board_sends_reaches_the_rooms_that_it_names(site: Site) -> None:
    """As a message on the queue does, on every replica."""
    one, two = await site.start_two(board_rights="send")
    async with page(one.port) as reader, page(two.port) as other, board(two) as sender:
        await reader.ask("subscribe", "sku:7")
        sent = await sender.ask("send", {"event": "price", "rooms": ["sku:7"], "data": {"id": 1}, "count": 2})
        assert sent == {"ok": True, "sent": 2}
        await sender.ask("send", {"event": "news", "data": None})
        assert await reader.events(3) == [["price", {"id": "1-1"}], ["price", {"id": "1-2"}], ["news"]]
        assert await other.event() == ["news"]
        assert two.metric("queuecast_gateway_relays_total", outcome="published") == 3


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"event": "disconnect", "data": 1}, "bad_payload"),
        ({"event": "e", "data": 1, "rooms": ["a,b"]}, "bad_payload"),
        ({"event": "e", "data": 1, "count": 1_001}, "bad_payload"),
        ({"event": "e", "data": "x" * 3_000, "count": 1_000}, "bad_payload"),
    ],
    ids=["event", "room", "count", "bytes"],
)
async def test_what_a_board_may_not_send_is_sent_to_nobody(site: Site, request_: Any, code: str) -> None:
    """All of it or nothing."""
    one = await site.start(board_rights="send")
    async with board(one) as sender:
        assert (await sender.ask("send", request_))["error"]["code"] == code
        assert one.metric("queuecast_gateway_relays_total", outcome="published") == 0


async def test_what_a_board_sends_counts_with_what_its_address_sends(site: Site) -> None:
    """A lost token must not fill Redis, a thousand events with each request."""
    one = await site.start(board_rights="send", max_relay_bytes_per_address=100)
    async with board(one) as sender, page(one.port) as reader:
        many = {"event": "e", "rooms": ["a"], "data": "x" * 500, "count": 20}
        assert (await sender.ask("send", many))["ok"], "within the burst"
        assert (await sender.ask("send", many))["error"]["code"] == "rate_limited"
        assert (await reader.ask("item_removed", 1))["error"]["code"] == "rate_limited"
        assert one.metric("queuecast_gateway_relays_total", outcome="published") == 20


async def test_what_boards_do_does_not_fill_the_log(site: Site) -> None:
    """Fifty requests a second are allowed; a line for each is more than anybody reads."""
    one = await site.start(board_rights="send", max_events_per_second=0)
    async with board(one) as sender:
        began = time.monotonic()
        for number in range(100):
            assert (await sender.ask("send", {"event": "e", "data": number}))["ok"]
        allowed = 22 + 10 * (time.monotonic() - began)
    lines = one.log().count("from the live board")
    assert 20 <= lines <= allowed
    assert allowed > 100 or lines < 100


async def test_past_events_that_an_answer_has_no_space_for_are_not_read(site: Site) -> None:
    """Two hundred of the largest would be 400 MB, which no limit and no metric knew of."""
    one = await site.start(board_rights="view")
    for _ in range(4):
        await site.publish(*[Record("e", b'["%s"]' % (b"x" * 90_000), rooms=("a",)) for _ in range(20)])
    await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") == 80)
    async with board(one) as somebody:
        before = site.redis.client.info("stats")["total_net_output_bytes"]
        answer = await somebody.ask("past", 80)
        read = site.redis.client.info("stats")["total_net_output_bytes"] - before
    assert len(answer["events"]) == 2, "256 KiB of them"
    assert read < 2_000_000, "of 7,200,000"


async def test_boards_that_ask_for_the_queues_share_an_answer_for_a_second(site: Site) -> None:
    """Each would have Redis send all reports of all pollers, as often as it likes."""
    one = await site.start(board_rights="view")

    def reads() -> int:
        return int(site.redis.client.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"])

    async with board(one) as ann, board(one) as bob:
        before, began = reads(), time.monotonic()
        for _ in range(20):
            assert (await ann.ask("queues", None))["ok"]
            assert (await bob.ask("queues", None))["ok"]
        assert reads() - before <= 1 + (time.monotonic() - began)


async def test_the_rooms_of_events_are_told_for_one_namespace_and_within_bounds(site: Site) -> None:
    """Offsets can be guessed, and an event can be for a hundred rooms with long names."""
    one = await site.start(board_rights="view", namespaces="/,/shop")
    elsewhere = await site.publish(item(1, "a", namespace="/shop"))
    rooms = [f"{number:03}" + "r" * 253 for number in range(100)]
    offsets = [await site.publish(item(number, *rooms)) for number in range(15)]
    await until(lambda: one.metric(RECORDS_READ, outcome="nobody_here") == 16)
    async with board(one) as somebody:
        found = (await somebody.ask("rooms_of", [elsewhere, *offsets]))["rooms"]
    assert elsewhere not in found
    assert list(found) == offsets[:10], "256 KiB of names"
    assert found[offsets[0]] == rooms


@pytest.mark.parametrize("wrong", [None, 0, 201, "10", True, [1]])
async def test_a_request_for_too_much_is_refused(site: Site, wrong: Any) -> None:
    """Every answer is bounded."""
    one = await site.start(board_rights="view")
    async with board(one) as somebody:
        assert (await somebody.ask("past", wrong))["error"]["code"] == "bad_payload"
        assert (await somebody.ask("rooms_of", ["1-1"] * 101))["error"]["code"] == "bad_payload"


async def test_a_gateway_is_killed_only_where_a_setting_allows_it(site: Site) -> None:
    """It ends as by a fault: that is what one wants to see the recovery from."""
    one = await site.start(board_rights="kill")
    async with board(one) as somebody:
        await somebody.send('42/board,["kill"]')
        await until(lambda: one.process.exit_code is not None)
    assert one.process.exit_code == -signal.SIGKILL
