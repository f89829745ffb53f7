"""Settings that say who may connect."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.unit.service_settings import assert_mistake, settings

from queuecast_edge.environment import SettingsError, variable
from queuecast_gateway.access.secret_file import SecretFile
from queuecast_gateway.access.settings import KEYS

SECRET = "a secret of thirty-two bytes and more"
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
WITH_SECRET = {"AUTH": "jwt", "AUTH_SECRET": SECRET}
WITH_PEM = {"AUTH": "jwt", "AUTH_PUBLIC_KEY": PEM}
WITH_URL = {"AUTH": "jwt", "AUTH_JWKS_URL": "https://issuer.example/keys"}


def test_by_default_anybody_may_connect() -> None:
    """As before there were tokens; the log and `/readyz` say so."""
    made = settings("gateway")
    assert made.auth == "none"
    assert made.static_key is None
    assert made.public_rooms is None, "every room"


@pytest.mark.parametrize(
    ("variables", "algorithms"),
    [
        (WITH_SECRET, ("HS256",)),
        ({**WITH_SECRET, "AUTH_ALGORITHMS": "HS256"}, ("HS256",)),
        (WITH_PEM, ("ES256",)),
        (WITH_URL, ("RS256", "ES256", "EdDSA")),
        ({**WITH_URL, "AUTH_ALGORITHMS": "EdDSA,ES256"}, ("EdDSA", "ES256")),
    ],
)
def test_signatures_are_those_that_fit_the_key(
    variables: dict[str, str], algorithms: tuple[str, ...]
) -> None:
    """A public key that is taken for a secret would let everybody sign."""
    made = settings("gateway", **variables)
    assert made.algorithms == algorithms
    assert (made.static_key is None) is ("AUTH_JWKS_URL" in variables)


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({"AUTH": "jwt"}, 0),
        ({**WITH_SECRET, **WITH_URL}, 2),
        ({**WITH_SECRET, **WITH_PEM}, 2),
        ({**WITH_SECRET, **WITH_PEM, **WITH_URL}, 3),
    ],
)
def test_tokens_are_checked_with_one_key(variables: dict[str, str], count: int) -> None:
    """With none nobody could come in; of two it could not be told which one an operator has in mind."""
    keys = ", ".join(map(variable, KEYS))
    assert_mistake("AUTH", variables, f"QUEUECAST_AUTH: jwt needs one of {keys}, and has {count}")


def test_a_secret_of_tokens_may_be_in_a_file(tmp_path: Path) -> None:
    """So that it is in no environment, and can change."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    made = settings("gateway", AUTH="jwt", AUTH_SECRET_FILE=str(path))
    assert made.algorithms == ("HS256",)
    assert isinstance(made.static_key, SecretFile)
    missing = {"AUTH": "jwt", "AUTH_SECRET_FILE": str(tmp_path / "none")}
    assert_mistake("AUTH_SECRET_FILE", missing, "none cannot be read: No such file")
    assert_mistake(
        "AUTH_SECRET_FILE",
        {"AUTH": "jwt", "AUTH_SECRET_FILE": str(path), "AUTH_ALGORITHMS": "ES256"},
        "HS256, not for ES256",
    )


def test_the_types_of_tokens_are_some() -> None:
    """With none no token would be accepted."""
    assert settings("gateway", AUTH_TYPES="at+jwt").auth_types == ("at+jwt",)
    assert_mistake("AUTH_TYPES", {"AUTH_TYPES": ","}, "an empty list would accept no token")


@pytest.mark.parametrize("auth", [{}, {"AUTH": "none"}, {"AUTH": ""}])
@pytest.mark.parametrize("name", ["AUTH_SECRET", "AUTH_PUBLIC_KEY", "AUTH_JWKS_URL"])
def test_a_key_without_tokens_is_a_mistake(name: str, auth: dict[str, str]) -> None:
    """Whoever gave one believes that the gateway is closed."""
    key = (WITH_SECRET | WITH_PEM | WITH_URL)[name]
    assert_mistake(name, {**auth, name: key}, "of no use without QUEUECAST_AUTH=jwt")


@pytest.mark.parametrize(
    ("name", "variables", "part"),
    [
        ("AUTH", {**WITH_SECRET, "AUTH": "JWT"}, "'jwt'"),
        ("AUTH_ALGORITHMS", {**WITH_SECRET, "AUTH_ALGORITHMS": "none"}, "got none"),
        ("AUTH_ALGORITHMS", {**WITH_SECRET, "AUTH_ALGORITHMS": "HS256,HS512"}, "got HS512"),
        ("AUTH_ALGORITHMS", {**WITH_SECRET, "AUTH_ALGORITHMS": ","}, "expected some of HS256"),
        ("AUTH_SECRET", {**WITH_SECRET, "AUTH_ALGORITHMS": "RS256"}, "HS256, not for RS256"),
        ("AUTH_SECRET", {**WITH_SECRET, "AUTH_ALGORITHMS": "HS256,RS256"}, "HS256, not for RS256"),
        ("AUTH_PUBLIC_KEY", {**WITH_PEM, "AUTH_ALGORITHMS": "HS256"}, "ES256, not for HS256"),
        ("AUTH_PUBLIC_KEY", {**WITH_PEM, "AUTH_PUBLIC_KEY": "no key"}, "-----BEGIN PUBLIC KEY-----"),
        ("AUTH_JWKS_URL", {**WITH_URL, "AUTH_ALGORITHMS": "HS256"}, "not for HS256"),
        ("AUTH_JWKS_URL", {**WITH_URL, "AUTH_JWKS_URL": "http://issuer.example/keys"}, "https"),
        ("AUTH_JWKS_URL", {**WITH_URL, "AUTH_JWKS_URL": "issuer.example"}, "https"),
        ("AUTH_JWKS_URL", {**WITH_URL, "AUTH_JWKS_URL": "https://ann:hush@issuer.example"}, "password"),
        ("AUTH_AUDIENCE", {**WITH_SECRET, "AUTH_AUDIENCE": ","}, "leave it unset"),
        ("AUTH_LEEWAY_SECONDS", {**WITH_SECRET, "AUTH_LEEWAY_SECONDS": "30.5"}, "30"),
        ("AUTH_LEEWAY_SECONDS", {**WITH_SECRET, "AUTH_LEEWAY_SECONDS": "-1"}, "0"),
        ("AUTH_LEEWAY_SECONDS", {**WITH_SECRET, "AUTH_LEEWAY_SECONDS": "nan"}, ""),
        ("PUBLIC_ROOMS", {"PUBLIC_ROOMS": "news,sku:*:prices"}, "`*` may only stand at the end"),
        ("PUBLIC_ROOMS", {"PUBLIC_ROOMS": "x" * 257}, "256 bytes"),
        ("MAX_FAILED_TRIES", {"MAX_FAILED_TRIES": "-1"}, "0"),
        ("MAX_CONNECTIONS_PER_IDENTITY", {"MAX_CONNECTIONS_PER_IDENTITY": "-1"}, "0"),
    ],
)
def test_a_mistake_about_tokens_is_one_line_with_the_variable(
    name: str, variables: dict[str, str], part: str
) -> None:
    """And no second one that sends an operator elsewhere: a key that is refused was given."""
    assert_mistake(name, variables, part)


def test_a_short_secret_is_refused_and_not_shown() -> None:
    """It could be guessed; and what is printed at the start is in a log for ever."""
    short = "hush-" * 6
    with pytest.raises(SettingsError) as caught:
        settings("gateway", AUTH="jwt", AUTH_SECRET=short)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("QUEUECAST_AUTH_SECRET: a secret of 30 bytes")
    assert "hush" not in line


def test_a_secret_is_shown_nowhere() -> None:
    """Also if the mistake is another one, or beside it."""
    made = settings("gateway", **WITH_SECRET)
    assert SECRET not in f"{made!r} {made} {made.model_dump()} {made.model_dump_json()}"
    for more in ({"AUTH_ALGORITHMS": "RS256"}, {"AUTH": "none"}, {"AUTH_PUBLIC_KEY": SECRET}, {"PORT": "0"}):
        with pytest.raises(SettingsError) as caught:
            settings("gateway", **{**WITH_SECRET, **more})
        assert SECRET not in str(caught.value)


def test_a_private_key_is_refused_and_not_shown() -> None:
    """It has no business on this side, and whoever put it here should hear of it."""
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(SettingsError) as caught:
        settings("gateway", AUTH="jwt", AUTH_PUBLIC_KEY=private.decode())
    assert str(caught.value).startswith("QUEUECAST_AUTH_PUBLIC_KEY: a private key has no place here")
    assert private.decode().splitlines()[1] not in str(caught.value)


def test_a_public_key_may_be_a_file(tmp_path: Path) -> None:
    """As Kubernetes mounts them. It is read at the start, where a mistake still stops it."""
    path = tmp_path / "key.pem"
    path.write_text(PEM)
    made = settings("gateway", AUTH="jwt", AUTH_PUBLIC_KEY=str(path))
    path.unlink()
    assert made.algorithms == ("ES256",)


@pytest.mark.parametrize("content", [None, b"", b"no key", b"\xff\xfe", "folder"])
def test_a_file_without_a_key_is_a_mistake(tmp_path: Path, content: bytes | str | None) -> None:
    """There is none, it cannot be read, or there is something else in it."""
    path = tmp_path / "key.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
    assert_mistake("AUTH_PUBLIC_KEY", {"AUTH": "jwt", "AUTH_PUBLIC_KEY": str(path)})
