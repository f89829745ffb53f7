"""The settings of access: who may connect, and what they may see."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from queuecast_edge.environment import Names, variable
from queuecast_gateway.access.download import check_url
from queuecast_gateway.access.grant import patterns
from queuecast_gateway.access.jwks import MIN_SECONDS, REFRESH_SECONDS, STALE_SECONDS
from queuecast_gateway.access.keys import StaticKey
from queuecast_gateway.access.secret_file import SecretFile
from queuecast_gateway.access.tokens import ALGORITHMS, MAX_LEEWAY_SECONDS, TYPES

PUBLIC_ALGORITHMS = tuple(name for name in ALGORITHMS if name != "HS256")

KEYS = ("auth_secret", "auth_secret_file", "auth_public_key", "auth_jwks_url")


class AccessSettings(BaseModel, frozen=True, extra="forbid"):
    """Identity and access."""

    auth: Literal["none", "jwt"] = Field(
        default="none",
        description="`jwt`: a browser must present a token, `io(url, {auth: {token}})`; `none`: anybody may "
        "connect",
    )
    auth_algorithms: Names | None = Field(
        default=None,
        description="Signature algorithms to accept, out of `HS256`, `RS256`, `ES256`, `EdDSA` (default: "
        "those that fit the key)",
    )
    auth_secret: SecretStr | None = Field(
        default=None, description="Secret that signs tokens (HS256), at least 32 bytes"
    )
    auth_secret_file: str | None = Field(
        default=None,
        description="Path of a file with such secrets, one per line; a token may be signed with any of them. "
        "The gateway reads the file again when it changes",
    )
    auth_public_key: str | None = Field(
        default=None,
        description="Public key that verifies tokens (RS256, ES256, EdDSA): PEM, or the path of a PEM file",
    )
    auth_issuer: str | None = Field(default=None, min_length=1, description="Required `iss` of tokens")
    auth_audience: Names | None = Field(
        default=None, description="Accepted audiences: the `aud` of a token must contain one of them"
    )
    auth_leeway_seconds: float = Field(
        default=10,
        ge=0,
        le=MAX_LEEWAY_SECONDS,
        description="How far the clocks of issuer and gateway may differ",
    )
    auth_jwks_url: str | None = Field(
        default=None,
        validate_default=True,
        description="URL where the issuer publishes its public keys (JWKS), `https://…`",
    )
    auth_jwks_seconds: float = Field(
        default=REFRESH_SECONDS,
        ge=MIN_SECONDS,
        le=86_400,
        description="Roughly how often the gateway fetches these keys again. A key that the issuer no longer "
        "publishes stays accepted for up to this long",
    )
    auth_jwks_stale_seconds: float = Field(
        default=STALE_SECONDS,
        ge=0,
        description="How much longer the last keys stay accepted while the issuer does not answer; after "
        "that nobody can connect",
    )
    auth_jwks_end_sessions: bool = Field(
        default=False,
        description="If true, a session ends once the issuer no longer publishes the key of its token, "
        "spread over `QUEUECAST_DRAIN_SECONDS`. If false, it lasts until its token expires",
    )
    auth_types: Names = Field(
        default=TYPES,
        description="Accepted values of the token header `typ`; a token without one counts as `JWT`",
    )
    public_rooms: Names | None = Field(
        default=None,
        description="Rooms that anybody may join, such as `news,sku:*` (default: every room with "
        "`QUEUECAST_AUTH=none`, only those in the token with `jwt`)",
    )
    max_failed_tries: int = Field(
        default=20,
        ge=0,
        description="Forged tokens that one address may present per minute before it has to wait; 0 means no "
        "limit",
    )
    max_connections_per_identity: int = Field(
        default=50,
        ge=0,
        description="Maximum number of sessions on this replica for one subject of tokens; 0 means no limit",
    )

    @field_validator("auth_algorithms")
    @classmethod
    def _are_algorithms(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [name for name in names or () if name not in ALGORITHMS]
        if unknown or names == ():
            raise ValueError(f"expected some of {', '.join(ALGORITHMS)}, got {', '.join(unknown) or 'none'}")
        return names

    @field_validator("auth_audience")
    @classmethod
    def _are_audiences(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names == ():
            raise ValueError("an empty list would refuse every token: leave it unset to require no audience")
        return names

    @field_validator("auth_secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if secret is not None:
            StaticKey.from_secret(secret.get_secret_value(), others.data.get("auth_algorithms"))
        return secret

    @field_validator("auth_secret_file")
    @classmethod
    def _has_secrets(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None:
            SecretFile(path, others.data.get("auth_algorithms"))
        return path

    @field_validator("auth_public_key")
    @classmethod
    def _is_a_public_key(cls, text: str | None, others: ValidationInfo) -> str | None:
        if text is None:
            return None
        pem = _read(text) if text.startswith("/") else text
        StaticKey.from_pem(pem, others.data.get("auth_algorithms"))
        return pem

    @field_validator("auth_jwks_url")
    @classmethod
    def _is_the_only_key(cls, url: str | None, others: ValidationInfo) -> str | None:
        # A key that is not valid is missing here: it was given, and has an error of its own.
        given = [variable(name) for name in KEYS[:-1] if others.data.get(name, name) is not None]
        if url is not None:
            given.append(variable(KEYS[-1]))
        names = ", ".join(map(variable, KEYS))
        auth = others.data.get("auth")
        if auth == "jwt" and len(given) != 1:
            raise ValueError(f"QUEUECAST_AUTH: jwt needs one of {names}, and has {len(given)}")
        if auth == "none" and given:
            raise ValueError(f"{', '.join(given)}: of no use without QUEUECAST_AUTH=jwt")
        if url is not None:
            check_url(url)
            if "HS256" in (others.data.get("auth_algorithms") or ()):
                raise ValueError("public keys are for RS256, ES256 and EdDSA, not for HS256")
        return url

    @field_validator("auth_types")
    @classmethod
    def _are_types(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("an empty list would accept no token: expected values such as JWT,at+jwt")
        return names

    @field_validator("public_rooms")
    @classmethod
    def _are_rooms(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        patterns(names or ())
        return names

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The accepted signature algorithms."""
        key = self.static_key
        return self.auth_algorithms or (key.algorithms if key is not None else PUBLIC_ALGORITHMS)

    @property
    def static_key(self) -> StaticKey | SecretFile | None:
        """The key for all tokens, if it is known from the start."""
        if self.auth_secret is not None:
            return StaticKey.from_secret(self.auth_secret.get_secret_value(), self.auth_algorithms)
        if self.auth_secret_file is not None:
            return SecretFile(self.auth_secret_file, self.auth_algorithms)
        if self.auth_public_key is not None:
            return StaticKey.from_pem(self.auth_public_key, self.auth_algorithms)
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except (OSError, ValueError) as exc:
        raise ValueError(f"{path} cannot be read: {exc}") from exc
