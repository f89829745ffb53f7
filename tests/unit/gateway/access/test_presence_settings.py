"""Settings that say who may be asked about, and how much of it there may be."""

import pytest
from tests.unit.service_settings import assert_mistake, settings


def test_presence_is_off_by_default() -> None:
    """It costs nothing then, and nobody is told anything."""
    assert not settings("gateway").has_presence
    assert settings("gateway", PRESENCE_ROOMS="chat:*,lobby").has_presence
    assert settings("gateway", PRESENCE_NAMESPACES="true").has_presence


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PRESENCE_ROOMS", ",", "an empty list names no room"),
        ("PRESENCE_ROOMS", "*:chat", "`*` may only stand at the end"),
        ("PRESENCE_SECONDS", "0", "0.5"),
        ("MAX_PRESENCE_ROOMS", "0", "1"),
        ("MAX_PRESENCE_USERS", "-1", "0"),
        ("PRESENCE_BYTES", "1000", "1048576"),
        ("MAX_PRESENCE_EVENT_BYTES", "1", "256"),
    ],
)
def test_a_mistake_is_one_line_with_the_variable(name: str, value: str, part: str) -> None:
    """A pattern in the middle of a name would match nothing, silently."""
    assert_mistake(name, {name: value}, part)
