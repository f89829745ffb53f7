"""Who has signed a token, and whether it is one at all."""

import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.access.issuer_tokens import (
    ISSUER,
    RSA,
    SIGNERS,
    IssuerKeys,
    assert_silent,
    part,
    reason,
    sealed,
    signed,
    tokens,
)

from queuecast_gateway.access.keys import algorithm_of
from queuecast_gateway.access.tokens import (
    ALGORITHMS,
    BAD_TOKEN_REASONS,
    MAX_SUBJECT_BYTES,
    MAX_TOKEN_CHARACTERS,
    BadToken,
)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_the_issuer_is_accepted(algorithm: str, keys: IssuerKeys) -> None:
    """All that is known about a browser comes from its token."""
    claims, _ = await tokens(keys).verify(signed(algorithm, rooms=["sku:7"]))
    assert (claims["sub"], claims["rooms"]) == ("ann", ["sku:7"])
    assert isinstance(claims["exp"], float)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_of_anybody_else_is_refused(algorithm: str, keys: IssuerKeys) -> None:
    """Anybody can write claims; only the signature proves them."""
    token = signed(algorithm)
    other = signed(algorithm, sub="eve")
    mixed = ".".join([*other.split(".")[:2], token.split(".")[2]])
    assert await reason(tokens(keys), mixed) == "signature"
    assert await reason(tokens(keys), ".".join([*token.split(".")[:2], "AAAA"])) == "signature"
    assert await reason(tokens(keys), ".".join([*token.split(".")[:2], ""])) == "signature"


@pytest.mark.parametrize("allowed", ALGORITHMS)
@pytest.mark.parametrize("used", ALGORITHMS)
async def test_only_allowed_algorithms_are_verified(used: str, allowed: str, keys: IssuerKeys) -> None:
    """A token names its own algorithm, so its choice must not be trusted."""
    verifier = tokens(keys, algorithms=(allowed,))
    if used == allowed:
        assert await verifier.verify(signed(used))
    else:
        assert await reason(verifier, signed(used)) == "algorithm"
        assert not keys.asked


@pytest.mark.parametrize(
    "name", ["none", "None", "", None, ["HS256"], {"HS256": 1}, 7, "HS384", "hs256", "RS512"]
)
async def test_any_other_algorithm_is_refused(name: Any, keys: IssuerKeys) -> None:
    """`none` is the oldest hole in JWT libraries, and the sender chooses the type of a header's value."""
    unsigned = sealed(b'{"sub": "ann", "exp": 1e12}', {"alg": name}).rpartition(".")[0] + "."
    assert await reason(tokens(keys), unsigned) == "algorithm"
    assert await reason(tokens(keys), sealed(b'{"sub": "ann", "exp": 1e12}', {"alg": name})) == "algorithm"


async def test_a_token_without_an_algorithm_is_refused(keys: IssuerKeys) -> None:
    """There is no default algorithm."""
    assert await reason(tokens(keys), sealed(b"{}", {})) == "algorithm"


async def test_a_public_key_is_never_used_as_a_secret(keys: IssuerKeys) -> None:
    """Algorithm confusion: everybody knows the public key, and could sign with it by HS256."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    content = part(b'{"alg":"HS256"}') + "." + part(b'{"sub":"eve","exp":99999999999}')
    forged = content + "." + part(jwt.get_algorithm_by_name("HS256").sign(content.encode(), pem))
    assert await reason(tokens(keys, algorithms=("RS256",)), forged) == "algorithm"
    keys.instead = pem
    assert await reason(tokens(keys), forged) == "key"


async def test_a_short_key_is_refused(keys: IssuerKeys) -> None:
    """PyJWT only warns by default, and nobody would read the warning."""
    keys.instead = b"short"
    assert await reason(tokens(keys), signed()) == "key"


@pytest.mark.parametrize(
    "token",
    [
        7,
        1.5,
        True,
        b"a.b.c",
        ["a.b.c"],
        {"token": "a.b.c"},
        "",
        ".",
        "..",
        "...",
        "a.b",
        "é.b.c",
        "\ud800.b.c",
        "a b.c.d",
        "a.b.c\n",
        "=.=.=",
        "." * MAX_TOKEN_CHARACTERS,
        "a" * MAX_TOKEN_CHARACTERS,
        part(b"[" * 6000) + ".e30.AAAA",
        part(b"\xff\xfe") + ".e30.AAAA",
        part(b"9" * 5000) + ".e30.AAAA",
        part(b"[]") + ".e30.AAAA",
        part(b'{"alg":"HS256"') + ".e30.AAAA",
    ],
    ids=lambda token: repr(token)[:20],
)
async def test_anything_but_a_token_is_malformed(token: Any, keys: IssuerKeys) -> None:
    """A browser may send anything, and must at most end its own connection."""
    assert await reason(tokens(keys), token) == "malformed"
    assert not keys.asked


async def test_a_missing_token_has_a_reason_of_its_own(keys: IssuerKeys) -> None:
    """Forgetting the token is another mistake than showing a bad one."""
    assert await reason(tokens(keys), None) == "missing"


async def test_the_length_of_a_token_is_limited(keys: IssuerKeys) -> None:
    """Decoding time grows with the length, and comes before the signature is checked."""
    empty = len(signed(pad=""))
    fits = signed(pad="x" * ((MAX_TOKEN_CHARACTERS - empty) * 3 // 4 - 2))
    assert MAX_TOKEN_CHARACTERS - 8 < len(fits) <= MAX_TOKEN_CHARACTERS
    assert await tokens(keys).verify(fits)
    assert await reason(tokens(keys), fits + "A" * (MAX_TOKEN_CHARACTERS + 1 - len(fits))) == "malformed"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token.replace(".", "..", 1),
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token + ".AAAA",
        lambda token: token + "===",
        lambda token: token[:-1] + "\u0430",
    ],
)
async def test_a_spoiled_token_is_malformed(spoil: Any, keys: IssuerKeys) -> None:
    """One character too many, or one that only looks right: nothing is guessed."""
    assert await reason(tokens(keys), spoil(signed())) == "malformed"


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": "b64"},
        {"b64": False},
        {"b64": 0},
        {"kid": 7},
        {"kid": None},
        {"kid": ["a"]},
        {"kid": {"a": 1}},
    ],
    ids=str,
)
async def test_a_header_that_requires_an_extension_is_malformed(
    header: dict[str, Any], keys: IssuerKeys
) -> None:
    """`crit` demands a refusal by whoever does not support it; `b64` would move the payload elsewhere."""
    assert await reason(tokens(keys), signed(header=header)) == "malformed"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u"])
async def test_a_token_cannot_bring_its_own_key(name: str, keys: IssuerKeys) -> None:
    """Otherwise anybody could sign, and a URL in a token could make the gateway call any server."""
    assert await reason(tokens(keys), signed(header={name: "https://eve.example/keys"})) == "key"
    assert not keys.asked


async def test_the_key_is_looked_up_by_id_and_algorithm(keys: IssuerKeys) -> None:
    """An issuer that rotates its keys has several at a time."""
    verifier = tokens(keys)
    await verifier.verify(signed("ES256", header={"kid": "2025"}))
    await verifier.verify(signed("EdDSA"))
    assert keys.asked == [("2025", "ES256"), (None, "EdDSA")]
    assert await reason(verifier, signed(header={"kid": "unknown"})) == "key"


def test_every_algorithm_has_its_own_type_of_key() -> None:
    """So no key can be used with another algorithm."""
    public = [key if isinstance(key, bytes) else key.public_key() for key in SIGNERS.values()]
    assert [algorithm_of(key) for key in public] == list(SIGNERS) == list(ALGORITHMS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["HS256", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def some_of(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names) | st.text(), json_values, max_size=5)


@st.composite
def altered(draw: st.DrawFn) -> str:
    """A valid token with a piece of it replaced."""
    token = signed(
        draw(st.sampled_from(ALGORITHMS)), header={"kid": "2025"}, exp=9e9, iss=ISSUER, aud="gateway"
    )
    start = draw(st.integers(0, 1_000)) % len(token)
    return token[:start] + draw(st.text(max_size=8)) + token[start + draw(st.integers(0, 8)) :]


@given(
    st.one_of(
        json_values,
        st.text(),
        st.text("aeJ0.-_=", max_size=60),
        altered(),
        st.builds(
            lambda header, claims: sealed(json.dumps(claims).encode(), header),
            st.builds(
                lambda some: {"alg": "HS256", **some},
                some_of("alg", "kid", "crit", "b64", "typ", "cty", "jwk", "jku", "x5u", "zip"),
            ),
            st.builds(
                lambda some: {"sub": "ann", "exp": 9e9, "iss": ISSUER, "aud": "gateway", **some},
                some_of("sub", "exp", "nbf", "iat", "iss", "aud", "jti"),
            ),
        ),
        st.builds(lambda payload: sealed(payload, {"alg": "HS256"}), st.binary(max_size=40)),
    )
)
async def test_any_token_is_accepted_or_refused_for_a_known_reason(token: Any) -> None:
    """An unexpected exception would be a traceback, and anybody could fill the log with those."""
    refusal: BadToken | None = None
    try:
        claims, _ = await tokens(IssuerKeys(), issuer=ISSUER, audience="gateway").verify(token)
    except BadToken as exc:
        refusal = exc
    if refusal is not None:
        assert refusal.reason in BAD_TOKEN_REASONS
        assert_silent(refusal, token)
    else:
        assert isinstance(claims["exp"] - time.time(), float)
        assert 0 < len(claims["sub"].encode()) <= MAX_SUBJECT_BYTES
