"""A session goes on with another token of the same user."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.browser import Browser, connect
from tests.unit.gateway.server.token_gateway import NOW, STOLEN, TokenGateway, token


async def test_a_session_goes_on_with_another_token(gateway: TokenGateway) -> None:
    """Its end moves, and its identity is the new token's."""
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token(exp=NOW + 5))
    identity = await gateway.server.renew(sid, "/", token(exp=NOW + 900, rooms=["vip"]))
    assert gateway.server.identity(sid, "/") is identity
    assert identity.may_join("vip")
    gateway.pass_by(600)
    assert browser.close_code is None
    await gateway.leave(browser)


@pytest.mark.parametrize(("shown", "fault"), [(STOLEN, "signature"), (token("bob"), "claims")])
async def test_a_session_does_not_go_on_with_a_bad_token(
    gateway: TokenGateway, shown: str, fault: str
) -> None:
    """Nor with another user's. It stays what it was until its own token ends."""
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token())
    handled: list[Any] = []

    async def refresh(sid: str, shown: str) -> None:
        try:
            await gateway.server.renew(sid, "/", shown)
        except Exception as exc:
            handled.append(exc)

    gateway.server.on("refresh", refresh, "/")
    await browser.says(f"2{json.dumps(['refresh', shown])}")
    (why,) = handled
    assert (why.code, why.reason) == ("unauthorized", fault)
    assert gateway.figure("connects_refused_total", reason=fault) == 1
    assert gateway.server.identity(sid, "/").subject == "ann"
    assert browser.close_code is None
    await gateway.leave(browser)


async def test_a_session_is_never_refused_because_its_address_guesses(
    make_gateway: Callable[..., TokenGateway],
) -> None:
    """Another client behind its proxy may guess; the session's own bad tokens count, and are refused."""
    gateway = make_gateway(most_tries=2)
    browser, other = Browser(gateway.server), Browser(gateway.server)
    browser.session.address = other.session.address = "192.0.2.1"
    sid = await browser.joined(token=token())
    for _ in range(4):
        with pytest.raises(Exception, match="Not authorised"):
            await gateway.server.renew(sid, "/", STOLEN)
    assert (await gateway.server.renew(sid, "/", token())).subject == "ann"
    await other.says(connect(token=STOLEN))
    assert json.loads(other.texts[0][2:])["data"] == {"code": "too_many_tries"}
    await gateway.leave(browser, other)
