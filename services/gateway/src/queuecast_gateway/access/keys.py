"""The keys of a token issuer: a secret, a PEM or a published set; and the algorithm that each is for. Pure.

It parses key sets; `jwks` fetches them.
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
"""One verification takes 0.1 ms with 4,096 bits, 0.3 ms with 8,192, and more than 1 ms with twice as many."""


def check_secret(key: bytes) -> bytes:
    """Return a secret if it fits HS256. Raises `ValueError`, whose text never has the secret."""
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret of {len(key)} bytes: HS256 takes {MIN_SECRET_BYTES} or more, at random")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(key)
    except jwt.InvalidKeyError:
        # A public key as a secret: whoever knows it could sign tokens.
        raise ValueError("this is a key for another algorithm, not a secret for HS256") from None
    return key


class StaticKey:
    """One key for all tokens, whatever `kid` they name.

    `algorithms` is the setting's allow-list; None stands for the one algorithm that the key is for.
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
        """Use a secret that the issuer shares. Raises `ValueError`, whose text never has the secret."""
        # An environment variable may have any byte but 0; Python maps the others to surrogates.
        return cls(check_secret(secret.encode(errors="surrogateescape")), algorithms)

    @classmethod
    def from_pem(cls, pem: str, algorithms: Sequence[str] | None = None) -> "StaticKey":
        """Use the issuer's public key. Raises `ValueError`, whose text never has the key."""
        if "PRIVATE KEY-----" in pem:
            raise ValueError("a private key has no place here: give its public key (openssl pkey -pubout)")
        if "BEGIN CERTIFICATE" in pem:
            raise ValueError("a certificate is no key: give the key in it (openssl x509 -pubkey -noout)")
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(
                "expected a public key as PEM: -----BEGIN PUBLIC KEY-----, base64 and the END line, each on "
                "lines of their own"
            ) from None
        return cls(key, algorithms)  # type: ignore[arg-type]  # any other type is refused there

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

    `len` counts the usable ones. A set without any is valid: the issuer then accepts no token.
    """

    def __init__(self, keys: Iterable[PublishedKey]) -> None:
        self._by_id: dict[tuple[str | None, str], Key] = {}
        self._by_algorithm: dict[str, list[Key]] = {}
        for kid, algorithm, key in keys:
            self._by_id.setdefault((kid, algorithm), key)
            self._by_algorithm.setdefault(algorithm, []).append(key)

    @classmethod
    def parse(cls, text: bytes, algorithms: Sequence[str]) -> "KeySet":
        """Parse a set; leave out the keys that do not verify one of these algorithms.

        Raises `ValueError` if it is not a set.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"{len(text)} bytes that are not JSON") from None
        entries = content.get("keys") if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError("JSON, but not a set of keys")  # noqa: TRY004  # what an issuer sent, not a caller
        return cls(key for entry in entries if (key := _published(entry)) and key.algorithm in algorithms)

    def __len__(self) -> int:
        return sum(map(len, self._by_algorithm.values()))

    def __contains__(self, key: object) -> bool:
        return any(key in keys for keys in self._by_algorithm.values())

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key with that id; without an id, the only one for the algorithm."""
        if kid is not None:
            return self._by_id.get((kid, algorithm))
        keys = self._by_algorithm.get(algorithm, [])
        return keys[0] if len(keys) == 1 else None


# No "oct": a published secret is not a secret.
_READERS = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}


def _published(entry: Any) -> PublishedKey | None:
    """Parse one key of a set; None if it is not for verifying, or of an unknown kind.

    RFC 7517 says to ignore such keys: an issuer may have keys for other purposes.
    """
    try:
        kid, key = entry.get("kid"), _READERS[entry["kty"]](entry)
        # A published private key fits no algorithm: everybody could sign with it.
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
    """Return the one algorithm that a key is used for. Raises `ValueError` if there is none."""
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
    raise ValueError(f"{type(key).__name__} fits none of the algorithms: expected RSA, EC P-256 or Ed25519")
