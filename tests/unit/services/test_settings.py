"""The settings that both services have, and what holds for every setting."""

from pathlib import Path

import pytest
from tests.unit.service_settings import SERVICES, assert_refused, both, settings

from queuecast_edge.environment import SettingsError, read


@both
def test_what_both_agree_on_has_the_promised_defaults(service: str) -> None:
    """Both must be on one bus without being told."""
    made = settings(service)
    assert made.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert made.channel == "socketio"
    assert made.admin_port == 9000


@both
@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "needs the user"),
        ({"REDIS_URL": "redis://user:hush@h"}, "QUEUECAST_REDIS_URL has a password, too"),
        ({"REDIS_URL": "redis://user@h", "REDIS_PASSWORD_FILE": "FILE"}, "PASSWORD_FILE is set, too"),
        ({"REDIS_URL": "redis://user@h", "REDIS_IAM": "shop"}, "expected KIND:NAME"),
        ({"REDIS_URL": "redis://user@h", "AWS_REGION": ""}, "set AWS_REGION"),
    ],
)
def test_tokens_of_iam_are_the_only_password(
    service: str, more: dict[str, str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two, one of them would silently be of no use."""
    (tmp_path / "password").write_text("hush")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", more.get("AWS_REGION", "eu-central-1"))
    given = {name: value.replace("FILE", str(tmp_path / "password")) for name, value in more.items()}
    given.pop("AWS_REGION", None)
    with pytest.raises(SettingsError, match=f"QUEUECAST_REDIS_IAM: .*{why}") as error:
        settings(service, **{"REDIS_IAM": "elasticache:shop", **given})
    assert "hush" not in str(error.value)


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
