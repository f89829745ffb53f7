"""What is said of a dead letter: what the poller would do with it now, and nothing that is not known."""

import json
from typing import Any

import pytest
from tests.unit.fakes import message
from tests.unit.test_envelopes import captured

from queuecast_poller.dead_letters import Letter, as_json, as_text, judged
from queuecast_poller.message import Message
from queuecast_poller.route.reading import read_routes
from queuecast_poller.rules import Rules

NOW_MS = 100_000.0
RULES = Rules().with_file(
    read_routes('{"routes": [{"when": "data.sku", "max_age": 5}], "unaddressed": "broadcast"}'), "orders"
)


def letter(one: Message) -> Letter:
    (found,) = judged([one], RULES, NOW_MS)
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
    (captured("s3-test-event.moto.json"), "drop", "s3_test", "would be dropped now: s3_test: S3 tests the"),
    (
        captured("extended-client-python.json"),
        "fetch",
        None,
        "would be fetched first, and is not judged here: its",
    ),
    (message("no json"), "leave", "not_json", "not_json: not JSON"),
]


@pytest.mark.parametrize(
    ("one", "outcome", "reason", "text"), CASES, ids=[f"{case[1]}-{case[2]}" for case in CASES]
)
def test_it_says_what_would_become_of_it(one: Message, outcome: str, reason: str | None, text: str) -> None:
    """Whoever moves back what is dropped, or cannot be fetched, has been told so before."""
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
    """In a dead-letter queue each is there for a fault of its own, or for none."""
    group = [message("no json", group="a"), message("[1]", group="a")]
    assert [each.outcome for each in judged(group, RULES, NOW_MS)] == ["leave", "publish"]
