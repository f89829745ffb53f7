"""Token verification: from what a browser sent to the claims that its issuer signed, or to a refusal. Pure.

`keys` and `jwks` provide the keys, `grant` knows what the claims allow. The rules follow
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
"""The algorithms that a setting may allow. Each fits one type of key, so no key works with another one's."""

MAX_TOKEN_CHARACTERS = 8192
MAX_SUBJECT_BYTES = 256
"""In UTF-8, so that the subject fits into a room's name. OpenID Connect allows 255 ASCII characters."""
MAX_LEEWAY_SECONDS = 30.0

TYPES = ("JWT", "at+jwt")
"""The kinds of token that are accepted: any (RFC 7519, section 5.1), and access tokens (RFC 9068, section
2.1). Issuers sign other kinds with the same keys, such as logout tokens (`logout+jwt`)."""

BadTokenReason = Literal[
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
BAD_TOKEN_REASONS: tuple[BadTokenReason, ...] = get_args(BadTokenReason)
"""Why a token is refused: the closed set of a metric's label."""

FORGED_REASONS: frozenset[BadTokenReason] = frozenset({"malformed", "algorithm", "type", "key", "signature"})
"""A token refused for one of these may be forged. With any other reason the signature is good, or there is
no token."""

Key = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
"""What verifies a signature: a secret (HS256) or a public key."""


class BadToken(Exception):
    """A token is refused; `reason` is a metric's label. The text is for the log, without any of the token."""

    def __init__(self, reason: BadTokenReason, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason: BadTokenReason = reason


class Keys(Protocol):
    """The keys of a token issuer."""

    async def key(self, kid: str | None, algorithm: str) -> Key | tuple[Key, ...]:
        """Return the key with that id, for that algorithm only; or several, of which any may verify it.

        Raises `BadToken`: `key` if there is none, `keys_unavailable` if that cannot be known now.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must have. An issuer or an audience of None is not required.

    If no audience is required, a token that names one is refused: it is meant for somebody else. `types` are
    the values that `typ` may have, in upper or lower case, with or without `application/`; a token without
    `typ` is a `JWT`.
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
            raise ValueError("an empty issuer or audience would refuse every token: use None to require none")


class Verified(NamedTuple):
    """The claims of a valid token, and the key that verified it."""

    claims: dict[str, Any]
    key: Key


class Tokens:
    """Verifies tokens with an issuer's keys, by rules."""

    def __init__(self, keys: Keys, rules: Rules) -> None:
        self._keys = keys
        self._rules = rules
        self._types = frozenset(map(media_type, rules.types))
        # Without this option PyJWT warns of a short key and accepts it.
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True, "require": ["exp", "sub"]})

    async def verify(self, token: Any) -> Verified:
        """Return the claims of a valid token. Raises `BadToken`.

        `token` is whatever the browser sent. The claims have `exp`, a finite number that may lie in the past
        by the leeway, and `sub`, 1 to 256 bytes of UTF-8; all others are as the issuer wrote them.
        """
        kid, algorithm = self._header(token)
        found = await self._keys.key(kid, algorithm)
        *others, last = found if isinstance(found, tuple) else (found,)
        for key in others:
            try:
                return self._verify(token, key)
            except BadToken as exc:
                if exc.reason != "signature":
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
            raise BadToken(_reason(exc), type(exc).__name__) from None
        _check_types(claims)
        return Verified(claims, key)

    def _header(self, token: Any) -> tuple[str | None, str]:
        if token is None:
            raise BadToken("missing", "no token was shown")
        if not isinstance(token, str):
            raise BadToken("malformed", f"{type(token).__name__} is not text")
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise BadToken("malformed", f"{len(token)} characters, more than {MAX_TOKEN_CHARACTERS}")
        if not token.isascii():
            raise BadToken("malformed", "it has characters outside ASCII")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as exc:
            raise BadToken("malformed", type(exc).__name__) from None
        if "crit" in header or header.get("b64", True) is not True:
            raise BadToken("malformed", "it requires an extension, and none is supported")
        if not header.keys().isdisjoint(("jwk", "jku", "x5c", "x5u")):
            # Nothing here would use it, but no honest issuer lets a token say which key verifies it.
            raise BadToken("key", "it carries a key of its own")
        algorithm = header.get("alg")
        if algorithm not in self._rules.algorithms:
            raise BadToken("algorithm", f"none of {', '.join(self._rules.algorithms)}")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or media_type(kind) not in self._types:
            raise BadToken("type", f"none of {', '.join(self._rules.types)}")
        return header.get("kid"), algorithm


def media_type(name: str) -> str:
    """Return the normal form of a `typ`: https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9."""
    return name.lower().removeprefix("application/")


_REASONS: tuple[tuple[type[jwt.PyJWTError], BadTokenReason], ...] = (
    (jwt.InvalidSignatureError, "signature"),
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidKeyError, "key"),
)
"""What PyJWT raises after it has read the header. All else is about claims: missing, or not a JSON object."""

_MISSING: dict[str, BadTokenReason] = {"iss": "issuer", "aud": "audience"}


def _reason(exc: jwt.PyJWTError) -> BadTokenReason:
    if isinstance(exc, jwt.MissingRequiredClaimError):
        return _MISSING.get(exc.claim, "claims")
    return next((reason for kind, reason in _REASONS if isinstance(exc, kind)), "claims")


def _check_types(claims: dict[str, Any]) -> None:
    """Raise `BadToken` for what PyJWT accepts: `"exp": "1700000000"`, `true`, or 400 digits."""
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name, 0)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compare, never convert: a float cannot hold every int, and NaN is never less.
        if not number or not abs(value) <= sys.float_info.max:
            raise BadToken("claims", f"{name} is not a finite number")
    try:
        size = len(claims["sub"].encode())
    except UnicodeEncodeError:
        # JSON can express half a surrogate pair; UTF-8, and so Redis and a log, cannot.
        raise BadToken("claims", "sub has half a surrogate pair") from None
    if not 0 < size <= MAX_SUBJECT_BYTES:
        raise BadToken("claims", f"sub has {size} bytes, not 1 to {MAX_SUBJECT_BYTES}")
