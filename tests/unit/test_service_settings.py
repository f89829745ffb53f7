"""The settings of both services: their defaults are promised in design.md, section 5."""

from typing import Any

import pytest
from pydantic import BaseModel

from queuecast_edge.environment import SettingsError, read
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
    assert made.max_body_bytes == 262_144


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
        ("MAX_REPLAY_BYTES", "MAX_BUFFERED_BYTES", {"MAX_BUFFERED_BYTES": "70000"}),
        ("MAX_REPLAY_BYTES", "MAX_BUFFERED_BYTES", {"MAX_REPLAY_BYTES": "1048576"}),
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
        {"MAX_BUFFERED_BYTES": "70000", "MAX_REPLAY_BYTES": "69999"},
    ],
)
def test_settings_that_just_fit_are_taken(variables: dict[str, str]) -> None:
    """What is turned off needs nothing to be kept."""
    assert settings("gateway", **variables)


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
