import datetime
import json
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from tests.issuer import ASYMMETRIC, EC, ED, RSA, jwk, pem
from tests.issuer import key_set as published

from queuecast_gateway.access.keys import MAX_RSA_BITS, MIN_SECRET_BYTES, KeySet, StaticKey, algorithm_of

SMALL_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505  # too weak on purpose: it is refused
EC_384 = ec.generate_private_key(ec.SECP384R1())


def private_pem(private: Any) -> str:
    return str(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def certificate(private: Any) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    begin, end = (
        datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2035, 1, 1, tzinfo=datetime.UTC),
    )
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, begin, end)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def key_set(*entries: Any, algorithms: tuple[str, ...] = ASYMMETRIC) -> KeySet:
    return KeySet.parse(published(*entries), algorithms)


@pytest.mark.parametrize(("private", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")])
async def test_a_public_key_is_read_from_pem(private: Any, algorithm: str) -> None:
    """As issuers and `openssl` write it, with other text around it."""
    static = StaticKey.from_pem(f"\n# of 2025\n{pem(private)}\n", [algorithm])
    assert await static.key("any", algorithm) == await static.key(None, algorithm) == private.public_key()


def test_a_key_implies_its_algorithm() -> None:
    """Nobody has to list algorithms where only one fits."""
    found = [StaticKey.from_pem(pem(private)).algorithms for private in (RSA, EC, ED)]
    assert found == [("RS256",), ("ES256",), ("EdDSA",)]
    assert StaticKey.from_secret("a" * MIN_SECRET_BYTES).algorithms == ("HS256",)


async def test_an_rsa_key_may_have_the_older_format() -> None:
    """`BEGIN RSA PUBLIC KEY`, by PKCS 1."""
    text = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert await StaticKey.from_pem(text, ["RS256"]).key(None, "RS256") == RSA.public_key()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (private_pem(RSA), "give its public key"),
        (private_pem(ED), "give its public key"),
        (private_pem(EC) + pem(EC), "give its public key"),
        (certificate(RSA), "give the key in it"),
        ("", "expected a public key as PEM"),
        ("secret", "expected a public key as PEM"),
        (pem(RSA).replace("\n", "\\n"), "expected a public key as PEM"),
        (pem(RSA).replace("MII", "XII"), "expected a public key as PEM"),
        (pem(RSA)[:200], "expected a public key as PEM"),
        (pem(RSA) + "\udcff", "expected a public key as PEM"),
        (pem(SMALL_RSA), "1024 bits: expected 2048"),
        (pem(EC_384), "curve secp384r1: expected P-256"),
        (pem(ed448.Ed448PrivateKey.generate()), "expected RSA, EC P-256 or Ed25519"),
        (pem(x25519.X25519PrivateKey.generate()), "expected RSA, EC P-256 or Ed25519"),
    ],
    ids=range(14),
)
def test_any_other_text_is_an_error_that_says_what_is_expected(text: str, says: str) -> None:
    """The error comes at start, not with the first browser, and does not leak the key."""
    with pytest.raises(ValueError, match=says) as caught:
        StaticKey.from_pem(text, ["RS256"])
    assert caught.value.__cause__ is None
    assert not [line for line in text.splitlines() if len(line) > 40 and line in str(caught.value)]


async def test_a_secret_is_used_as_its_bytes() -> None:
    """In UTF-8; bytes of the environment that are not UTF-8 stay unchanged."""
    secret = "ß" * (MIN_SECRET_BYTES // 2)
    assert await StaticKey.from_secret(secret, ["HS256"]).key("any", "HS256") == secret.encode()
    raw = await StaticKey.from_secret("a" * MIN_SECRET_BYTES + "\udcff", ["HS256"]).key(None, "HS256")
    assert raw == b"a" * MIN_SECRET_BYTES + b"\xff"


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "a secret of 0 bytes"),
        ("hunter2", "a secret of 7 bytes: HS256 takes 32 or more"),
        ("a" * (MIN_SECRET_BYTES - 1), "a secret of 31 bytes"),
        (pem(RSA), "a key for another algorithm"),
        (certificate(EC), "a key for another algorithm"),
        (json.dumps(jwk(EC)), "a key for another algorithm"),
    ],
    ids=range(6),
)
def test_a_secret_that_others_know_or_can_guess_is_an_error(secret: str, says: str) -> None:
    """Anybody could sign with it. The error goes to the log, and has no part of the secret."""
    with pytest.raises(ValueError, match=says) as caught:
        StaticKey.from_secret(secret, ["HS256"])
    assert not secret or secret not in str(caught.value)


@pytest.mark.parametrize("algorithms", [[], ["HS256"], ["ES256"], ["RS256", "ES256"], ["HS256", "RS256"]])
def test_a_key_that_does_not_fit_all_algorithms_is_an_error(algorithms: list[str]) -> None:
    """An algorithm that is allowed and can never be verified is a mistake of the operator."""
    with pytest.raises(ValueError, match="the key is for RS256, not for"):
        StaticKey.from_pem(pem(RSA), algorithms)
    with pytest.raises(ValueError, match="the key is for HS256, not for"):
        StaticKey.from_secret("a" * MIN_SECRET_BYTES, ["RS256"])


def test_a_huge_rsa_key_is_refused() -> None:
    """Each connecting browser costs a verification in the event loop."""
    numbers = rsa.RSAPublicNumbers(65537, (1 << MAX_RSA_BITS) + 1)
    with pytest.raises(ValueError, match="8193 bits"):
        algorithm_of(numbers.public_key())


def test_keys_of_a_set_are_found_by_id_and_algorithm() -> None:
    """Two keys may have one id if they are of different types: RFC 7517, 4.5."""
    keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="1"), jwk(ED, kid="2", use="sig", alg="EdDSA"))
    assert keys.find("1", "RS256") == RSA.public_key()
    assert keys.find("1", "ES256") == EC.public_key()
    assert keys.find("2", "EdDSA") == ED.public_key()
    assert keys.find("2", "RS256") is keys.find("3", "RS256") is None


def test_a_token_without_an_id_needs_the_only_key_for_its_algorithm() -> None:
    """Choosing one of two would be a guess."""
    keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="1"), jwk(EC, kid="2"))
    assert keys.find(None, "RS256") == RSA.public_key()
    assert keys.find(None, "ES256") is keys.find(None, "EdDSA") is None


def test_of_two_keys_with_one_id_the_first_is_used() -> None:
    """An issuer should not publish them; at least the choice does not change."""
    second = ec.generate_private_key(ec.SECP256R1())
    assert key_set(jwk(EC, kid="1"), jwk(second, kid="1")).find("1", "ES256") == EC.public_key()


@pytest.mark.parametrize(
    "entry",
    [
        jwk(RSA, use="enc"),
        jwk(RSA, use=7),
        jwk(RSA, key_ops=["encrypt"]),
        jwk(RSA, key_ops=7),
        jwk(RSA, alg="RS512"),
        jwk(RSA, alg="HS256"),
        jwk(RSA, alg=["RS256"]),
        jwk(RSA, kid=7),
        jwk(RSA, kid=["1"]),
        jwk(RSA, kty=...),
        jwk(RSA, kty=["RSA"]),
        jwk(RSA, kty="EC"),
        jwk(RSA, n=...),
        jwk(RSA, n=7),
        jwk(RSA, n="é"),
        jwk(RSA, n="AAAA"),
        jwk(RSA, e="AA"),
        jwk(RSA, e="A" * 100_000),
        jwk(SMALL_RSA),
        jwk(EC_384),
        jwk(EC, crv="P-384"),
        jwk(EC, x=jwk(EC)["y"]),
        jwk(EC, crv=["P-256"]),
        jwk(ED, x="AAAA"),
        jwk(ed448.Ed448PrivateKey.generate()),
        {"kty": "oct", "k": "QSBzZWNyZXQgb2YgdGhlIGlzc3VlciBhbmQgb2YgdXM", "alg": "HS256"},
        {"kty": "oct", "k": "QSBzZWNyZXQgb2YgdGhlIGlzc3VlciBhbmQgb2YgdXM", "alg": "RS256"},
        json.loads(str(RSAAlgorithm.to_jwk(RSA))) | {"key_ops": ["sign", "verify"]},
        json.loads(str(ECAlgorithm.to_jwk(EC))),
        json.loads(str(OKPAlgorithm.to_jwk(ED))),
        "kty",
        7,
        None,
        [],
    ],
)
def test_a_key_that_is_not_for_verifying_is_ignored(entry: Any) -> None:
    """It is for encryption, too weak, a secret, a published private key, or of an unknown kind."""
    other = ed25519.Ed25519PrivateKey.generate()
    keys = key_set(entry, jwk(other, kid="other"))
    assert keys.find("other", "EdDSA") == keys.find(None, "EdDSA") == other.public_key()
    assert keys.find(None, "RS256") is keys.find(None, "ES256") is None
    assert len(key_set(entry)) == 0


def test_an_optional_member_of_a_key_may_be_null() -> None:
    """Some servers send every member."""
    keys = key_set(jwk(RSA, use=None, alg=None, key_ops=None, kid=None))
    assert keys.find(None, "RS256") == RSA.public_key()


def test_keys_for_algorithms_that_are_not_allowed_are_ignored() -> None:
    """The operator sets the allow-list, and no server can extend it."""
    keys = key_set(jwk(RSA, kid="1"), jwk(EC, kid="1"), algorithms=("ES256",))
    assert keys.find("1", "RS256") is None
    assert len(keys) == 1
    assert EC.public_key() in keys
    assert RSA.public_key() not in keys


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda text: str(text[:20]),
)
def test_text_that_is_not_a_set_is_an_error(text: bytes) -> None:
    """Most often it is a proxy's error page."""
    with pytest.raises(ValueError, match=r"that are not JSON|not a set of keys"):
        KeySet.parse(text, ASYMMETRIC)


def test_a_set_without_keys_is_valid() -> None:
    """That is how an issuer withdraws its last key; an outage looks different."""
    keys = key_set()
    assert len(keys) == 0
    assert keys.find("1", "RS256") is keys.find(None, "RS256") is None


values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2) | st.floats()
members = st.sampled_from(["kty", "crv", "n", "e", "x", "y", "d", "p", "kid", "use", "alg", "key_ops"])


@given(
    st.lists(
        st.builds(
            lambda entry, changes: {**entry, **changes},
            st.sampled_from([jwk(RSA, kid="1"), jwk(EC, kid="1"), jwk(ED, kid="1")]),
            st.dictionaries(
                members, values | st.sampled_from(["RSA", "EC", "OKP", "oct", "AQAB"]), max_size=3
            ),
        )
        | values,
        max_size=3,
    )
)
def test_any_answer_of_a_server_is_a_set_or_an_error(entries: list[Any]) -> None:
    """Any exception but `ValueError` would end the process, which no other server may do."""
    try:
        keys = key_set(*entries)
    except ValueError:
        return
    for algorithm in ASYMMETRIC:
        for kid in ("1", None):
            found = keys.find(kid, algorithm)
            assert found is None or algorithm_of(found) == algorithm
            if found is not None:
                jwt.get_algorithm_by_name(algorithm).verify(b"text", found, b"signature")
