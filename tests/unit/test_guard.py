"""Who may come in: an open gateway asks for nothing, one with tokens for a good one, and not too often."""

import asyncio
from typing import Any

import pytest
from tests.unit.fakes import FakeClock

from queuecast_gateway.access.grant import EVERY_ROOM, Rooms, patterns
from queuecast_gateway.access.guard import (
    CONNECT_REFUSALS,
    MESSAGES,
    Code,
    KeysUnavailable,
    OpenGuard,
    TokenGuard,
    Unwelcome,
)
from queuecast_gateway.access.tokens import GUESSES, TOKEN_FAULTS, BadToken, Fault, Verified
from queuecast_gateway.app import _guard, _openness
from queuecast_gateway.limits.tries import Tries
from queuecast_gateway.settings import Settings

MOST = 3
WINDOW = 60.0
ADDRESS = "192.0.2.7"
BAD = "bad"
KEY = b"the key of all tokens"
ANN = {"sub": "ann", "exp": 5_000.0, "rooms": ["sku:*"]}


class FakeTokens:
    """`queuecast_gateway.access.tokens.Tokens` with a dictionary of good tokens; `others` is what is wrong
    with all that are not in it.
    """

    def __init__(self) -> None:
        self.good: dict[Any, dict[str, Any]] = {"ann's": ANN, "odd": {**ANN, "rooms": "all"}}
        self.others = "signature"
        self.asked: list[Any] = []

    async def verify(self, token: Any) -> Verified:
        self.asked.append(token)
        await asyncio.sleep(0)  # keys may have to be fetched
        if token not in self.good:
            raise BadToken(self.others, "it was told so")  # type: ignore[arg-type]  # one of the faults
        return Verified(self.good[token], KEY)


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tries() -> Tries:
    return Tries(MOST, WINDOW)


@pytest.fixture
def guard(tokens: FakeTokens, tries: Tries, clock: FakeClock) -> TokenGuard:
    verifier: Any = tokens
    return TokenGuard(verifier, tries, patterns(["news"]), 10, clock)


async def refused(guard: TokenGuard, token: Any = BAD, address: str = ADDRESS) -> Unwelcome:
    with pytest.raises(Unwelcome) as caught:
        await guard.identify(token, address)
    return caught.value


# Without tokens


@pytest.mark.parametrize("token", [None, "anything", 7, {"a": 1}])
async def test_an_open_gateway_lets_everybody_in_as_nobody(token: Any) -> None:
    """A token is not looked at: there is no key that would say whose it is."""
    guard = OpenGuard(patterns(["news"]))
    who = await guard.identify(token, ADDRESS)
    assert who is guard.anyone
    assert (who.subject, who.joins, who.expires) == ("", (), None)
    assert [room for room in ("news", "vip") if who.may_join(room)] == ["news"]
    assert who.may_relay("item_removed")
    assert guard.is_open


# With tokens


async def test_a_good_token_says_who_somebody_is(guard: TokenGuard) -> None:
    """With its rooms, the public ones, and how long it is accepted."""
    who = await guard.identify("ann's", ADDRESS)
    assert (who.subject, who.expires) == ("ann", 5_010)
    assert all(map(who.may_join, ("sku:7", "news", "user:ann")))
    assert not who.may_join("vip")
    assert not guard.is_open


async def test_nobody_in_particular_may_nothing(guard: TokenGuard) -> None:
    """A session that is asked about after its end must not be taken for one with every right."""
    assert not guard.anyone.may_join("news")
    assert not guard.anyone.may_relay("item_removed")


@pytest.mark.parametrize("fault", [fault for fault in TOKEN_FAULTS if fault != "keys_unavailable"])
async def test_a_bad_token_is_refused_in_one_way(guard: TokenGuard, tokens: FakeTokens, fault: str) -> None:
    """Who guesses learns nothing from the answer; whoever runs this sees the fault."""
    tokens.others = fault
    why = await refused(guard)
    assert (why.code, why.fault) == ("unauthorized", fault)
    assert why.data == {"message": "Not authorised", "data": {"code": "unauthorized"}}


async def test_a_token_with_odd_claims_is_refused_in_the_same_way(guard: TokenGuard, tries: Tries) -> None:
    """Its signature is good, so it is no guess; what it says cannot be followed."""
    for _ in range(2 * MOST):
        why = await refused(guard, "odd")
        assert (why.code, why.fault) == ("unauthorized", "claims")
    assert len(tries) == 0


@pytest.mark.parametrize("code", MESSAGES)
def test_every_refusal_has_a_label(code: Code) -> None:
    """One that is not declared would be the first of its time series."""
    fault = "signature" if code == "unauthorized" else code
    assert Unwelcome(code, fault).fault in CONNECT_REFUSALS
    assert set(Unwelcome(code, fault).data["data"]) == {"code"}


# Too often


async def test_who_guesses_too_often_has_to_wait(
    guard: TokenGuard, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And whoever runs the gateway reads of it once, by name of the address, at a level that is logged."""
    for _ in range(MOST):
        assert (await refused(guard)).code == "unauthorized"
    for _ in range(5):
        why = await refused(guard)
        assert (why.code, why.fault) == ("too_many_tries", "too_many_tries")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage().partition(" ")[0]) == ("WARNING", ADDRESS)
    assert "QUEUECAST_MAX_FAILED_TRIES" in record.getMessage()
    clock.pass_by(WINDOW - 0.5)
    assert (await refused(guard)).code == "too_many_tries"
    clock.pass_by(1)
    assert (await refused(guard)).code == "unauthorized"


async def test_a_crowd_of_guessers_does_not_fill_the_log(
    guard: TokenGuard, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has many addresses could otherwise write a line with each."""
    for number in range(100):
        for _ in range(MOST):
            await refused(guard, address=f"192.0.2.{number}")
    assert len(caplog.records) <= 21


async def test_a_good_token_is_let_in_while_bad_ones_are_counted(guard: TokenGuard) -> None:
    """A proxy's address is that of thousands, whom one who guesses must not lock out."""
    for _ in range(2 * MOST):
        await refused(guard)
    assert (await guard.identify("ann's", ADDRESS)).subject == "ann"
    assert (await refused(guard)).code == "too_many_tries"


@pytest.mark.parametrize("fault", sorted({*TOKEN_FAULTS} - GUESSES - {"keys_unavailable"}))
async def test_what_an_issuer_has_signed_is_no_guess(
    guard: TokenGuard, tokens: FakeTokens, tries: Tries, fault: Fault
) -> None:
    """A page whose token has expired tries on, and is one of many at its address; so is one without any."""
    tokens.others = fault
    for _ in range(2 * MOST):
        assert (await refused(guard)).code == "unauthorized"
    assert len(tries) == 0


async def test_an_identity_knows_the_key_that_vouches_for_it(guard: TokenGuard) -> None:
    """By which it ends when the issuer takes that back; no log shows it."""
    who = await guard.identify("ann's", ADDRESS)
    assert who.key == KEY
    assert "key" not in repr(who)


async def test_good_tokens_are_no_tries(guard: TokenGuard, tries: Tries) -> None:
    """An office behind one address comes back together after a deployment."""
    for _ in range(10 * MOST):
        await guard.identify("ann's", ADDRESS)
    assert len(tries) == 0


async def test_a_good_token_does_not_forgive_the_bad_ones(guard: TokenGuard) -> None:
    """Else whoever has one good token could guess others and nobody would read of it."""
    for _ in range(MOST):
        await guard.identify("ann's", ADDRESS)
        await refused(guard)
    assert (await refused(guard)).code == "too_many_tries"


async def test_tries_are_counted_by_address(guard: TokenGuard) -> None:
    """One that guesses locks out nobody elsewhere."""
    for _ in range(MOST):
        await refused(guard)
    assert (await guard.identify("ann's", "192.0.2.8")).subject == "ann"


async def test_tries_of_a_network_are_counted_together(guard: TokenGuard) -> None:
    """Whoever has one IPv6 address has 2⁶⁴ of them, and would never run out of tries."""
    for number in range(MOST):
        assert (await refused(guard, address=f"2001:db8:0:1::{number:x}")).code == "unauthorized"
    assert (await refused(guard, address="2001:db8:0:1:ffff::1")).code == "too_many_tries"
    assert (await refused(guard, address="2001:db8:0:2::1")).code == "unauthorized"


async def test_keys_that_cannot_be_had_are_nobodys_fault(
    guard: TokenGuard, tokens: FakeTokens, tries: Tries
) -> None:
    """The token may be good. Nobody is locked out because an issuer does not answer."""
    tokens.others = "keys_unavailable"
    for _ in range(2 * MOST):
        with pytest.raises(KeysUnavailable, match="it was told so"):
            await guard.identify("new", ADDRESS)
    assert len(tries) == 0


# As the settings say

SECRET = "a secret of thirty-two bytes and more"


def made(**settings: Any) -> Any:
    return _guard(Settings(**settings), None, Tries(MOST, WINDOW))


def test_without_a_key_a_gateway_is_open_and_says_so() -> None:
    """An operator who did not mean it has to hear of it."""
    guard = made()
    assert isinstance(guard, OpenGuard)
    assert guard.anyone.rooms == EVERY_ROOM
    assert _openness(Settings()) == ("open: anybody may connect (QUEUECAST_AUTH=none)",)
    (note,) = _openness(Settings(origins=("*",)))
    assert "from any origin (QUEUECAST_ORIGINS=*)" in note


@pytest.mark.parametrize(("public_rooms", "rooms"), [(("news",), patterns(["news"])), ((), Rooms())])
def test_an_open_gateway_has_the_rooms_that_are_public(public_rooms: tuple[str, ...], rooms: Rooms) -> None:
    """A list, also an empty one, is all of them; only without one it is every room."""
    assert made(public_rooms=public_rooms).anyone.rooms == rooms


async def test_with_a_key_a_gateway_asks_for_tokens() -> None:
    """Nobody is let in without one, and nothing is said of openness."""
    settings = {"auth": "jwt", "auth_secret": SECRET}
    guard = made(**settings)
    assert isinstance(guard, TokenGuard)
    assert (await refused(guard, None)).fault == "missing"
    assert (await refused(guard, "no token")).fault == "malformed"
    assert _openness(Settings(**settings)) == ()
