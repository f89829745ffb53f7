"""The settings of who may connect and what they may see."""

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
        description="`jwt`: a browser shows a token, `io(url, {auth: {token}})`; `none`: anybody may connect",
    )
    auth_algorithms: Names | None = Field(
        default=None,
        description="Signatures that are accepted, of `HS256`, `RS256`, `ES256`, `EdDSA` (default: those "
        "that fit the key)",
    )
    auth_secret: SecretStr | None = Field(
        default=None, description="Secret that tokens are signed with (HS256), at least 32 bytes"
    )
    auth_secret_file: str | None = Field(
        default=None,
        description="Path of a file with such secrets, one a line; tokens may be signed with any of them; it "
        "is read again when it changes",
    )
    auth_public_key: str | None = Field(
        default=None,
        description="Public key that tokens are checked with (RS256, ES256, EdDSA): PEM, or the path of "
        "such a file",
    )
    auth_issuer: str | None = Field(default=None, min_length=1, description="`iss` that tokens must have")
    auth_audience: Names | None = Field(default=None, description="`aud` that tokens must have one of")
    auth_leeway_seconds: float = Field(
        default=10,
        ge=0,
        le=MAX_LEEWAY_SECONDS,
        description="How far the clocks of the issuer and the gateway may be apart",
    )
    auth_jwks_url: str | None = Field(
        default=None,
        validate_default=True,
        description="Where the issuer publishes its public keys (JWKS), `https://…`",
    )
    auth_jwks_seconds: float = Field(
        default=REFRESH_SECONDS,
        ge=MIN_SECONDS,
        le=86_400,
        description="About how often these are fetched anew; a key that is published no more is accepted for "
        "so long",
    )
    auth_jwks_stale_seconds: float = Field(
        default=STALE_SECONDS,
        ge=0,
        description="How much longer the last ones are accepted while their issuer does not answer; after "
        "that nobody can come in",
    )
    auth_jwks_end_sessions: bool = Field(
        default=False,
        description="Whether sessions end, over `QUEUECAST_DRAIN_SECONDS`, when the key of their token is "
        "published no more; without it each lasts until its token ends",
    )
    auth_types: Names = Field(
        default=TYPES,
        description="What the header `typ` of tokens may be; one without is a `JWT`",
    )
    public_rooms: Names | None = Field(
        default=None,
        description="Rooms that anybody may join, such as `news,sku:*` (default: with `none` every room, "
        "with `jwt` those in the token)",
    )
    max_failed_tries: int = Field(
        default=20,
        ge=0,
        description="Forged tokens of one address in a minute, before it is told to wait; 0 is no limit",
    )
    max_connections_per_identity: int = Field(
        default=50, ge=0, description="Sessions of one token's subject on this replica; 0 is no limit"
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
            raise ValueError("an empty list would accept nobody: leave it unset to ask for none")
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
        # One that was refused is not among the others: it was given, and has a line of its own.
        given = [variable(name) for name in KEYS[:-1] if others.data.get(name, name) is not None]
        if url is not None:
            given.append(variable(KEYS[-1]))
        names = ", ".join(map(variable, KEYS))
        auth = others.data.get("auth")
        if auth == "jwt" and len(given) != 1:
            raise ValueError(f"QUEUECAST_AUTH=jwt needs one of {names}, and has {len(given)}")
        if auth == "none" and given:
            raise ValueError(f"a key ({', '.join(given)}) is of no use without QUEUECAST_AUTH=jwt")
        if url is not None:
            check_url(url)
            if "HS256" in (others.data.get("auth_algorithms") or ()):
                raise ValueError("public keys are for RS256, ES256 and EdDSA, not for HS256")
        return url

    @field_validator("auth_types")
    @classmethod
    def _are_types(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("an empty list would accept no token: expected some, such as JWT,at+jwt")
        return names

    @field_validator("public_rooms")
    @classmethod
    def _are_rooms(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        patterns(names or ())
        return names

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The signatures that are accepted."""
        key = self.static_key
        return self.auth_algorithms or (key.algorithms if key is not None else PUBLIC_ALGORITHMS)

    @property
    def static_key(self) -> StaticKey | SecretFile | None:
        """The key for all tokens that is known from the start, if there is one."""
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
