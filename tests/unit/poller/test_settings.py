"""The poller's settings: users depend on their defaults."""

import pytest
from tests.unit.service_settings import assert_refused, settings

from queuecast_edge.environment import SettingsError, read
from queuecast_poller.settings import Settings as PollerSettings


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
