"""The end of a token, or of its key, ends its connection."""

import asyncio

import pytest
from tests.unit.browser import Browser
from tests.unit.gateway.server.token_gateway import NOW, TokenGateway, token

from queuecast_gateway.engine.timer_wheel import TICK_SECONDS
from queuecast_gateway.server.authentication import EXPIRED

# The end of a token


async def test_a_browser_is_told_that_its_token_expires(gateway: TokenGateway) -> None:
    """Only this browser, in that namespace, with the seconds that are left."""
    browser, other = Browser(gateway.server), Browser(gateway.server)
    await browser.joined("/shop", token=token(exp=NOW + 30))
    await other.joined("/shop", token=token("bob"))
    gateway.pass_by(TICK_SECONDS)
    await asyncio.sleep(0)
    for each in (browser, other):
        await each.settle()
    assert browser.texts == ['42/shop,["token_expiring",{"expires_in":30},"0-0"]']
    assert other.texts == []
    await gateway.leave(browser, other)


async def test_a_connection_ends_with_its_token_and_its_session_can_be_recovered(
    gateway: TokenGateway,
) -> None:
    """The stock client reconnects by itself, with a new token, and gets what it missed."""
    browser = Browser(gateway.server)
    await browser.joined(token=token(exp=NOW + 30, rooms=["sku:*"]))
    (pid, *_), *_ = gateway.sessions.notes
    gateway.pass_by(29)
    assert browser.close_code is None
    gateway.pass_by(2)
    assert browser.close_code == EXPIRED == 4001
    await browser.settle()
    assert gateway.figure("disconnects_total", reason="token_expired") == 1
    assert gateway.sessions.verbs(pid) == ["save", "sent_away"], "not dropped"
    await gateway.leave(browser)


async def test_a_connection_ends_with_the_first_of_its_tokens(gateway: TokenGateway) -> None:
    """Its other namespaces reconnect with it: they share one connection."""
    browser = Browser(gateway.server)
    await browser.joined(token=token())
    await browser.joined("/shop", token=token(exp=NOW + 5))
    gateway.pass_by(6)
    assert browser.close_code == EXPIRED
    await gateway.leave(browser)


async def test_a_token_that_expires_after_its_connection_ends_nothing(gateway: TokenGateway) -> None:
    """Another client may have connected by then."""
    browser = Browser(gateway.server)
    await browser.joined(token=token(exp=NOW + 5))
    await gateway.leave(browser)
    gateway.pass_by(10)
    assert gateway.figure("disconnects_total", reason="token_expired") == 0


# Keys that are withdrawn


async def test_sessions_end_with_the_key_of_their_token(
    gateway: TokenGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Only those, and not one that has sent another token since; all can be recovered."""
    one, two, both, nobody = (Browser(gateway.server) for _ in range(4))
    await one.joined(token=token())
    await two.joined(token=token("bob"))
    sid = await both.joined("/shop", token=token("eve"))
    gateway.tokens.key = b"the next key"
    await nobody.joined("/shop", token=token("new"))
    ending = asyncio.ensure_future(gateway.server.authentication.end_without([b"the next key"], 0.0))
    await gateway.server.renew(sid, "/shop", token("eve"))
    await ending
    assert [each.close_code for each in (one, two, both, nobody)] == [EXPIRED, EXPIRED, None, None]
    for each in (one, two):
        await each.settle()
    assert gateway.figure("disconnects_total", reason="key_withdrawn") == 2
    assert "the keys of their tokens were withdrawn" in caplog.text
    (pid, *_), *_ = gateway.sessions.notes
    assert gateway.sessions.verbs(pid) == ["save", "sent_away"], "not dropped"
    await gateway.server.authentication.end_without([b"the next key"], 0.0)
    await gateway.leave(one, two, both, nobody)


async def test_a_session_that_has_ended_has_no_rights(gateway: TokenGateway) -> None:
    """Its last events may be handled after it has left."""
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token(rooms=["*"], relay=["item_removed"]))
    await gateway.leave(browser)
    identity = gateway.server.identity(sid, "/")
    assert not identity.may_join("vip")
    assert not identity.may_relay("item_removed")
