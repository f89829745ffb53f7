"""Clients that leave, or are refused, while their CONNECT is worked on: nothing is left of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.browser import Browser, connect
from tests.unit.gateway.server.token_gateway import STOLEN, TokenGateway, token

from queuecast_gateway.engine.frames import TRY_AGAIN_LATER


async def test_nothing_is_left_of_a_client_that_leaves_during_the_check(gateway: TokenGateway) -> None:
    """Fetching keys may take seconds, and browsers leave meanwhile."""
    gateway.tokens.going_on.clear()
    browser = Browser(gateway.server)
    browser.session.receive("4" + connect(token=token(join=["team:red"]), pid="pid", offset="0-0"))
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    gateway.tokens.going_on.set()
    await gateway.leave(browser)
    assert gateway.figure.sum("recoveries_total") == 0, "its session is not taken over for nobody"


async def test_nothing_is_left_of_a_client_with_a_bad_token_that_leaves_during_the_check(
    gateway: TokenGateway,
) -> None:
    """Nothing is written to it; its try still counts."""
    gateway.tokens.going_on.clear()
    browser = Browser(gateway.server)
    browser.session.receive("4" + connect(token=STOLEN))
    await asyncio.sleep(0)
    browser.session.connection_lost(None)
    browser.transport.written.clear()
    gateway.tokens.going_on.set()
    await gateway.leave(browser)
    assert browser.texts == []
    assert gateway.figure("connects_refused_total", reason="signature") == 1


async def test_nothing_is_left_of_a_client_that_leaves_while_its_session_is_claimed(
    gateway: TokenGateway,
) -> None:
    """It was counted already, and that has to be undone."""
    gateway.sessions.going_on.clear()
    browser = Browser(gateway.server)
    browser.session.receive("4" + connect(token=token(), pid="pid", offset="0-0"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(gateway.server.authentication.identities) == 1
    browser.session.connection_lost(None)
    gateway.sessions.going_on.set()
    await gateway.leave(browser)


async def test_a_session_that_cannot_be_claimed_now_does_not_count(
    make_gateway: Callable[..., TokenGateway],
) -> None:
    """Redis is away: the browser reconnects later, perhaps to this replica."""
    gateway = make_gateway(max_connections_per_identity=1)
    gateway.sessions.away = True
    for _ in range(3):
        browser = Browser(gateway.server)
        await browser.says(connect(token=token(), pid="pid", offset="0-0"))
        assert browser.close_code == TRY_AGAIN_LATER
        await gateway.leave(browser)
    assert gateway.figure("connects_refused_total", reason="bus_unavailable") == 3
    assert gateway.figure.sum("connects_refused_total") == 3


@pytest.mark.parametrize("answer", [False, ZeroDivisionError()])
async def test_nothing_is_left_of_a_client_that_a_connect_handler_refuses(
    gateway: TokenGateway, answer: Any
) -> None:
    """The application may refuse it, or fail."""

    async def on_connect(sid: str, environ: Any, auth: Any = None) -> bool:
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    gateway.server.on("connect", on_connect, "/")
    browser = Browser(gateway.server)
    await browser.says(connect(token=token()))
    assert browser.texts[-1].startswith("44")
    assert len(gateway.server.authentication.identities) == 0
    await gateway.leave(browser)
