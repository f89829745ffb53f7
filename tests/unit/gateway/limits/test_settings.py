"""Settings that say how many, and how much."""

import pytest
from tests.unit.service_settings import assert_mistake, settings


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
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.internal", "'proxy.internal' is not a network"),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.0/104", "expected 10.0.0.0/8"),
        ("TRUSTED_PROXIES", "*", "is not a network"),
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
