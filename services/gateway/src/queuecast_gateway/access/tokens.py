"""Tokens of browsers: from what one sent to the claims that its issuer signed, or to the fault. Pure.

It knows no keys (`keys` and `jwks` do) and not what claims allow (`grant` does). What the rules are for:
https://www.rfc-editor.org/rfc/rfc8725 (best current practices for JSON Web Tokens).
"""

import sys
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
"""Those that an allow-list may have. Each fits one type of key, so that none can be mistaken for another."""

MAX_TOKEN_CHARACTERS = 8192
MAX_SUBJECT_CHARACTERS = 256
MAX_LEEWAY_SECONDS = 30.0

Fault = Literal[
    "missing",
    "malformed",
    "algorithm",
    "key",
    "signature",
    "expired",
    "not_yet",
    "issuer",
    "audience",
    "claims",
    "keys_unavailable",
]
TOKEN_FAULTS: tuple[Fault, ...] = get_args(Fault)
"""Why a token is refused: the closed set of a metric's label."""

Key = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
"""What a signature is verified with: a secret (HS256) or a public key."""


class BadToken(Exception):
    """A token is refused; `fault` is its label. The text is for our log, and has no part of the token."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(f"{fault}: {why}")
        self.fault: Fault = fault


class Keys(Protocol):
    """The keys of who issues tokens."""

    async def key(self, kid: str | None, algorithm: str) -> Key:
        """Return the key of that id and for that algorithm alone.

        Raises `BadToken`: `key` if there is none, `keys_unavailable` if that cannot be known now.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a token. An issuer or an audience of None is not asked for.

    A token that names an audience when none is asked for is refused: it is meant for somebody else.
    """

    algorithms: tuple[str, ...]
    issuer: str | None = None
    audience: str | tuple[str, ...] | None = None
    leeway_seconds: float = 0.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.algorithms if name not in ALGORITHMS]
        if unknown or not self.algorithms:
            raise ValueError(
                f"expected some of {', '.join(ALGORITHMS)}, got {', '.join(unknown) or 'nothing'}"
            )
        if not 0 <= self.leeway_seconds <= MAX_LEEWAY_SECONDS:
            raise ValueError(
                f"a leeway of {self.leeway_seconds:g} s is not within 0 to {MAX_LEEWAY_SECONDS:g} s"
            )
        if self.issuer == "" or self.audience in ("", ()):
            raise ValueError("an empty issuer or audience would accept nobody: None asks for none")


class Tokens:
    """Verifies tokens by rules, with keys."""

    def __init__(self, keys: Keys, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        # Without the option PyJWT warns of a short key and takes it.
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True, "require": ["exp", "sub"]})

    async def claims(self, token: Any) -> dict[str, Any]:
        """Return the claims of a token that is good. Raises `BadToken`.

        `token` is whatever the browser sent. `exp` is in the claims, a finite number that may lie in the past
        by the leeway, and `sub`, 1 to 256 characters; all others are as the issuer wrote them.
        """
        kid, algorithm = self._header(token)
        key = await self._keys.key(kid, algorithm)
        try:
            claims = self._jwt.decode(
                token,
                key,
                algorithms=self._rules.algorithms,
                issuer=self._rules.issuer,
                audience=self._rules.audience,
                leeway=self._rules.leeway_seconds,
            )
        except jwt.PyJWTError as exc:
            # Without its cause, whose text quotes the token.
            raise BadToken(_fault(exc), type(exc).__name__) from None
        _check_types(claims)
        return claims

    def _header(self, token: Any) -> tuple[str | None, str]:
        if token is None:
            raise BadToken("missing", "there is none")
        if not isinstance(token, str):
            raise BadToken("malformed", f"{type(token).__name__} is no text")
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise BadToken("malformed", f"{len(token)} characters, more than {MAX_TOKEN_CHARACTERS}")
        if not token.isascii():
            raise BadToken("malformed", "not all of it is ASCII")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as exc:
            raise BadToken("malformed", type(exc).__name__) from None
        if "crit" in header or header.get("b64", True) is not True:
            raise BadToken("malformed", "it asks for an extension, of which we know none")
        if not header.keys().isdisjoint(("jwk", "jku", "x5c", "x5u")):
            # Nothing here would use it; but nobody honest lets a token say which key proves it.
            raise BadToken("key", "it brings a key of its own")
        algorithm = header.get("alg")
        if algorithm not in self._rules.algorithms:
            raise BadToken("algorithm", f"none of {', '.join(self._rules.algorithms)}")
        return header.get("kid"), algorithm


_FAULTS: tuple[tuple[type[jwt.PyJWTError], Fault], ...] = (
    (jwt.InvalidSignatureError, "signature"),
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidKeyError, "key"),
)
"""What PyJWT raises once it has read the header. All else is about claims: missing, or no JSON object."""

_MISSING: dict[str, Fault] = {"iss": "issuer", "aud": "audience"}


def _fault(exc: jwt.PyJWTError) -> Fault:
    if isinstance(exc, jwt.MissingRequiredClaimError):
        return _MISSING.get(exc.claim, "claims")
    return next((fault for kind, fault in _FAULTS if isinstance(exc, kind)), "claims")


def _check_types(claims: dict[str, Any]) -> None:
    """Raise `BadToken` for what PyJWT lets pass: `"exp": "1700000000"`, `true`, or 400 digits."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared, not converted: a float cannot hold every int, and NaN is never less.
        if not number or not abs(value) <= sys.float_info.max:
            raise BadToken("claims", f"{name} is no finite number")
    subject = claims["sub"]
    if not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS:
        raise BadToken("claims", f"sub has {len(subject)} characters, not 1 to {MAX_SUBJECT_CHARACTERS}")
    try:
        subject.encode()
    except UnicodeEncodeError:
        # JSON can write half a surrogate pair, which neither Redis nor a log can.
        raise BadToken("claims", "sub has half a surrogate pair") from None
