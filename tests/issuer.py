"""An issuer of tokens: new keys for each run, as PEM, as a published set, and for signing."""

import json
import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = secrets.token_hex(32)

ASYMMETRIC = ("RS256", "ES256", "EdDSA")


def pem(private: Any) -> str:
    """Return the public half of a key as PEM."""
    public: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def jwk(private: Any, **details: Any) -> dict[str, Any]:
    """Return the public half of a key as a member of a set; details whose value is `...` are left out."""
    public = private.public_key()
    entry: dict[str, Any]
    if isinstance(public, rsa.RSAPublicKey):
        entry = RSAAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        entry = ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        assert isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
        entry = OKPAlgorithm.to_jwk(public, as_dict=True)
    return {name: value for name, value in {**entry, **details}.items() if value is not ...}


def key_set(*entries: Any) -> bytes:
    """Return a key set as a server sends it."""
    return json.dumps({"keys": entries}).encode()


def token(
    private: Any, algorithm: str, kid: str | None, header: dict[str, str] | None = None, **claims: Any
) -> str:
    """Return a token that is valid for a minute; claims whose value is `...` are left out."""
    wanted = {"sub": "ann", "exp": time.time() + 60, **claims}
    content = {name: value for name, value in wanted.items() if value is not ...}
    return jwt.encode(
        content, private, algorithm, headers={**(header or {}), **({} if kid is None else {"kid": kid})}
    )


def signed(seconds: float = 60, **claims: Any) -> str:
    """Return a token that is signed with the secret and valid for `seconds`."""
    return token(SECRET, "HS256", None, **{"exp": time.time() + seconds, **claims})
