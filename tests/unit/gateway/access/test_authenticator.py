"""Authentication: an open gateway needs no token, any other a valid one, and not too many forged ones."""

import asyncio
from typing import Any

import pytest
from tests.unit.fakes import FakeClock

from queuecast_gateway.access.authenticator import (
    CONNECT_REFUSALS,
    MESSAGES,
    Code,
    ConnectRefused,
    KeysUnavailable,
    OpenAuthenticator,
    TokenAuthenticator,
)
from queuecast_gateway.access.grant import EVERY_ROOM, Rooms, patterns
from queuecast_gateway.access.tokens import (
    BAD_TOKEN_REASONS,
    FORGED_REASONS,
    BadToken,
    BadTokenReason,
    Verified,
)
from queuecast_gateway.composition import build_authenticator, openness_notes
from queuecast_gateway.limits.failure_limiter import FailureLimiter
from queuecast_gateway.settings import Settings

MAX_FAILURES = 3
WINDOW = 60.0
ADDRESS = "192.0.2.7"
BAD = "bad"
KEY = b"the key of all tokens"
ANN = {"sub": "ann", "exp": 5_000.0, "rooms": ["sku:*"]}


class FakeTokens:
    """`queuecast_gateway.access.tokens.Tokens` with a dictionary of valid tokens; all others are refused for
    the reason `others`.
    """

    def __init__(self) -> None:
        self.good: dict[Any, dict[str, Any]] = {"ann's": ANN, "odd": {**ANN, "rooms": "all"}}
        self.others = "signature"
        self.asked: list[Any] = []

    async def verify(self, token: Any) -> Verified:
        self.asked.append(token)
        await asyncio.sleep(0)  # keys may have to be fetched
        if token not in self.good:
            raise BadToken(self.others, "the test says so")  # type: ignore[arg-type]  # one of the reasons
        return Verified(self.good[token], KEY)


@pytest.fixture
def tokens() -> FakeTokens:
    return FakeTokens()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def failures() -> FailureLimiter:
    return FailureLimiter(MAX_FAILURES, WINDOW)


@pytest.fixture
def authenticator(tokens: FakeTokens, failures: FailureLimiter, clock: FakeClock) -> TokenAuthenticator:
    verifier: Any = tokens
    return TokenAuthenticator(verifier, failures, patterns(["news"]), 10, clock)


async def refused(
    authenticator: TokenAuthenticator, token: Any = BAD, address: str = ADDRESS
) -> ConnectRefused:
    with pytest.raises(ConnectRefused) as caught:
        await authenticator.identify(token, address)
    return caught.value


# Without tokens


@pytest.mark.parametrize("token", [None, "anything", 7, {"a": 1}])
async def test_an_open_gateway_accepts_everybody_without_a_subject(token: Any) -> None:
    """A token is not read: there is no key to verify it with."""
    authenticator = OpenAuthenticator(patterns(["news"]))
    who = await authenticator.identify(token, ADDRESS)
    assert who is authenticator.anyone
    assert (who.subject, who.joins, who.expires) == ("", (), None)
    assert [room for room in ("news", "vip") if who.may_join(room)] == ["news"]
    assert who.may_relay("item_removed")
    assert authenticator.is_open


# With tokens


async def test_a_valid_token_gives_an_identity(authenticator: TokenAuthenticator) -> None:
    """With its own rooms, the public ones, and the time until which it is accepted."""
    who = await authenticator.identify("ann's", ADDRESS)
    assert (who.subject, who.expires) == ("ann", 5_010)
    assert all(map(who.may_join, ("sku:7", "news", "user:ann")))
    assert not who.may_join("vip")
    assert not authenticator.is_open


async def test_an_identity_without_a_token_may_do_nothing(authenticator: TokenAuthenticator) -> None:
    """A lookup after the end of a session must not return an identity with every right."""
    assert not authenticator.anyone.may_join("news")
    assert not authenticator.anyone.may_relay("item_removed")


@pytest.mark.parametrize("reason", [reason for reason in BAD_TOKEN_REASONS if reason != "keys_unavailable"])
async def test_every_bad_token_is_refused_in_the_same_way(
    authenticator: TokenAuthenticator, tokens: FakeTokens, reason: str
) -> None:
    """An attacker learns nothing from the answer; the operator sees the reason."""
    tokens.others = reason
    why = await refused(authenticator)
    assert (why.code, why.reason) == ("unauthorized", reason)
    assert why.data == {"message": "Not authorised", "data": {"code": "unauthorized"}}


async def test_a_token_with_unusable_claims_is_refused_in_the_same_way(
    authenticator: TokenAuthenticator, failures: FailureLimiter
) -> None:
    """Its signature is good, so it is not forged; its claims cannot be used."""
    for _ in range(2 * MAX_FAILURES):
        why = await refused(authenticator, "odd")
        assert (why.code, why.reason) == ("unauthorized", "claims")
    assert len(failures) == 0


@pytest.mark.parametrize("code", MESSAGES)
def test_every_refusal_has_a_label(code: Code) -> None:
    """An undeclared label would start a new time series."""
    reason = "signature" if code == "unauthorized" else code
    assert ConnectRefused(code, reason).reason in CONNECT_REFUSALS
    assert set(ConnectRefused(code, reason).data["data"]) == {"code"}


# Too many forged tokens


async def test_an_address_with_too_many_forged_tokens_has_to_wait(
    authenticator: TokenAuthenticator, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator gets one warning, with the address."""
    for _ in range(MAX_FAILURES):
        assert (await refused(authenticator)).code == "unauthorized"
    for _ in range(5):
        why = await refused(authenticator)
        assert (why.code, why.reason) == ("too_many_tries", "too_many_tries")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage().partition(" ")[0]) == ("WARNING", ADDRESS)
    assert "QUEUECAST_MAX_FAILED_TRIES" in record.getMessage()
    clock.pass_by(WINDOW - 0.5)
    assert (await refused(authenticator)).code == "too_many_tries"
    clock.pass_by(1)
    assert (await refused(authenticator)).code == "unauthorized"


async def test_forged_tokens_from_many_addresses_do_not_fill_the_log(
    authenticator: TokenAuthenticator, caplog: pytest.LogCaptureFixture
) -> None:
    """An attacker with many addresses could otherwise cause a line with each."""
    for number in range(100):
        for _ in range(MAX_FAILURES):
            await refused(authenticator, address=f"192.0.2.{number}")
    assert len(caplog.records) <= 21


async def test_a_valid_token_is_accepted_while_forged_ones_are_counted(
    authenticator: TokenAuthenticator,
) -> None:
    """Thousands may share a proxy's address, and one attacker must not lock them out."""
    for _ in range(2 * MAX_FAILURES):
        await refused(authenticator)
    assert (await authenticator.identify("ann's", ADDRESS)).subject == "ann"
    assert (await refused(authenticator)).code == "too_many_tries"


@pytest.mark.parametrize("reason", sorted({*BAD_TOKEN_REASONS} - FORGED_REASONS - {"keys_unavailable"}))
async def test_a_token_that_an_issuer_has_signed_is_not_forged(
    authenticator: TokenAuthenticator, tokens: FakeTokens, failures: FailureLimiter, reason: BadTokenReason
) -> None:
    """Pages with an expired token, or with none, go on trying, and share their address with others."""
    tokens.others = reason
    for _ in range(2 * MAX_FAILURES):
        assert (await refused(authenticator)).code == "unauthorized"
    assert len(failures) == 0


async def test_an_identity_knows_the_key_that_verified_it(authenticator: TokenAuthenticator) -> None:
    """So it can end when the issuer withdraws that key; no log shows the key."""
    who = await authenticator.identify("ann's", ADDRESS)
    assert who.key == KEY
    assert "key" not in repr(who)


async def test_valid_tokens_are_not_failures(
    authenticator: TokenAuthenticator, failures: FailureLimiter
) -> None:
    """A whole office behind one address reconnects after a deployment."""
    for _ in range(10 * MAX_FAILURES):
        await authenticator.identify("ann's", ADDRESS)
    assert len(failures) == 0


async def test_a_valid_token_does_not_reset_the_count_of_forged_ones(
    authenticator: TokenAuthenticator,
) -> None:
    """Otherwise an attacker with one valid token could try forged ones unnoticed."""
    for _ in range(MAX_FAILURES):
        await authenticator.identify("ann's", ADDRESS)
        await refused(authenticator)
    assert (await refused(authenticator)).code == "too_many_tries"


async def test_forged_tokens_are_counted_by_address(authenticator: TokenAuthenticator) -> None:
    """One attacker locks out nobody at another address."""
    for _ in range(MAX_FAILURES):
        await refused(authenticator)
    assert (await authenticator.identify("ann's", "192.0.2.8")).subject == "ann"


async def test_forged_tokens_of_a_network_are_counted_together(authenticator: TokenAuthenticator) -> None:
    """A client with one IPv6 address has 2⁶⁴ of them, and would never reach the limit."""
    for number in range(MAX_FAILURES):
        assert (await refused(authenticator, address=f"2001:db8:0:1::{number:x}")).code == "unauthorized"
    assert (await refused(authenticator, address="2001:db8:0:1:ffff::1")).code == "too_many_tries"
    assert (await refused(authenticator, address="2001:db8:0:2::1")).code == "unauthorized"


async def test_missing_keys_are_not_counted_as_failures(
    authenticator: TokenAuthenticator, tokens: FakeTokens, failures: FailureLimiter
) -> None:
    """The token may be valid. Nobody is locked out because an issuer does not answer."""
    tokens.others = "keys_unavailable"
    for _ in range(2 * MAX_FAILURES):
        with pytest.raises(KeysUnavailable, match="the test says so"):
            await authenticator.identify("new", ADDRESS)
    assert len(failures) == 0


# By the settings

SECRET = "a secret of thirty-two bytes and more"


def made(**settings: Any) -> Any:
    return build_authenticator(Settings(**settings), None)


def test_without_a_key_a_gateway_is_open_and_says_so() -> None:
    """An operator who did not intend it has to notice."""
    authenticator = made()
    assert isinstance(authenticator, OpenAuthenticator)
    assert authenticator.anyone.rooms == EVERY_ROOM
    assert openness_notes(Settings()) == ("open: anybody may connect (QUEUECAST_AUTH=none)",)
    (note,) = openness_notes(Settings(origins=("*",)))
    assert "from any origin (QUEUECAST_ORIGINS=*)" in note


@pytest.mark.parametrize(("public_rooms", "rooms"), [(("news",), patterns(["news"])), ((), Rooms())])
def test_an_open_gateway_allows_the_public_rooms(public_rooms: tuple[str, ...], rooms: Rooms) -> None:
    """A list, even an empty one, is complete; without a list every room is public."""
    assert made(public_rooms=public_rooms).anyone.rooms == rooms


async def test_with_a_key_a_gateway_needs_tokens() -> None:
    """Nobody gets in without one, and no note says that the gateway is open."""
    settings = {"auth": "jwt", "auth_secret": SECRET}
    authenticator = made(**settings)
    assert isinstance(authenticator, TokenAuthenticator)
    assert (await refused(authenticator, None)).reason == "missing"
    assert (await refused(authenticator, "no token")).reason == "malformed"
    assert openness_notes(Settings(**settings)) == ()
