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
        ("ACK_SECONDS", "-1"),
        ("ACK_SECONDS", "301"),
        ("MAX_AWAITED", "0"),
        ("HOLD_SECONDS", "39601"),
        ("MAX_HELD", "0"),
        ("HOLD_EXPIRED", "keep"),
        ("HOLD_QUEUE", "later"),
    ],
)
def test_a_bad_value_of_the_poller_names_its_variable(name: str, value: str) -> None:
    """An operator has to know which line of a manifest to change."""
    assert_refused("poller", name, value)


def test_held_messages_are_forwarded_to_a_queue_of_their_own() -> None:
    """One that is polled would send them back, and without one nobody knows where to."""
    made = settings("poller", HOLD_EXPIRED="forward", HOLD_QUEUE="later")
    assert made.hold_queue == "later"
    for queue, text in (("orders", "circle"), ("a b", "'a b'"), (None, "together")):
        given = {} if queue is None else {"HOLD_QUEUE": queue}
        with pytest.raises(SettingsError, match=text) as caught:
            settings("poller", HOLD_EXPIRED="forward", **given)
        assert str(caught.value).startswith("QUEUECAST_HOLD_QUEUE: ")
