"""Which fault strikes which request of the emulator. What each does then is in the integration tier."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.faults import BadFault, Faults, Moment, altered


def faults(*wanted: dict[str, Any], roll: float = 0.5) -> Faults:
    there = Faults(lambda: roll)
    there.replace(list(wanted))
    return there


def test_a_fault_strikes_as_often_as_it_was_asked_to_and_says_so() -> None:
    """A test counts on it: the third try is the one that succeeds."""
    there = faults({"action": "DeleteMessageBatch", "kind": "reset_before", "times": 2})
    strikes = [there.strike("DeleteMessageBatch", Moment.BEFORE) is not None for _ in range(4)]
    assert strikes == [True, True, False, False]
    assert there.shown()[0]["struck"] == 2


@pytest.mark.parametrize(("roll", "strikes"), [(0.29, True), (0.3, False)])
def test_chance_decides_where_it_is_asked(roll: float, strikes: bool) -> None:
    """Three of ten, say, for as long as the load goes on."""
    there = faults({"action": "ReceiveMessage", "kind": "reset_before", "chance": 0.3}, roll=roll)
    assert (there.strike("ReceiveMessage", Moment.BEFORE) is not None) == strikes
    assert there.shown()[0]["struck"] == int(strikes)


@pytest.mark.parametrize(
    "action", ["SendMessage", "SendMessageBatch", "CreateQueue", "GetQueueUrl", "GetQueueAttributes"]
)
def test_everything_spares_the_senders_and_the_tests(action: str) -> None:
    """The load must go on while the poller is in trouble."""
    there = faults({"action": "*", "kind": "status", "status": 500})
    assert there.strike(action, Moment.BEFORE) is None
    assert there.strike("ReceiveMessage", Moment.BEFORE) is not None


def test_a_fault_strikes_at_its_moment_only() -> None:
    """A reset after the action must not come before it."""
    there = faults({"action": "ReceiveMessage", "kind": "reset_after", "times": None})
    assert there.strike("ReceiveMessage", Moment.BEFORE) is None
    assert there.strike("ReceiveMessage", Moment.AFTER) is not None


def test_the_first_fault_that_is_not_spent_strikes() -> None:
    """So that a list says what comes after what."""
    there = faults(
        {"action": "ReceiveMessage", "kind": "status", "status": 500, "times": 1},
        {"action": "ReceiveMessage", "kind": "status", "status": 503},
    )
    struck = [there.strike("ReceiveMessage", Moment.BEFORE) for _ in range(3)]
    assert [fault.status for fault in struck if fault] == [500, 503, 503]


def test_everything_strikes_only_what_a_kind_can_strike() -> None:
    """Only a batch has entries that fail, only a receive brings a body to alter."""
    there = faults({"action": "*", "kind": "fail_entries"}, {"action": "*", "kind": "corrupt"})
    assert there.strike("DeleteMessage", Moment.ENTRIES) is None
    assert there.strike("DeleteMessageBatch", Moment.ENTRIES) is not None
    assert there.strike("DeleteMessageBatch", Moment.AFTER) is None
    assert there.strike("ReceiveMessage", Moment.AFTER) is not None


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "hang", "seconds": 1},
        {"action": "*", "kind": "nonsense"},
        {"action": "*", "kind": "hang"},
        {"action": "*", "kind": "status"},
        {"action": "*", "kind": "error", "status": 400},
        {"action": "*", "kind": "delay", "second": 1},
        {"action": "*", "kind": "delay", "seconds": "1"},
        {"action": "*", "kind": "reset_before", "chance": 30},
        {"action": "DeleteMessageBatch", "kind": "corrupt"},
        {"action": "ReceiveMessage", "kind": "fail_entries"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_changes_nothing(wanted: dict[str, Any]) -> None:
    """A test whose fault never strikes would pass for nothing."""
    there = faults({"action": "*", "kind": "reset_before"})
    with pytest.raises(BadFault):
        there.replace([wanted])
    assert [fault["kind"] for fault in there.shown()] == ["reset_before"]


@given(
    st.recursive(st.integers(0) | st.text() | st.booleans(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_an_altered_body_is_another_one_and_still_json(data: Any) -> None:
    """The worst corruption is the one that still parses: only the MD5 tells."""
    body = json.dumps(data)
    assert altered(body) != body
    json.loads(altered(body))
