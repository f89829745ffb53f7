"""The key of who issues tokens, as an operator gives it: a secret or a PEM; and which algorithm a key is for.

Keys that change while we run are `jwks`'s. Pure.
"""

from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import HMACAlgorithm

from queuecast_gateway.access.tokens import Key

MIN_SECRET_BYTES = 32
"""As long as the hash of HS256: https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""A verification takes 0.1 ms with 4096 bits, 0.3 ms with 8192, and more than 1 ms with twice as many."""


class StaticKey:
    """One key for all tokens, whatever `kid` they name."""

    def __init__(self, key: Key, algorithms: Sequence[str]) -> None:
        algorithm = algorithm_of(key)
        unfit = [name for name in algorithms if name != algorithm]
        if unfit or not algorithms:
            raise ValueError(f"the key is for {algorithm}, not for {', '.join(unfit) or 'nothing'}")
        self._key = key

    @classmethod
    def from_secret(cls, secret: str, algorithms: Sequence[str]) -> "StaticKey":
        """Make one of a secret that is shared with the issuer. Raises `ValueError`, never with the secret."""
        # An environment variable may have any byte but 0, and Python writes these so.
        key = secret.encode(errors="surrogateescape")
        if len(key) < MIN_SECRET_BYTES:
            raise ValueError(
                f"a secret of {len(key)} bytes: HS256 takes {MIN_SECRET_BYTES} or more, at random"
            )
        try:
            HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(key)
        except jwt.InvalidKeyError:
            # Public is public: who knows it could sign with it.
            raise ValueError("this is a key for another algorithm, not a secret for HS256") from None
        return cls(key, algorithms)

    @classmethod
    def from_pem(cls, pem: str, algorithms: Sequence[str]) -> "StaticKey":
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
