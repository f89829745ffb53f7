"""Joining a namespace with a token: which rooms a client gets, and why it is refused."""

import gc
import json
import logging
from collections.abc import Callable
from types import CoroutineType, FrameType
from typing import Any

import pytest
from tests.unit.browser import Browser, connect
from tests.unit.gateway.server.token_gateway import REFUSED, STOLEN, TokenGateway, token

from queuecast_gateway.engine.frames import POLICY, TRY_AGAIN_LATER


async def test_a_good_token_joins_its_rooms(gateway: TokenGateway) -> None:
    """The user's room and those that the token names, at once: an event for them may come any moment."""
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token(join=["team:red"]))
    assert gateway.rooms(sid) == ["team:red", "user:ann"]
    assert gateway.server.identity(sid, "/").subject == "ann"
    await gateway.leave(browser)


async def test_rooms_are_entered_before_the_connect_is_answered(gateway: TokenGateway) -> None:
    """A connect handler sees the rooms, and an event for them is not missed between it and the answer."""
    seen: list[list[str]] = []

    async def on_connect(sid: str, environ: Any, auth: Any = None) -> None:
        seen.append(gateway.rooms(sid))
        await gateway.server.manager.emit("hello", 1, namespace="/", room="user:ann", ignore_queue=True)

    gateway.server.on("connect", on_connect, "/")
    browser = Browser(gateway.server)
    await browser.says(connect(token=token()))
    assert seen == [["user:ann"]]
    assert [text[:2] for text in browser.texts] == ["40", "42", "42"]
    assert browser.texts[-1] == '42["hello",1,"0-0"]'
    await gateway.leave(browser)


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        ({}, "missing"),
        ({"token": None}, "missing"),
        ({"token": STOLEN}, "signature"),
        ({"token": '{"sub":"a,b","exp":9e9}'}, "claims"),
        ({"token": [STOLEN]}, "signature"),
        ({"token": '{"sub":"ann","exp":9e9,"rooms":"all"}'}, "claims"),
        ({"Token": STOLEN}, "missing"),
    ],
)
async def test_a_client_without_a_good_token_is_refused(
    gateway: TokenGateway, shown: dict[str, Any], fault: str
) -> None:
    """The stock client gets `connect_error` with a code for the page; only the metric and the log say why."""
    browser = Browser(gateway.server)
    await browser.says(connect(**shown))
    assert browser.texts == [f"44{REFUSED}"]
    assert browser.close_code is None, "it may try again with another token"
    assert gateway.figure("connects_refused_total", reason=fault) == 1
    assert gateway.figure.sum("connects_refused_total") == 1
    await gateway.leave(browser)


async def test_a_refusal_concerns_one_namespace(gateway: TokenGateway) -> None:
    """The others of the same connection go on, each with its own token."""
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token())
    await browser.says(connect("/shop", token=STOLEN))
    assert browser.texts == [f"44/shop,{REFUSED}"]
    browser.transport.written.clear()
    other = await browser.joined("/shop", token=token("bob"))
    assert gateway.server.identity(sid, "/").subject == "ann"
    assert gateway.server.identity(other, "/shop").subject == "bob"
    assert (gateway.rooms(sid), gateway.rooms(other, "/shop")) == (["user:ann"], ["user:bob"])
    await gateway.leave(browser)


async def test_a_refused_client_may_send_another_token(gateway: TokenGateway) -> None:
    """The page asks its backend for a new one, over the same connection."""
    browser = Browser(gateway.server)
    await browser.says(connect(token=STOLEN))
    browser.transport.written.clear()
    sid = await browser.joined(token=token())
    assert gateway.rooms(sid) == ["user:ann"]
    await gateway.leave(browser)


async def test_a_client_may_leave_and_rejoin_as_another_user(gateway: TokenGateway) -> None:
    """Signing out and in again: nothing of the first identity stays."""
    browser = Browser(gateway.server)
    first = await browser.joined(token=token(join=["team:red"]))
    await browser.says("1")
    assert len(gateway.server.authentication.identities) == 0
    second = await browser.joined(token=token("bob"))
    assert first != second
    assert gateway.rooms(second) == ["user:bob"]
    await gateway.leave(browser)


async def test_a_refusal_is_logged_without_the_token(
    gateway: TokenGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the reason, which the browser does not get; more people read logs than may see tokens."""
    caplog.set_level(logging.DEBUG)
    browser = Browser(gateway.server)
    await browser.says(connect(token=STOLEN), connect(token=token(rooms=["secret*room"])))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("queuecast")]
    assert [line.rpartition("may not join: ")[2] for line in ours] == [
        "signature: the signature is wrong",
        "the claim 'rooms' has a name that cannot be used",
    ]
    assert STOLEN not in caplog.text
    assert "secret" not in caplog.text


async def test_a_client_that_fails_too_often_has_to_wait(make_gateway: Callable[..., TokenGateway]) -> None:
    """It gets a code of its own, so that a page does not fetch one token after another."""
    gateway = make_gateway(most_tries=2)
    browser, other = Browser(gateway.server), Browser(gateway.server)
    browser.session.address = other.session.address = "192.0.2.1"
    await browser.says(*[connect(token=STOLEN)] * 3)
    assert json.loads(browser.texts[-1][2:])["data"] == {"code": "too_many_tries"}
    assert gateway.figure("connects_refused_total", reason="too_many_tries") == 1
    assert browser.close_code == POLICY, "the next guess costs another connection"
    assert gateway.figure("events_refused_total", reason="tries") == 1
    await other.joined(token=token())
    await gateway.leave(browser, other)


async def test_a_connection_that_has_joined_is_not_closed_for_a_bad_token(
    make_gateway: Callable[..., TokenGateway],
) -> None:
    """The token is for another namespace, and the address may be shared by many clients."""
    gateway = make_gateway(most_tries=1)
    browser = Browser(gateway.server)
    await browser.joined(token=token())
    await browser.says(*[connect("/shop", token=STOLEN)] * 2)
    assert "too_many_tries" in browser.texts[-1]
    assert browser.close_code is None
    await gateway.leave(browser)


async def test_the_sessions_of_an_identity_are_limited(make_gateway: Callable[..., TokenGateway]) -> None:
    """In all namespaces together; when one ends, another may join."""
    gateway = make_gateway(max_connections_per_identity=2)
    one, other = Browser(gateway.server), Browser(gateway.server)
    await one.joined(token=token())
    await one.joined("/shop", token=token())
    await other.says(connect(token=token()))
    (text,) = other.texts
    assert json.loads(text[2:])["data"] == {"code": "too_many_connections"}
    assert gateway.figure("connects_refused_total", reason="too_many_connections") == 1
    other.transport.written.clear()
    await other.joined(token=token("bob"))
    await one.says("1/shop,")
    await other.joined("/shop", token=token())
    await gateway.leave(one, other)


async def test_a_token_is_neither_kept_nor_passed_on(gateway: TokenGateway) -> None:
    """Once checked it has no use here, and would open everything to an attacker who can read the memory."""
    seen: list[Any] = []

    async def on_connect(sid: str, environ: Any, auth: Any = None) -> None:
        seen.append(auth)

    gateway.server.on("connect", on_connect, "/")
    mark = f"mark-{id(gateway)}"
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token(mark=mark), theme="dark")
    await gateway.server.renew(sid, "/", token(mark=mark))
    assert seen == [{"theme": "dark"}]
    assert times_held(mark) == 0
    assert times_held(sid) > 0, "what is kept is found"
    await gateway.leave(browser)


def times_held(text: str) -> int:
    """Return how often a text that contains this one is referenced, apart from the calls in progress."""
    times = 0
    for holder in gc.get_objects():
        if not isinstance(holder, FrameType | CoroutineType):
            for held in gc.get_referents(holder):
                times += type(held) is str and text in held
    return times


async def test_without_keys_a_browser_is_asked_to_reconnect_later(gateway: TokenGateway) -> None:
    """Its token may be good: a refusal would end its page's session."""
    gateway.tokens.away = True
    browser = Browser(gateway.server)
    await browser.says(connect(token=token()))
    assert browser.texts == []
    assert browser.close_code == TRY_AGAIN_LATER == 1013
    assert gateway.figure("connects_refused_total", reason="keys_unavailable") == 1
    assert gateway.figure.sum("connects_refused_total") == 1
    assert gateway.figure("disconnects_total", reason="leaving") == 1
    await gateway.leave(browser)


async def test_an_unknown_namespace_needs_no_token(gateway: TokenGateway) -> None:
    """There is nothing that a token could open."""
    browser = Browser(gateway.server)
    await browser.says(connect("/nowhere", token=STOLEN))
    assert browser.texts == ['44/nowhere,{"message":"Invalid namespace"}']
    assert gateway.tokens.checked == 0
    await gateway.leave(browser)


async def test_the_board_needs_a_token_too(gateway: TokenGateway) -> None:
    """It shows the gateway's state, and what is delivered."""
    browser = Browser(gateway.server)
    await browser.says(connect("/board"))
    assert browser.texts == [f"44/board,{REFUSED}"]
    browser.transport.written.clear()
    await browser.joined("/board", token=token())
    await gateway.leave(browser)
