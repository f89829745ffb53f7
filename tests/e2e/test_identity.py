"""Gateways that require tokens, with the stock JavaScript client and the board in Chromium."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect
from tests.claims import eventually
from tests.issuer import SECRET, signed
from tests.reservation import PortBlock

from queuecast_local import redis_server

from .board import Open
from .javascript import QUICK_RETURN, Client, Node, Target
from .rig import Rig, empty, running

TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "polling"])
SENT_AWAY = {"websocket": "transport close", "polling": "transport error"}
"""What the stock client calls the end of a connection after which it should come back: over long-polling its
session is unknown then."""
JWT = {"QUEUECAST_AUTH": "jwt", "QUEUECAST_AUTH_SECRET": SECRET, "QUEUECAST_AUTH_LEEWAY_SECONDS": "0"}
SHORT_SECONDS = 6
"""The lifetime of a token that expires during a test: enough to connect on a busy machine."""


@pytest.fixture(scope="module")
def shared_guarded(block: PortBlock) -> Iterator[Rig]:
    with running(block, redis_server.find(), JWT) as rig:
        yield rig


@pytest.fixture
def guarded(shared_guarded: Rig) -> Rig:
    """A stack whose gateways require tokens; it is empty when a test begins."""
    return empty(shared_guarded)


@contextmanager
def clients(rig: Rig, transport: str, count: int) -> Iterator[list[Client]]:
    """Make unconnected stock clients; Node already runs, so no token expires while it starts."""
    options = {**QUICK_RETURN, "transports": [transport]}
    later = [Target(rig.url(0), {**options, "autoConnect": False}, "none yet")] * count
    with Node([*later, Target(rig.url(0), options, "sesame")]) as node:
        *made, first = node.clients
        eventually(lambda: first.refusals)
        yield made


def come(client: Client, token: str) -> None:
    """Connect with a token."""
    client.give(token)
    client.reconnect()


def told(client: Client) -> list[object]:
    return client.events("token_expiring")


@pytest.mark.javascript
@TRANSPORTS
def test_a_client_whose_token_ends_comes_back_with_the_next_one(guarded: Rig, transport: str) -> None:
    """A page needs only `auth: (give) => …`: the client calls it at every connect."""
    rig = guarded
    with clients(rig, transport, 1) as (client,):
        come(client, signed(SHORT_SECONDS, rooms=["vip"]))
        eventually(lambda: client.connected)
        assert client.emit("subscribe", "vip") == {"ok": True, "rooms": ["vip"]}
        assert client.emit("subscribe", "others")["error"]["code"] == "forbidden"
        eventually(lambda: told(client))
        client.give(signed(300, rooms=["vip"]))
        eventually(lambda: client.disconnects)
        rig.queue.put([{"id": "missed"}], rooms="vip")
        eventually(lambda: len(client.connects) == 2)
        assert client.disconnects == [SENT_AWAY[transport]], "the stock client reconnects after this"
        first, second = client.connects
        assert second["recovered"]
        assert second["sid"] == first["sid"]
        rig.queue.put([{"id": "later"}], rooms="user:ann")
        eventually(lambda: client.events("item_added") == [[{"id": "missed"}], [{"id": "later"}]])
        assert client.refusals == []


@pytest.mark.javascript
@TRANSPORTS
def test_a_client_with_a_bad_token_is_told_so_and_stays_away(guarded: Rig, transport: str) -> None:
    """It comes back when the page has a good token and calls `connect()`."""
    with clients(guarded, transport, 2) as (bad, short):
        come(bad, "sesame")
        come(short, signed(SHORT_SECONDS))
        eventually(lambda: bad.refusals == [("unauthorized", False)])
        assert bad.connect_errors == ["Not authorised"]
        # The other client's token expires: the client comes back once and is refused as well.
        eventually(lambda: short.disconnects == [SENT_AWAY[transport]])
        eventually(lambda: short.refusals == [("unauthorized", False)])
        assert bad.refusals == [("unauthorized", False)], "it has not tried again"
        for client in (bad, short):
            client.give(signed(300))
            client.reconnect()
            eventually(lambda client=client: client.connected)
        assert [each["recovered"] for each in short.connects] == [False, True]


@pytest.mark.javascript
@TRANSPORTS
def test_a_client_that_refreshes_in_time_stays(guarded: Rig, transport: str) -> None:
    """That is what `token_expiring` is for: the page fetches a token, and nothing is interrupted."""
    with clients(guarded, transport, 2) as (client, other):
        for each in (client, other):
            come(each, signed(SHORT_SECONDS))
        eventually(lambda: client.connected and told(client))
        assert told(client)[0] in ([{"expires_in": seconds}] for seconds in range(SHORT_SECONDS + 1))
        assert client.emit("refresh", signed(300))["ok"]
        eventually(lambda: other.disconnects)
        assert client.emit("subscribe", "user:ann")["ok"]
        assert client.disconnects == []


@pytest.mark.browser
def test_a_token_says_who_sees_the_operators_part(guarded: Rig, open_board: Open) -> None:
    """Nobody else does; another token in the open page's address changes it at once."""
    boards = [
        open_board(guarded.url(0), f"#token={signed(300, operator=['view', 'send'])}"),
        open_board(guarded.url(0), f"#token={signed(300)}"),
    ]
    operator, reader = boards
    for board in boards:
        board.shows_state("connected")
        expect(board.page.get_by_test_id("replica")).to_have_text("gateway-1")
    operator.opens("Replicas")
    expect(operator.page.get_by_test_id("replicas-sum")).to_have_text("2 connections on 2 replicas")
    expect(operator.page.locator("#send")).to_be_visible()
    expect(operator.page.locator("#kill")).to_be_hidden()
    expect(reader.page.get_by_role("tab", name="Events")).to_be_visible()
    for hidden in ("#tab-replicas", "#tab-queues", "#send"):
        expect(reader.page.locator(hidden)).to_be_hidden()
    set_token = "token => { location.hash = `#token=${token}`; }"
    reader.page.evaluate(set_token, signed(300, operator=["view"]))
    expect(reader.page.locator("#tab-queues")).to_be_visible()
    operator.page.evaluate(set_token, signed(300))
    for hidden in ("#tab-replicas", "#panel-replicas", "#send"):
        expect(operator.page.locator(hidden)).to_be_hidden()
    assert operator.faults == reader.faults == []


@pytest.mark.browser
def test_the_board_shows_its_token_and_says_when_it_has_ended(
    guarded: Rig, chromium: Browser, open_board: Open
) -> None:
    """It shows the gateway's own words; a new token in the open page's address is all it takes."""
    rig = guarded
    without = open_board(rig.url(0))
    without.shows_state("refused")
    without.says("Add #token=… to this page's address")
    relay = {"relay": ["item_removed"]}
    board = open_board(rig.url(1), f"#token={signed(300, **relay)}")
    board.shows_state("connected")
    assert board.page.evaluate("location.href") == rig.url(1)
    expect(board.page.get_by_test_id("replica")).to_have_text("gateway-2")
    rig.queue.put([{"id": "seen"}])
    expect(board.item("seen")).to_be_visible()
    set_token = "token => { location.hash = `#token=${token}`; }"
    board.page.evaluate(set_token, signed(SHORT_SECONDS, **relay))
    board.shows_state("refused")
    board.says("Open this page with a new token")
    rig.queue.put([{"id": "missed"}])
    board.page.evaluate(set_token, signed(300, **relay))
    expect(board.page.get_by_test_id("state")).to_have_attribute(
        "data-state", re.compile("recovered|reconnected"), timeout=60_000
    )
    rig.queue.put([{"id": "again"}])
    expect(board.item("again")).to_be_visible()
    board.item("again").get_by_role("button").click()
    expect(board.item("again")).to_have_count(0)
    assert board.faults == []
    assert without.faults == []
