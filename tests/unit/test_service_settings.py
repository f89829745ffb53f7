"""The settings of both services: their defaults are promised in design.md, section 5."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel

from queuecast_edge.environment import SettingsError, read, variable
from queuecast_edge.schemas import NO_SCHEMAS
from queuecast_gateway.access.secret_file import SecretFile
from queuecast_gateway.access.settings import KEYS
from queuecast_gateway.settings import Settings as GatewaySettings
from queuecast_poller.settings import Settings as PollerSettings

SERVICES: dict[str, tuple[type[BaseModel], dict[str, str]]] = {
    "gateway": (GatewaySettings, {}),
    "poller": (PollerSettings, {"QUEUECAST_QUEUES": "orders"}),
}
both = pytest.mark.parametrize("service", SERVICES)


def settings(service: str, **variables: str) -> Any:
    model, least = SERVICES[service]
    return read(model, {**least, **{f"QUEUECAST_{name}": value for name, value in variables.items()}})


def assert_refused(service: str, name: str, value: str) -> None:
    """The value is refused by one line, which begins with the variable."""
    with pytest.raises(SettingsError) as caught:
        settings(service, **{name: value})
    assert str(caught.value).startswith(f"QUEUECAST_{name}: ")
    assert len(str(caught.value).splitlines()) == 1


@both
def test_what_both_agree_on_has_the_promised_defaults(service: str) -> None:
    """Both must be on one bus without being told."""
    made = settings(service)
    assert made.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert made.channel == "socketio"
    assert made.admin_port == 9000


def test_the_gateway_has_the_promised_defaults() -> None:
    """Users depend on them."""
    made = settings("gateway")
    assert made.port == 8000
    assert made.origins is None, "the page's own origin only"
    assert made.transports == ("polling", "websocket")
    assert made.namespaces == ("/",)
    assert made.relay_events == ("item_removed",)
    assert made.recovery_seconds == 120


def test_the_poller_has_the_promised_defaults() -> None:
    """Users depend on them."""
    made = settings("poller")
    assert made.event == "item_added"
    assert made.wait_seconds == 20
    assert made.max_body_bytes == 1_048_576


def test_the_poller_must_be_told_its_queues() -> None:
    """There is no queue that it could guess."""
    with pytest.raises(SettingsError, match="QUEUECAST_QUEUES is missing"):
        read(PollerSettings, {})


def test_queues_are_names_urls_or_arns() -> None:
    """Separated by commas, which none of them has."""
    queues = "orders,https://sqs.eu-west-1.amazonaws.com/1/stock,arn:aws:sqs:eu-west-1:1:prices.fifo"
    assert settings("poller", QUEUES=queues).queues == tuple(queues.split(","))


@both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://localhost"),
        ("CHANNEL", "{a}"),
        ("CHANNEL", "a b"),
        ("STREAM_MAX_RECORDS", "999"),
        ("STREAM_MAX_SECONDS", "9"),
        ("DEDUP_SECONDS", "0"),
        ("ADMIN_PORT", "0"),
        ("ADMIN_PORT", "65536"),
        ("ADMIN_PORT", "http"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_value_names_its_variable(service: str, name: str, value: str) -> None:
    """An operator has to know which line of a manifest to change."""
    assert_refused(service, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("ORIGINS", "example.org"),
        ("ORIGINS", "https://example.org/"),
        ("ORIGINS", "https://example.org?x"),
        ("ORIGINS", "ftp://example.org"),
        ("ORIGINS", "*,https://example.org"),
        ("ORIGINS", "https://*,*"),
        ("ORIGINS", ","),
        ("TRANSPORTS", "carrier-pigeon"),
        ("TRANSPORTS", "websocket,pigeon"),
        ("TRANSPORTS", ","),
        ("NAMESPACES", "shop"),
        ("NAMESPACES", "/a?b"),
        ("NAMESPACES", "/,/board"),
        ("NAMESPACES", ","),
        ("RELAY_EVENTS", "disconnect"),
        ("RELAY_EVENTS", "item_removed,subscribe"),
        ("RELAY_EVENTS", "unsubscribe"),
        ("RELAY_EVENTS", "x" * 257),
        ("MAX_MESSAGE_BYTES", "1"),
        ("MAX_ROOMS", "0"),
        ("GRACEFUL_SECONDS", "-1"),
        ("RECOVERY_SECONDS", "-1"),
        ("RECOVERY_SECONDS", "86401"),
        ("MAX_REPLAY_EVENTS", "0"),
        ("MAX_REPLAY_BYTES", "999"),
        ("HISTORY_BYTES", "0"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "601"),
        ("MAX_CONNECTION_SECONDS", "-1"),
    ],
)
def test_a_bad_value_of_the_gateway_names_its_variable(name: str, value: str) -> None:
    """An operator has to know which line of a manifest to change."""
    assert_refused("gateway", name, value)


@pytest.mark.parametrize(
    ("name", "other", "variables"),
    [
        ("RECOVERY_SECONDS", "STREAM_MAX_SECONDS", {"STREAM_MAX_SECONDS": "160"}),
        ("RECOVERY_SECONDS", "STREAM_MAX_SECONDS", {"RECOVERY_SECONDS": "600", "STREAM_MAX_SECONDS": "600"}),
        (
            "MAX_REPLAY_BYTES",
            "MAX_BUFFERED_BYTES",
            {"MAX_BUFFERED_BYTES": "70000", "MAX_RECORD_BYTES": "69999"},
        ),
        (
            "MAX_BUFFERED_BYTES",
            "MAX_RECORD_BYTES",
            {"MAX_RECORD_BYTES": "4000000", "MAX_BUFFERED_BYTES": "4000000"},
        ),
        ("MAX_REPLAY_BYTES", "MAX_BUFFERED_BYTES", {"MAX_REPLAY_BYTES": "4194304"}),
    ],
)
def test_settings_that_contradict_each_other_are_both_named(
    name: str, other: str, variables: dict[str, str]
) -> None:
    """The defaults too may be what does not fit: whoever sets the one has to hear of the other."""
    with pytest.raises(SettingsError) as caught:
        settings("gateway", **variables)
    assert str(caught.value).startswith(f"QUEUECAST_{name}: ")
    assert f"QUEUECAST_{other}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"RECOVERY_SECONDS": "0", "STREAM_MAX_SECONDS": "10"},
        {"RECOVERY_SECONDS": "120", "STREAM_MAX_SECONDS": "165"},
        {"MAX_BUFFERED_BYTES": "70000", "MAX_REPLAY_BYTES": "69999", "MAX_RECORD_BYTES": "69999"},
    ],
)
def test_settings_that_just_fit_are_taken(variables: dict[str, str]) -> None:
    """What is turned off needs nothing to be kept."""
    assert settings("gateway", **variables)


# Who may connect

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


def assert_mistake(name: str, variables: dict[str, str], *parts: str) -> None:
    """These are refused by one line, which begins with the variable and says this."""
    with pytest.raises(SettingsError) as caught:
        settings("gateway", **variables)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"QUEUECAST_{name}: ")
    for part in parts:
        assert part in line


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
    assert_mistake("AUTH_JWKS_URL", variables, f"QUEUECAST_AUTH=jwt needs one of {keys}, and has {count}")


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
    assert_mistake(
        "AUTH_JWKS_URL", {**auth, name: key}, f"QUEUECAST_{name}", "no use without QUEUECAST_AUTH=jwt"
    )


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


# How many, and how much


def test_limits_have_the_promised_defaults() -> None:
    """Users depend on them."""
    made = settings("gateway")
    assert made.max_connections == 20_000
    assert made.max_connections_per_address == 1_000
    assert made.max_connections_per_identity == 50
    assert made.max_failed_tries == 20
    assert (made.max_events_per_second, made.max_bytes_per_second) == (50, 100_000)
    assert made.trusted_proxies == ()
    assert made.auth_leeway_seconds == 10


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("MAX_CONNECTIONS", "0", "1"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "-1", "0"),
        ("MAX_EVENTS_PER_SECOND", "-1", "0"),
        ("MAX_EVENTS_PER_SECOND", "many", "number"),
        ("MAX_BYTES_PER_SECOND", "-1", "0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "expected 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.internal", "'proxy.internal' is no network"),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.0/104", "expected 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "*", "is no network"),
    ],
)
def test_a_mistake_about_a_limit_is_one_line_with_the_variable(name: str, value: str, part: str) -> None:
    """A network that is not the one that was meant would let anybody say who they are."""
    assert_mistake(name, {name: value}, part)


def test_limits_can_be_turned_off() -> None:
    """Each by itself; what is left is still counted."""
    made = settings("gateway", MAX_EVENTS_PER_SECOND="0", MAX_BYTES_PER_SECOND="0")
    assert made.rates is None
    assert settings("gateway", MAX_EVENTS_PER_SECOND="0").rates == (0, 100_000, 100_000)
    assert settings("gateway", MAX_BYTES_PER_SECOND="0").rates == (50, 0, 100_000)


# What relayed events look like


def test_schemas_are_read_from_a_file(tmp_path: Path) -> None:
    """At the start: a gateway that would let anything through must not begin."""
    path = tmp_path / "schemas.json"
    path.write_text('{"item_removed": {"type": "object"}}')
    made = settings("gateway", RELAY_SCHEMAS=str(path))
    assert made.schemas.mistake("item_removed", ["no object"])
    assert settings("gateway").schemas is NO_SCHEMAS


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ('{"item_removed": {"type": "objct"}}', "item_removed"),
        ('{"item_added": {"type": "object"}}', "item_added"),
    ],
)
def test_a_file_of_schemas_that_is_none_is_a_mistake(tmp_path: Path, content: str | None, part: str) -> None:
    """With the file and what is wrong in it; a schema for what is never relayed is a slip of the pen."""
    path = tmp_path / "schemas.json"
    if content is not None:
        path.write_text(content)
    assert_mistake("RELAY_SCHEMAS", {"RELAY_SCHEMAS": str(path)}, part)


@pytest.mark.parametrize("event", ["refresh", "token_expiring"])
def test_events_of_the_gateways_own_are_not_relayed(event: str) -> None:
    """A browser could tell all others that their tokens end."""
    assert_refused("gateway", "RELAY_EVENTS", event)


def test_a_browser_may_be_as_old_as_its_last_ping() -> None:
    """It is told an offset with each, and its silence is noticed only a while later."""
    made = settings("gateway", RECOVERY_SECONDS="60", PING_INTERVAL_SECONDS="10", PING_TIMEOUT_SECONDS="5")
    assert made.away_seconds == 75


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUES", ","),
        ("QUEUES", "orders,stock,orders"),
        ("EVENT", "disconnect"),
        ("EVENT", "x" * 257),
        ("WAIT_SECONDS", "21"),
        ("WAIT_SECONDS", "-1"),
        ("MAX_RECEIVES", "0"),
        ("MAX_RECEIVES", "65"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_BODY_BYTES", "1048577"),
    ],
)
def test_a_bad_value_of_the_poller_names_its_variable(name: str, value: str) -> None:
    """An operator has to know which line of a manifest to change."""
    assert_refused("poller", name, value)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://example.org", ("https://example.org",)),
        ("http://a.example:8080, https://b.example", ("http://a.example:8080", "https://b.example")),
    ],
)
def test_origins_are_exact_or_all(text: str, origins: tuple[str, ...]) -> None:
    """`*` has to be said in full."""
    assert settings("gateway", ORIGINS=text).origins == origins


def test_an_empty_list_relays_nothing() -> None:
    """A gateway that browsers only listen to is a sensible one."""
    assert settings("gateway", RELAY_EVENTS=",").relay_events == ()


@both
def test_a_setting_of_the_other_service_is_a_mistake(service: str) -> None:
    """In the wrong manifest it would do nothing, unseen."""
    foreign = "PORT" if service == "poller" else "QUEUES"
    with pytest.raises(SettingsError, match=f"QUEUECAST_{foreign} is not a setting of this service"):
        read(SERVICES[service][0], {**SERVICES[service][1], f"QUEUECAST_{foreign}": "8000"})


@both
def test_the_password_of_redis_is_shown_nowhere(service: str) -> None:
    """Settings are logged and printed when something is looked for."""
    made = settings(service, REDIS_URL="redis://:hush@localhost:6379/0")
    assert "hush" not in f"{made!r} {made}"
    with pytest.raises(SettingsError) as caught:
        settings(service, REDIS_URL="redis://:hush@localhost:port")
    assert "hush" not in str(caught.value)


@both
def test_every_setting_says_what_it_is(service: str) -> None:
    """docs/settings.md is made from these sentences."""
    model = SERVICES[service][0]
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@both
def test_settings_do_not_change(service: str) -> None:
    """Threads share them."""
    with pytest.raises(ValueError, match="frozen"):
        settings(service).admin_port = 1
