"""What a token of the issuer must say: its claims, its kind, its time, and for whom it is."""

import json
import time
from typing import Any

import pytest
from tests.unit.gateway.access.issuer_tokens import ISSUER, IssuerKeys, reason, sealed, signed, tokens

from queuecast_gateway.access.tokens import ALGORITHMS, MAX_LEEWAY_SECONDS, MAX_SUBJECT_BYTES, Rules


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": ...},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": "soon"},
        {"exp": [9999999999]},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**400},
        {"nbf": "1"},
        {"nbf": True},
        {"nbf": None},
        {"nbf": {}},
        {"nbf": -(10**400)},
        {"nbf": float("-inf")},
        {"iat": "1"},
        {"iat": [1]},
        {"iat": False},
        {"sub": ...},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["ann"]},
        {"sub": "a" * (MAX_SUBJECT_BYTES + 1)},
        {"sub": "\ud800"},
        {"jti": 7},
    ],
    ids=lambda claims: str(claims)[:30],
)
async def test_required_claims_must_be_there_and_have_their_type(
    claims: dict[str, Any], keys: IssuerKeys
) -> None:
    """A token without `exp` would never expire, and later code must be able to rely on the types."""
    assert await reason(tokens(keys), signed(**claims)) == "claims"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"7", b"{", b"\xff", b"[" * 5000, b'{"exp":' + b"9" * 5000]
)
async def test_a_payload_that_is_not_an_object_is_refused(payload: bytes, keys: IssuerKeys) -> None:
    """Even if a trusted issuer signed it."""
    assert await reason(tokens(keys), sealed(payload, {"alg": "HS256"})) == "claims"


@pytest.mark.parametrize(
    "kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/JWT", ...]
)
async def test_a_token_of_an_accepted_kind_is_accepted(kind: Any, keys: IssuerKeys) -> None:
    """Access tokens, and tokens that name no kind: RFC 9068, section 2.1; RFC 7515, section 4.1.9."""
    header = {"alg": "HS256"} if kind is ... else {"alg": "HS256", "typ": kind}
    content = json.dumps({"sub": "ann", "exp": time.time() + 60}).encode()
    assert await tokens(keys).verify(sealed(content, header))


@pytest.mark.parametrize(
    "kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "JWT ", "application/", None, 7, ["JWT"]]
)
async def test_a_token_of_another_kind_is_refused(kind: Any, keys: IssuerKeys) -> None:
    """An issuer signs other kinds with the same keys; their claims mean something else: RFC 8725, 3.11."""
    assert await reason(tokens(keys), signed(header={"typ": kind})) == "type"
    assert not keys.asked


async def test_an_operator_chooses_the_accepted_kinds(keys: IssuerKeys) -> None:
    """For example only access tokens, which must name their kind."""
    strict = tokens(keys, types=("at+jwt",))
    assert await strict.verify(signed(header={"typ": "at+jwt"}))
    assert await reason(strict, signed()) == "type"
    content = json.dumps({"sub": "ann", "exp": time.time() + 60}).encode()
    assert await reason(strict, sealed(content, {"alg": "HS256"})) == "type"


async def test_the_longest_subject_is_accepted(keys: IssuerKeys) -> None:
    """The limit is ours, and an issuer may use all of it."""
    subject = "ж" * (MAX_SUBJECT_BYTES // 2)
    assert (await tokens(keys).verify(signed(sub=subject))).claims["sub"] == subject


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_is_valid_from_nbf_to_exp(algorithm: str, keys: IssuerKeys) -> None:
    """With a leeway of 30 s, for clocks that differ."""
    strict, lenient = tokens(keys), tokens(keys, leeway_seconds=MAX_LEEWAY_SECONDS)
    now = time.time()
    past, future = signed(algorithm, exp=now - 10), signed(algorithm, nbf=now + 20)
    assert await reason(strict, past) == "expired"
    assert await reason(strict, future) == "not_yet"
    assert (await lenient.verify(past)).claims["exp"] == now - 10
    assert await lenient.verify(future)
    assert await reason(lenient, signed(algorithm, exp=now - 40)) == "expired"
    assert await reason(lenient, signed(algorithm, nbf=now + 90)) == "not_yet"
    assert await reason(lenient, signed(algorithm, iat=now + 90)) == "not_yet"


@pytest.mark.parametrize("issuer", ["https://other.example", "", None, 7, [ISSUER], ...])
async def test_another_issuer_is_refused(issuer: Any, keys: IssuerKeys) -> None:
    """Several issuers may share keys, as the tenants of one provider do."""
    assert await reason(tokens(keys, issuer=ISSUER), signed(iss=issuer)) == "issuer"
    assert await tokens(keys, issuer=ISSUER).verify(signed(iss=ISSUER))


@pytest.mark.parametrize(
    "audience", ["another", "", None, 7, [], ["another"], ["gateway", 7], {"gateway": 1}, ...]
)
@pytest.mark.parametrize("rule", ["gateway", ("gateway", "board")])
async def test_a_token_for_somebody_else_is_refused(audience: Any, rule: Any, keys: IssuerKeys) -> None:
    """Otherwise any service that receives a token could use it here."""
    verifier = tokens(keys, audience=rule)
    assert await reason(verifier, signed(aud=audience)) == "audience"
    assert await verifier.verify(signed(aud="gateway"))
    assert await verifier.verify(signed(aud=["another", "gateway"]))


async def test_a_token_with_an_audience_is_refused_if_none_is_set(keys: IssuerKeys) -> None:
    """RFC 7519, 4.1.3: whoever is not named in it must refuse."""
    assert await reason(tokens(keys), signed(aud="gateway")) == "audience"


@pytest.mark.parametrize(
    "rules",
    [
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"algorithms": ("RS256", "HS512")},
        {"leeway_seconds": 31},
        {"leeway_seconds": -1},
        {"leeway_seconds": float("nan")},
        {"issuer": ""},
        {"audience": ""},
        {"audience": ()},
    ],
    ids=str,
)
def test_rules_that_make_no_sense_are_an_error(rules: dict[str, Any]) -> None:
    """They would accept everybody or nobody, and nobody would notice for long."""
    with pytest.raises(ValueError, match=r"expected some of|is not within|refuse every token"):
        Rules(**{"algorithms": ("HS256",), **rules})
