"""Recovering a session needs a token of the same user, and brings only the rooms that it allows."""

import pytest
from tests.unit.browser import Browser, connect
from tests.unit.gateway.server.token_gateway import REFUSED, TokenGateway, token
from tests.unit.replica import entry

from queuecast_bus import Batch, Entries
from queuecast_gateway.recovery.session_state import Claimed, State


def known(*rooms: str, subject: str = "ann", offset: str = "100-0") -> Claimed:
    return Claimed(
        State("sid:AAAAAAAAAAAAAAAAAAAA", "/", dict.fromkeys(rooms, offset), offset, subject),
        "",
        "103-0",
        "0-0",
    )


@pytest.fixture
def gateway_with_history(gateway: TokenGateway) -> TokenGateway:
    """It has read three records, for two rooms and for everyone."""
    history = gateway.server.manager.history
    history.add(Batch("100-0"))
    entries = Entries.of(entry("101-0", "sku:1"), entry("102-0", "vip"), entry("103-0"))
    history.add(Batch("103-0", entries))
    return gateway


async def test_a_recovered_session_has_the_rooms_that_its_token_allows_now(
    gateway_with_history: TokenGateway,
) -> None:
    """A right that was withdrawn meanwhile is gone, and nothing of that room is replayed."""
    gateway = gateway_with_history
    gateway.sessions.known["pid"] = known("sku:1", "vip", "user:ann", "team:red")
    browser = Browser(gateway.server)
    await browser.says(connect(token=token(rooms=["sku:*"], join=["team:blue"]), pid="pid", offset="100-0"))
    assert gateway.server.manager.sid_from_eio_sid(browser.session.sid, "/") == "sid:AAAAAAAAAAAAAAAAAAAA"
    assert gateway.rooms("sid:AAAAAAAAAAAAAAAAAAAA") == ["sku:1", "team:blue", "user:ann"]
    assert [text for text in browser.texts if '"e"' in text] == [
        '42["e",101,"101-0"]',
        '42["e",103,"103-0"]',
    ]
    pid, _, state = gateway.sessions.notes[-1]
    assert (pid, sorted(state.rooms), state.subject) == ("pid", ["sku:1", "team:blue", "user:ann"], "ann")
    assert gateway.figure("recoveries_total", outcome="recovered") == 1
    await gateway.leave(browser)


async def test_a_recovered_session_keeps_what_is_still_allowed(gateway_with_history: TokenGateway) -> None:
    """With the same token as before nothing changes."""
    gateway = gateway_with_history
    gateway.sessions.known["pid"] = known("sku:1", "vip")
    browser = Browser(gateway.server)
    await browser.says(connect(token=token(rooms=["*"]), pid="pid", offset="100-0"))
    assert gateway.rooms("sid:AAAAAAAAAAAAAAAAAAAA") == ["sku:1", "user:ann", "vip"]
    assert len([text for text in browser.texts if '"e"' in text]) == 3
    await gateway.leave(browser)


@pytest.mark.parametrize("subject", ["bob", ""])
async def test_a_session_is_not_recovered_with_the_token_of_another_user(
    gateway_with_history: TokenGateway, subject: str
) -> None:
    """A private id stolen from a browser opens nothing with another token, and stays valid for its owner."""
    gateway = gateway_with_history
    gateway.sessions.known["pid"] = known("vip", subject=subject)
    browser = Browser(gateway.server)
    sid = await browser.joined(token=token(rooms=["*"]), pid="pid", offset="100-0")
    assert sid != "sid:AAAAAAAAAAAAAAAAAAAA"
    assert gateway.rooms(sid) == ["user:ann"]
    assert gateway.figure("recoveries_total", outcome="unknown") == 1
    assert "pid" not in [pid for pid, *_ in gateway.sessions.notes]
    await gateway.leave(browser)


async def test_a_private_id_without_a_token_opens_nothing(gateway_with_history: TokenGateway) -> None:
    """It is no credential: a client without a token is refused before its session is looked up."""
    gateway = gateway_with_history
    gateway.sessions.known["pid"] = known("vip")
    gateway.sessions.going_on.clear()
    browser = Browser(gateway.server)
    await browser.says(connect(pid="pid", offset="100-0"))
    assert browser.texts == [f"44{REFUSED}"]
    await gateway.leave(browser)
