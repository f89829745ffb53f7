"""Tokens of browsers: from what one sent to the claims that its issuer signed, or to the fault. Pure.

It knows no keys (`keys` and `jwks` do) and not what claims allow (`grant` does). What the rules are for:
https://www.rfc-editor.org/rfc/rfc8725 (best current practices for JSON Web Tokens).
"""

import sys
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
"""Those that an allow-list may have. Each fits one type of key, so that none can be mistaken for another."""

MAX_TOKEN_CHARACTERS = 8192
MAX_SUBJECT_BYTES = 256
"""As UTF-8: its room is to fit, however that is counted. OpenID Connect allows 255 ASCII characters."""
MAX_LEEWAY_SECONDS = 30.0

TYPES = ("JWT", "at+jwt")
"""What kinds of token are taken for one: any (RFC 7519, section 5.1), and access tokens (RFC 9068, section
2.1). Issuers sign others with the same keys, such as those that end a session (`logout+jwt`), and they are
for others."""

Fault = Literal[
    "missing",
    "malformed",
    "algorithm",
    "type",
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

GUESSES: frozenset[Fault] = frozenset({"malformed", "algorithm", "type", "key", "signature"})
"""The faults of tokens that no issuer of ours need have signed. The others' signature is good, or there is no
token."""

Key = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
"""What a signature is verified with: a secret (HS256) or a public key."""


class BadToken(Exception):
    """A token is refused; `fault` is its label. The text is for our log, and has no part of the token."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(f"{fault}: {why}")
        self.fault: Fault = fault


class Keys(Protocol):
    """The keys of who issues tokens."""

    async def key(self, kid: str | None, algorithm: str) -> Key | tuple[Key, ...]:
        """Return the key of that id and for that algorithm alone, or several of which any will do.

        Raises `BadToken`: `key` if there is none, `keys_unavailable` if that cannot be known now.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a token. An issuer or an audience of None is not asked for.

    A token that names an audience when none is asked for is refused: it is meant for somebody else. `types`
    are those that a token's `typ` may have, in any case, with `application/` before it or not; one without is
    a `JWT`.
    """

    algorithms: tuple[str, ...]
    issuer: str | None = None
    audience: str | tuple[str, ...] | None = None
    leeway_seconds: float = 0.0
    types: tuple[str, ...] = TYPES

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


class Verified(NamedTuple):
    """What a good token says, and the key that vouches for it."""

    claims: dict[str, Any]
    key: Key


class Tokens:
    """Verifies tokens by rules, with keys."""

    def __init__(self, keys: Keys, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        self._types = frozenset(map(media_type, rules.types))
        # Without the option PyJWT warns of a short key and takes it.
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True, "require": ["exp", "sub"]})

    async def verify(self, token: Any) -> Verified:
        """Return the claims of a token that is good. Raises `BadToken`.

        `token` is whatever the browser sent. `exp` is in the claims, a finite number that may lie in the past
        by the leeway, and `sub`, 1 to 256 bytes of UTF-8; all others are as the issuer wrote them.
        """
        kid, algorithm = self._header(token)
        found = await self._keys.key(kid, algorithm)
        *others, last = found if isinstance(found, tuple) else (found,)
        for key in others:
            try:
                return self._verify(token, key)
            except BadToken as exc:
                if exc.fault != "signature":
                    raise
        return self._verify(token, last)

    def _verify(self, token: str, key: Key) -> Verified:
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
        return Verified(claims, key)

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
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or media_type(kind) not in self._types:
            raise BadToken("type", f"none of {', '.join(self._rules.types)}")
        return header.get("kid"), algorithm


def media_type(name: str) -> str:
    """Return a `typ` in one form: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9."""
    return name.lower().removeprefix("application/")


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
    try:
        size = len(claims["sub"].encode())
    except UnicodeEncodeError:
        # JSON can write half a surrogate pair, which neither Redis nor a log can.
        raise BadToken("claims", "sub has half a surrogate pair") from None
    if not 0 < size <= MAX_SUBJECT_BYTES:
        raise BadToken("claims", f"sub has {size} bytes, not 1 to {MAX_SUBJECT_BYTES}")
