"""The gateway's settings: users depend on their defaults."""

from pathlib import Path

import pytest
from tests.unit.service_settings import assert_mistake, assert_refused, settings

from queuecast_edge.environment import SettingsError
from queuecast_edge.schemas import NO_SCHEMAS


def test_the_gateway_has_the_promised_defaults() -> None:
    """Users depend on them."""
    made = settings("gateway")
    assert made.port == 8000
    assert made.path == "/socket.io", "the stock client's"
    assert made.origins is None, "the page's own origin only"
    assert made.transports == ("polling", "websocket")
    assert made.namespaces == ("/",)
    assert made.relay_events == ("item_removed",)
    assert made.recovery_seconds == 120


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_READ_URL", "http://localhost"),
        ("REDIS_READ_URL", "redis://one,two"),
        ("PORT", "0"),
        ("PATH", "socket.io"),
        ("PATH", "/"),
        ("PATH", "/a b"),
        ("PATH", "/a//b"),
        ("PATH", '/"'),
        ("PATH", "/a?b"),
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
        ("EMITTERS", "python,go"),
        ("EMITTERS", ","),
        ("NAMESPACES", "shop"),
        ("NAMESPACES", "/a?b"),
        ("NAMESPACES", "/,/board"),
        ("NAMESPACES", ","),
        ("RELAY_EVENTS", "disconnect"),
        ("RELAY_EVENTS", "item_removed,subscribe"),
        ("RELAY_EVENTS", "unsubscribe"),
        ("RELAY_EVENTS", "x" * 257),
        ("BOARD_RIGHTS", "view,fire"),
        ("BOARD_LINKS", "Docs"),
        ("BOARD_LINKS", "=https://docs.example"),
        ("BOARD_LINKS", "Docs=javascript:alert(1)"),
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
        ("PORT", "ADMIN_PORT", {"PORT": "9000"}),
        ("PORT", "ADMIN_PORT", {"ADMIN_PORT": "8000"}),
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


@pytest.mark.parametrize("event", ["refresh", "token_expiring"])
def test_events_of_the_gateways_own_are_not_relayed(event: str) -> None:
    """A browser could tell all others that their tokens end."""
    assert_refused("gateway", "RELAY_EVENTS", event)


def test_a_browser_may_be_as_old_as_its_last_ping() -> None:
    """It is told an offset with each, and its silence is noticed only a while later."""
    made = settings("gateway", RECOVERY_SECONDS="60", PING_INTERVAL_SECONDS="10", PING_TIMEOUT_SECONDS="5")
    assert made.away_seconds == 75


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://example.org", ("https://example.org",)),
        ("http://a.example:8080, https://b.example", ("http://a.example:8080", "https://b.example")),
        ("HTTPS://App.example:443, https://*.b.example", ("https://app.example", "https://*.b.example")),
        ("capacitor://localhost, null", ("capacitor://localhost", "null")),
    ],
)
def test_origins_are_exact_or_all(text: str, origins: tuple[str, ...]) -> None:
    """`*` has to be said in full."""
    assert settings("gateway", ORIGINS=text).origins == origins


def test_an_empty_list_relays_nothing() -> None:
    """A gateway that browsers only listen to is a sensible one."""
    assert settings("gateway", RELAY_EVENTS=",").relay_events == ()


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


def test_replicas_have_the_password_in_the_url_or_in_the_file(tmp_path: Path) -> None:
    """With both, one of them would silently be of no use. The refusal shows neither."""
    path = tmp_path / "password"
    path.write_text("hush")
    both = {"REDIS_PASSWORD_FILE": str(path), "REDIS_READ_URL": "redis://user:hush@reader"}
    with pytest.raises(
        SettingsError, match=r"QUEUECAST_REDIS_READ_URL: .*QUEUECAST_REDIS_PASSWORD_FILE"
    ) as error:
        settings("gateway", **both)
    assert "hush" not in str(error.value)
    made = settings("gateway", **{**both, "REDIS_READ_URL": "redis://user@reader"})
    assert made.redis_read_url.get_secret_value() == "redis://user@reader"
    assert "user@reader" not in repr(made)


def test_a_volatile_event_is_one_that_browsers_may_send() -> None:
    """A misspelt name would make an event durable, silently."""
    made = settings("gateway", RELAY_EVENTS="cursor,typing", VOLATILE_RELAY_EVENTS="cursor")
    assert made.volatile_relay_events == ("cursor",)
    wrong = {"RELAY_EVENTS": "cursor", "VOLATILE_RELAY_EVENTS": "curser"}
    assert_mistake("VOLATILE_RELAY_EVENTS", wrong, "'curser' is not in QUEUECAST_RELAY_EVENTS")
