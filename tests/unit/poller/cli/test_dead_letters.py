"""What the command reports of a dead letter: what the poller would do with it now, and nothing it cannot
know.
"""

import json
from typing import Any

import pytest
from tests.unit.poller.captured import captured
from tests.unit.poller.fakes import message

from queuecast_poller.cli.dead_letters import Letter, as_json, as_text, judge_each
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message

NOW_MS = 100_000.0
RULES = Rules(payload_buckets={"big"}).with_file(
    read_routes('{"routes": [{"when": "data.sku", "max_age": 5}], "unaddressed": "broadcast"}'), "orders"
)


def letter(one: Message) -> Letter:
    (found,) = judge_each([one], RULES, NOW_MS)
    return found


def price(age_ms: int) -> Message:
    return message('{"sku": 7}', sent_ms=int(NOW_MS) - age_ms)


CASES = [
    (price(5_000), "publish", None, "would be published now"),
    (
        price(5_001),
        "drop",
        "too_old",
        "would be dropped now: too_old: older than 5 s; moved back, it counts as new",
    ),
    (
        captured("s3-test-event.moto.json"),
        "drop",
        "s3_test",
        "would be dropped now: s3_test: a test notification",
    ),
    (
        captured("extended-client-python.json"),
        "fetch",
        None,
        "would be fetched first, which this command does not do: its",
    ),
    (
        captured("extended-client-java.json"),
        "leave",
        "no_payload",
        "the bucket is not one that may be read (QUEUECAST_PAYLOAD_BUCKETS)",
    ),
    (message("no json"), "leave", "not_json", "not_json: not JSON"),
]


@pytest.mark.parametrize(
    ("one", "outcome", "reason", "text"), CASES, ids=[f"{case[1]}-{case[2]}" for case in CASES]
)
def test_it_says_what_would_become_of_it(one: Message, outcome: str, reason: str | None, text: str) -> None:
    """Before operators move messages back, they know which would be dropped or cannot be judged."""
    found = letter(one)
    line, total = as_text("orders", [found], 1)
    assert text in line
    published = int(outcome == "publish")
    assert total == f"queue orders: 1 dead letters, {published} of which would be published now"
    shown: dict[str, Any] = json.loads(next(as_json("orders", [found])))
    assert (shown["outcome"], shown["reason"]) == (outcome, reason)
    assert shown["message_id"] == one.id
    assert shown["detail"] in line


def test_what_follows_a_bad_one_in_its_group_has_nothing_wrong_with_it() -> None:
    """In a dead-letter queue each message is judged by itself."""
    group = [message("no json", group="a"), message("[1]", group="a")]
    assert [each.outcome for each in judge_each(group, RULES, NOW_MS)] == ["leave", "publish"]


def test_it_says_that_no_gateway_serves_the_namespace() -> None:
    """Moved back, such a message would come again: the operator has to configure the gateways first."""
    one = message("1", attributes={"namespace": "/shop"})
    (found,) = judge_each([one], RULES, NOW_MS, is_served=lambda name: name != "/shop")
    assert (found.reason, found.detail) == ("bad_address", "no gateway serves the namespace '/shop'")
