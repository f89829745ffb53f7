"""The keys of who issues tokens: a secret, a PEM or a published set; and which algorithm a key is for. Pure.

It asks nobody for a set; `jwks` does.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

from queuecast_gateway.access.tokens import Key

MIN_SECRET_BYTES = 32
"""As long as the hash of HS256: https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""A verification takes 0.1 ms with 4096 bits, 0.3 ms with 8192, and more than 1 ms with twice as many."""


def check_secret(key: bytes) -> bytes:
    """Return a secret that HS256 can be used with. Raises `ValueError`, never with the secret."""
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret of {len(key)} bytes: HS256 takes {MIN_SECRET_BYTES} or more, at random")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(key)
    except jwt.InvalidKeyError:
        # Public is public: who knows it could sign with it.
        raise ValueError("this is a key for another algorithm, not a secret for HS256") from None
    return key


class StaticKey:
    """One key for all tokens, whatever `kid` they name.

    `algorithms` are those that an allow-list has, None for the one that the key is for.
    """

    def __init__(self, key: Key, algorithms: Sequence[str] | None = None) -> None:
        algorithm = algorithm_of(key)
        if algorithms is None:
            algorithms = (algorithm,)
        unfit = [name for name in algorithms if name != algorithm]
        if unfit or not algorithms:
            raise ValueError(f"the key is for {algorithm}, not for {', '.join(unfit) or 'nothing'}")
        self.algorithms = tuple(algorithms)
        self._key = key

    @classmethod
    def from_secret(cls, secret: str, algorithms: Sequence[str] | None = None) -> "StaticKey":
        """Make one of a secret that is shared with the issuer. Raises `ValueError`, never with the secret."""
        # An environment variable may have any byte but 0, and Python writes these so.
        return cls(check_secret(secret.encode(errors="surrogateescape")), algorithms)

    @classmethod
    def from_pem(cls, pem: str, algorithms: Sequence[str] | None = None) -> "StaticKey":
        """Make one of the issuer's public key. Raises `ValueError`, never with the text."""
        if "PRIVATE KEY-----" in pem:
            raise ValueError("a private key has no place here: give its public half (openssl pkey -pubout)")
        if "BEGIN CERTIFICATE" in pem:
            raise ValueError("a certificate is no key: give the key in it (openssl x509 -pubkey -noout)")
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(
                "expected a public key as PEM: -----BEGIN PUBLIC KEY-----, base64 and the end, each on lines "
                "of their own"
            ) from None
        return cls(key, algorithms)  # type: ignore[arg-type]  # what is no Key is refused there

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """Return the key."""
        return self._key


class PublishedKey(NamedTuple):
    """A key of a set. Its id, if it has one, is unique among the keys for its algorithm."""

    kid: str | None
    algorithm: str
    key: Key


class KeySet:
    """Keys as an issuer publishes them (JWKS): https://www.rfc-editor.org/rfc/rfc7517#section-5.

    `len` is how many there are that can be used. None is an answer like any other: the issuer vouches for
    nobody.
    """

    def __init__(self, keys: Iterable[PublishedKey]) -> None:
        self._by_id: dict[tuple[str | None, str], Key] = {}
        self._by_algorithm: dict[str, list[Key]] = {}
        for kid, algorithm, key in keys:
            self._by_id.setdefault((kid, algorithm), key)
            self._by_algorithm.setdefault(algorithm, []).append(key)

    @classmethod
    def parse(cls, text: bytes, algorithms: Sequence[str]) -> "KeySet":
        """Read a set, without the keys that are not for verifying with one of these algorithms.

        Raises `ValueError` if it is no set.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{len(text)} bytes that are no JSON") from None
        entries = content.get("keys") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError("JSON, but no set of keys")  # noqa: TRY004  # what an issuer sent, not a caller
        return cls(key for entry in entries if (key := _published(entry)) and key.algorithm in algorithms)

    def __len__(self) -> int:
        return sum(map(len, self._by_algorithm.values()))

    def __contains__(self, key: object) -> bool:
        return any(key in keys for keys in self._by_algorithm.values())

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key that a token was signed with; without an id, the only one for its algorithm."""
        if kid is not None:
            return self._by_id.get((kid, algorithm))
        keys = self._by_algorithm.get(algorithm, [])
        return keys[0] if len(keys) == 1 else None


# No "oct": a secret that is published is none.
_READERS = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}


def _published(entry: Any) -> PublishedKey | None:
    """Read one key of a set: None if it is not for verifying, or we do not understand it.

    RFC 7517 would have us ignore such keys: an issuer may have others for other purposes.
    """
    try:
        kid, key = entry.get("kid"), _READERS[entry["kty"]](entry)
        # A private key is for none: who published it has let everybody sign with it.
        algorithm = algorithm_of(key)
        meant = (
            entry.get("use") in (None, "sig")
            and "verify" in (entry.get("key_ops") or ("verify",))
            and entry.get("alg") in (None, algorithm)
            and isinstance(kid, str | None)
        )
    except (AttributeError, KeyError, TypeError, ValueError, UnsupportedAlgorithm, jwt.PyJWTError):
        return None
    return PublishedKey(kid, algorithm, key) if meant else None  # type: ignore[arg-type]  # algorithm_of knows


def algorithm_of(key: Any) -> str:
    """Return the only algorithm that a key is used for. Raises `ValueError` if there is none."""
    match key:
        case bytes():
            return "HS256"
        case RSAPublicKey():
            if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise ValueError(
                    f"an RSA key of {key.key_size} bits: expected {MIN_RSA_BITS} to {MAX_RSA_BITS}"
                )
            return "RS256"
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return "ES256"
        case EllipticCurvePublicKey():
            raise ValueError(f"a key on the curve {key.curve.name}: expected P-256 (secp256r1), for ES256")
        case Ed25519PublicKey():
            return "EdDSA"
    raise ValueError(f"{type(key).__name__} is for none of our algorithms: expected RSA, EC P-256 or Ed25519")
