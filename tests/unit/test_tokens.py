import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from queuecast_gateway.access.keys import algorithm_of
from queuecast_gateway.access.tokens import (
    ALGORITHMS,
    MAX_LEEWAY_SECONDS,
    MAX_SUBJECT_BYTES,
    MAX_TOKEN_CHARACTERS,
    TOKEN_FAULTS,
    BadToken,
    Key,
    Rules,
    Tokens,
)

RSA = rsa.generate_private_key(65537, 2048)
SIGNERS: dict[str, Any] = {
    "HS256": b"a secret of the issuer and of us",
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
ISSUER = "https://issuer.example"


class IssuerKeys:
    """A key for each algorithm; remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.instead: Key | None = None

    async def key(self, kid: str | None, algorithm: str) -> Key:
        self.asked.append((kid, algorithm))
        if kid == "unknown":
            raise BadToken("key", "there is none")
        signer = SIGNERS[algorithm]
        public: Key = signer if isinstance(signer, bytes) else signer.public_key()
        return self.instead or public


@pytest.fixture
def keys() -> IssuerKeys:
    return IssuerKeys()


def tokens(keys: IssuerKeys, **rules: Any) -> Tokens:
    return Tokens(keys, Rules(**{"algorithms": ALGORITHMS, **rules}))


def signed(algorithm: str = "HS256", /, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a good token, but for what is asked of it. A claim of `...` is left out."""
    content = {"sub": "ann", "exp": time.time() + 60, **claims}
    text = json.dumps({name: value for name, value in content.items() if value is not ...})
    return sealed(text.encode(), {"alg": algorithm, "typ": "JWT", **(header or {})}, algorithm)


def sealed(payload: bytes, header: Any, algorithm: str = "HS256") -> str:
    """Sign any bytes under any header: an issuer that has gone mad, or somebody with its key."""
    content = part(json.dumps(header).encode()) + "." + part(payload)
    method = jwt.get_algorithm_by_name(algorithm)
    return content + "." + part(method.sign(content.encode(), SIGNERS[algorithm]))


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def fault(verifier: Tokens, token: Any) -> str:
    with pytest.raises(BadToken) as caught:
        await verifier.verify(token)
    assert_silent(caught.value, token)
    return caught.value.fault


def assert_silent(refusal: BadToken, token: Any) -> None:
    """Nobody who reads the log, or a traceback in it, gets a token."""
    assert refusal.__cause__ is None
    assert refusal.__suppress_context__ or refusal.__context__ is None
    if isinstance(token, str):
        for segment in token.split("."):
            assert len(segment) < 8 or segment not in str(refusal)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_what_the_issuer_signed_is_believed(algorithm: str, keys: IssuerKeys) -> None:
    """All that an issuer says of a browser comes from here."""
    claims, _ = await tokens(keys).verify(signed(algorithm, rooms=["sku:7"]))
    assert (claims["sub"], claims["rooms"]) == ("ann", ["sku:7"])
    assert isinstance(claims["exp"], float)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_what_somebody_else_signed_is_not(algorithm: str, keys: IssuerKeys) -> None:
    """Anybody can write claims: the signature is all there is."""
    token = signed(algorithm)
    other = signed(algorithm, sub="eve")
    mixed = ".".join([*other.split(".")[:2], token.split(".")[2]])
    assert await fault(tokens(keys), mixed) == "signature"
    assert await fault(tokens(keys), ".".join([*token.split(".")[:2], "AAAA"])) == "signature"
    assert await fault(tokens(keys), ".".join([*token.split(".")[:2], ""])) == "signature"


@pytest.mark.parametrize("allowed", ALGORITHMS)
@pytest.mark.parametrize("used", ALGORITHMS)
async def test_only_an_algorithm_of_the_list_is_verified(used: str, allowed: str, keys: IssuerKeys) -> None:
    """The token names its own algorithm, so that what it says must count for nothing."""
    verifier = tokens(keys, algorithms=(allowed,))
    if used == allowed:
        assert await verifier.verify(signed(used))
    else:
        assert await fault(verifier, signed(used)) == "algorithm"
        assert not keys.asked


@pytest.mark.parametrize(
    "name", ["none", "None", "", None, ["HS256"], {"HS256": 1}, 7, "HS384", "hs256", "RS512"]
)
async def test_no_other_algorithm_is_known(name: Any, keys: IssuerKeys) -> None:
    """`none` is the oldest hole of JWT libraries, and the type of a header's value is the sender's choice."""
    unsigned = sealed(b'{"sub": "ann", "exp": 1e12}', {"alg": name}).rpartition(".")[0] + "."
    assert await fault(tokens(keys), unsigned) == "algorithm"
    assert await fault(tokens(keys), sealed(b'{"sub": "ann", "exp": 1e12}', {"alg": name})) == "algorithm"


async def test_a_token_without_an_algorithm_is_refused(keys: IssuerKeys) -> None:
    """There is no default that would be anybody's choice."""
    assert await fault(tokens(keys), sealed(b"{}", {})) == "algorithm"


async def test_a_public_key_is_never_a_secret(keys: IssuerKeys) -> None:
    """Everybody knows the issuer's public key, and could sign with it by HS256: algorithm confusion."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    content = part(b'{"alg":"HS256"}') + "." + part(b'{"sub":"eve","exp":99999999999}')
    forged = content + "." + part(jwt.get_algorithm_by_name("HS256").sign(content.encode(), pem))
    assert await fault(tokens(keys, algorithms=("RS256",)), forged) == "algorithm"
    keys.instead = pem
    assert await fault(tokens(keys), forged) == "key"


async def test_a_short_key_is_refused_rather_than_warned_of(keys: IssuerKeys) -> None:
    """PyJWT's default is a warning, which here nobody would read."""
    keys.instead = b"short"
    assert await fault(tokens(keys), signed()) == "key"


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
async def test_what_is_no_token_is_malformed(token: Any, keys: IssuerKeys) -> None:
    """A browser may send anything, and none of it may end more than its own connection."""
    assert await fault(tokens(keys), token) == "malformed"
    assert not keys.asked


async def test_no_token_has_a_fault_of_its_own(keys: IssuerKeys) -> None:
    """A page that forgot its token is another mistake than one whose token is bad."""
    assert await fault(tokens(keys), None) == "missing"


async def test_a_token_may_be_so_long_and_no_longer(keys: IssuerKeys) -> None:
    """Decoding takes time by length, and comes before the signature."""
    empty = len(signed(pad=""))
    fits = signed(pad="x" * ((MAX_TOKEN_CHARACTERS - empty) * 3 // 4 - 2))
    assert MAX_TOKEN_CHARACTERS - 8 < len(fits) <= MAX_TOKEN_CHARACTERS
    assert await tokens(keys).verify(fits)
    assert await fault(tokens(keys), fits + "A" * (MAX_TOKEN_CHARACTERS + 1 - len(fits))) == "malformed"


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
async def test_one_character_too_many_makes_no_token(spoil: Any, keys: IssuerKeys) -> None:
    """Nor does a letter that only looks like one: what else could be read there is not guessed."""
    assert await fault(tokens(keys), spoil(signed())) == "malformed"


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
async def test_a_header_that_asks_for_more_than_we_know_is_malformed(
    header: dict[str, Any], keys: IssuerKeys
) -> None:
    """`crit` says that who does not understand has to refuse; `b64` would take the payload from elsewhere."""
    assert await fault(tokens(keys), signed(header=header)) == "malformed"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5c", "x5u"])
async def test_a_token_cannot_bring_its_own_key(name: str, keys: IssuerKeys) -> None:
    """Who signs could then be anybody; and a URL in a token would have us ask any server."""
    assert await fault(tokens(keys), signed(header={name: "https://eve.example/keys"})) == "key"
    assert not keys.asked


async def test_the_key_is_asked_for_by_id_and_algorithm(keys: IssuerKeys) -> None:
    """An issuer that changes its keys has several at a time."""
    verifier = tokens(keys)
    await verifier.verify(signed("ES256", header={"kid": "2025"}))
    await verifier.verify(signed("EdDSA"))
    assert keys.asked == [("2025", "ES256"), (None, "EdDSA")]
    assert await fault(verifier, signed(header={"kid": "unknown"})) == "key"


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
async def test_claims_have_to_be_there_and_of_their_type(claims: dict[str, Any], keys: IssuerKeys) -> None:
    """A token without an end would be good for ever; and who reads claims later must not fall over one."""
    assert await fault(tokens(keys), signed(**claims)) == "claims"


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"7", b"{", b"\xff", b"[" * 5000, b'{"exp":' + b"9" * 5000]
)
async def test_a_payload_that_is_no_object_has_no_claims(payload: bytes, keys: IssuerKeys) -> None:
    """Even of an issuer that we trust."""
    assert await fault(tokens(keys), sealed(payload, {"alg": "HS256"})) == "claims"


@pytest.mark.parametrize(
    "kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/JWT", ...]
)
async def test_a_token_of_a_kind_that_is_for_us_is_taken(kind: Any, keys: IssuerKeys) -> None:
    """Access tokens, and those that say nothing of it: RFC 9068, section 2.1; RFC 7515, section 4.1.9."""
    header = {"alg": "HS256"} if kind is ... else {"alg": "HS256", "typ": kind}
    content = json.dumps({"sub": "ann", "exp": time.time() + 60}).encode()
    assert await tokens(keys).verify(sealed(content, header))


@pytest.mark.parametrize(
    "kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "JWT ", "application/", None, 7, ["JWT"]]
)
async def test_a_token_of_another_kind_is_refused(kind: Any, keys: IssuerKeys) -> None:
    """An issuer signs others with the same keys, and what they say means something else: RFC 8725, 3.11."""
    assert await fault(tokens(keys), signed(header={"typ": kind})) == "type"
    assert not keys.asked


async def test_an_operator_says_which_kinds_are_taken(keys: IssuerKeys) -> None:
    """Access tokens alone, say, where a token without a kind is none."""
    strict = tokens(keys, types=("at+jwt",))
    assert await strict.verify(signed(header={"typ": "at+jwt"}))
    assert await fault(strict, signed()) == "type"
    content = json.dumps({"sub": "ann", "exp": time.time() + 60}).encode()
    assert await fault(strict, sealed(content, {"alg": "HS256"})) == "type"


async def test_the_longest_subject_is_taken(keys: IssuerKeys) -> None:
    """The bound is ours, and an issuer may use all of it."""
    subject = "ж" * (MAX_SUBJECT_BYTES // 2)
    assert (await tokens(keys).verify(signed(sub=subject))).claims["sub"] == subject


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_is_good_from_nbf_to_exp(algorithm: str, keys: IssuerKeys) -> None:
    """With a leeway of 30 s, for clocks that differ."""
    strict, lenient = tokens(keys), tokens(keys, leeway_seconds=MAX_LEEWAY_SECONDS)
    now = time.time()
    past, future = signed(algorithm, exp=now - 10), signed(algorithm, nbf=now + 20)
    assert await fault(strict, past) == "expired"
    assert await fault(strict, future) == "not_yet"
    assert (await lenient.verify(past)).claims["exp"] == now - 10
    assert await lenient.verify(future)
    assert await fault(lenient, signed(algorithm, exp=now - 40)) == "expired"
    assert await fault(lenient, signed(algorithm, nbf=now + 90)) == "not_yet"
    assert await fault(lenient, signed(algorithm, iat=now + 90)) == "not_yet"


@pytest.mark.parametrize("issuer", ["https://other.example", "", None, 7, [ISSUER], ...])
async def test_another_issuer_is_refused(issuer: Any, keys: IssuerKeys) -> None:
    """Several may share keys, as the tenants of one provider do."""
    assert await fault(tokens(keys, issuer=ISSUER), signed(iss=issuer)) == "issuer"
    assert await tokens(keys, issuer=ISSUER).verify(signed(iss=ISSUER))


@pytest.mark.parametrize(
    "audience", ["another", "", None, 7, [], ["another"], ["gateway", 7], {"gateway": 1}, ...]
)
@pytest.mark.parametrize("rule", ["gateway", ("gateway", "board")])
async def test_a_token_for_somebody_else_is_refused(audience: Any, rule: Any, keys: IssuerKeys) -> None:
    """Else any service that is shown a token could use it here."""
    verifier = tokens(keys, audience=rule)
    assert await fault(verifier, signed(aud=audience)) == "audience"
    assert await verifier.verify(signed(aud="gateway"))
    assert await verifier.verify(signed(aud=["another", "gateway"]))


async def test_a_token_with_an_audience_needs_one_that_is_set(keys: IssuerKeys) -> None:
    """RFC 7519, 4.1.3: who does not find itself in it must refuse."""
    assert await fault(tokens(keys), signed(aud="gateway")) == "audience"


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
def test_rules_that_cannot_be_meant_are_none(rules: dict[str, Any]) -> None:
    """They would let in everybody or nobody, and be noticed late."""
    with pytest.raises(ValueError, match=r"expected some of|is not within|accept nobody"):
        Rules(**{"algorithms": ("HS256",), **rules})


def test_every_algorithm_has_its_own_type_of_key() -> None:
    """That is why a key cannot be taken for one of another algorithm."""
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
    """A good token with a piece of it replaced."""
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
async def test_whatever_is_sent_is_believed_or_refused_for_a_known_reason(token: Any) -> None:
    """An exception that nobody expects would be a traceback, with which anybody could fill the log."""
    refusal: BadToken | None = None
    try:
        claims, _ = await tokens(IssuerKeys(), issuer=ISSUER, audience="gateway").verify(token)
    except BadToken as exc:
        refusal = exc
    if refusal is not None:
        assert refusal.fault in TOKEN_FAULTS
        assert_silent(refusal, token)
    else:
        assert isinstance(claims["exp"] - time.time(), float)
        assert 0 < len(claims["sub"].encode()) <= MAX_SUBJECT_BYTES
