"""An issuer with a key for each algorithm, and its tokens, good and bad."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from queuecast_gateway.access.tokens import ALGORITHMS, BadToken, Key, Rules, Tokens

RSA = rsa.generate_private_key(65537, 2048)
SIGNERS: dict[str, Any] = {
    "HS256": b"a secret of the issuer and of us",
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
ISSUER = "https://issuer.example"


class IssuerKeys:
    """A key for each algorithm; records the lookups."""

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


def tokens(keys: IssuerKeys, **rules: Any) -> Tokens:
    return Tokens(keys, Rules(**{"algorithms": ALGORITHMS, **rules}))


def signed(algorithm: str = "HS256", /, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a valid token, with these changes. A claim of `...` is left out."""
    content = {"sub": "ann", "exp": time.time() + 60, **claims}
    text = json.dumps({name: value for name, value in content.items() if value is not ...})
    return sealed(text.encode(), {"alg": algorithm, "typ": "JWT", **(header or {})}, algorithm)


def sealed(payload: bytes, header: Any, algorithm: str = "HS256") -> str:
    """Sign any bytes under any header, as a broken issuer would, or a thief of its key."""
    content = part(json.dumps(header).encode()) + "." + part(payload)
    method = jwt.get_algorithm_by_name(algorithm)
    return content + "." + part(method.sign(content.encode(), SIGNERS[algorithm]))


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def reason(verifier: Tokens, token: Any) -> str:
    with pytest.raises(BadToken) as caught:
        await verifier.verify(token)
    assert_silent(caught.value, token)
    return caught.value.reason


def assert_silent(refusal: BadToken, token: Any) -> None:
    """Neither the log nor a traceback in it leaks a token."""
    assert refusal.__cause__ is None
    assert refusal.__suppress_context__ or refusal.__context__ is None
    if isinstance(token, str):
        for segment in token.split("."):
            assert len(segment) < 8 or segment not in str(refusal)
