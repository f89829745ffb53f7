"""Messages that are commands: which are valid, and that nothing else of them reaches a browser."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.fakes import message

from queuecast_bus.command import Command, Target, Verb, read_command
from queuecast_bus.names import COMMAND_NAMESPACE, SESSION_PREFIX
from queuecast_bus.record import Address
from queuecast_poller.judge.command_message import COMMAND
from queuecast_poller.judge.message_judge import _namespace, decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason, Verdict
from queuecast_poller.route.rules import Rules

ON = Rules(commands=True)
OWN = SESSION_PREFIX + 20 * "a"


def judged(verb: str, body: Any, rules: Rules = ON, **attributes: str) -> Verdict:
    text = body if isinstance(body, str) else json.dumps(body)
    (verdict,) = decide([message(text, attributes={COMMAND: verb, **attributes}, sent_ms=7)], rules)
    return verdict


def assert_refused(verdict: Verdict, says: str) -> None:
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_COMMAND
    assert verdict.permanent
    assert says in verdict.detail


@pytest.mark.parametrize(
    ("verb", "body", "attributes", "expected"),
    [
        ("disconnect", {"user": "ann"}, {}, Command(Verb.DISCONNECT, "/", Target.USER, "ann")),
        (
            "join",
            {"room": "vip", "rooms": ["sku:7", "sku:8", "sku:7"]},
            {"namespace": "/shop"},
            Command(Verb.JOIN, "/shop", Target.ROOM, "vip", ("sku:7", "sku:8")),
        ),
        ("leave", {"room": OWN, "rooms": ["a"]}, {}, Command(Verb.LEAVE, "/", Target.ROOM, OWN, ("a",))),
    ],
)
def test_a_command_is_a_record_for_the_gateways(
    verb: str, body: Any, attributes: dict[str, str], expected: Command
) -> None:
    """Like an event it is stored before its message is deleted, but it reaches no browser."""
    verdict = judged(verb, body, **attributes)
    assert isinstance(verdict, Publish)
    assert verdict.record.namespace == COMMAND_NAMESPACE
    assert read_command(Address(verdict.record.namespace, verdict.record.rooms)) == expected
    assert verdict.record.sent_ms == 7
    assert _namespace(verdict.record) == expected.namespace


def test_commands_are_off_unless_they_are_switched_on() -> None:
    """Otherwise any sender to the queue could end everybody's sessions. It is left, never shown as an
    event.
    """
    assert_refused(judged("disconnect", {"user": "ann"}, Rules()), "QUEUECAST_COMMANDS")


def test_a_command_for_a_namespace_that_nobody_serves_waits() -> None:
    """Like an event."""
    one = message('{"user":"ann"}', attributes={COMMAND: "disconnect", "namespace": "/shop"})
    (verdict,) = decide([one], ON, is_served=lambda namespace: namespace == "/")
    assert isinstance(verdict, Leave)
    assert (verdict.reason, verdict.permanent) == (Reason.BAD_ADDRESS, False)


@pytest.mark.parametrize(
    ("verb", "body", "attributes", "says"),
    [
        ("promote", {"user": "ann"}, {}, "expected one of disconnect, join, leave"),
        ("Disconnect", {"user": "ann"}, {}, "expected one of"),
        ("disconnect", ["ann"], {}, "expected an object"),
        ("disconnect", {}, {}, "either a user or a room"),
        ("disconnect", {"user": "ann", "room": "vip"}, {}, "either a user or a room"),
        ("disconnect", {"user": ""}, {}, "user: expected 1 to 256 bytes"),
        ("disconnect", {"user": 7}, {}, "user: expected"),
        ("disconnect", {"user": 257 * "x"}, {}, "user: expected"),
        ("disconnect", {"user": "\ud800"}, {}, "user: expected"),
        ("disconnect", {"room": "a,b"}, {}, "without comma"),
        ("disconnect", {"user": "ann", "rooms": ["a"]}, {}, "a disconnect has none"),
        ("disconnect", {"user": "ann", "reason": "spam"}, {}, "'reason' is not part of a command"),
        ("disconnect", {"user": "ann"}, {"rooms": "a"}, "attribute rooms: not allowed on a command"),
        ("disconnect", {"user": "ann"}, {"event": "a"}, "attribute event: not allowed on a command"),
        ("disconnect", {"user": "ann"}, {"namespace": "shop"}, "expected a slash"),
        ("join", {"user": "ann"}, {}, "rooms: expected the rooms to join"),
        ("join", {"user": "ann", "rooms": []}, {}, "rooms: expected the rooms to join"),
        ("leave", {"user": "ann", "rooms": "a"}, {}, "rooms: expected the rooms to leave"),
        ("join", {"user": "ann", "rooms": ["a", 7]}, {}, "rooms: expected"),
        ("join", {"user": "ann", "rooms": [OWN]}, {}, "a session's id is not a room"),
        ("join", {"user": "ann", "rooms": [f"{n}" for n in range(101)]}, {}, "101 of them, at most 100"),
    ],
)
def test_what_cannot_be_understood_is_left(
    verb: str, body: Any, attributes: dict[str, str], says: str
) -> None:
    """The log says what was expected."""
    assert_refused(judged(verb, body, **attributes), says)


@pytest.mark.parametrize("name", ["Queuecast.Command", "queuecast.commands", "QUEUECAST.user"])
def test_another_spelling_of_the_attribute_is_no_event(name: str) -> None:
    """Its body names a user, and would be shown to everyone."""
    (verdict,) = decide([message('{"user":"ann"}', attributes={name: "disconnect"})], ON)
    assert_refused(verdict, "did you mean 'queuecast.command'?")


@pytest.mark.parametrize("rules", [ON, Rules()], ids=["on", "off"])
def test_a_binary_attribute_is_no_command_and_no_event(rules: Rules) -> None:
    """Nor is it an event."""
    (verdict,) = decide([message('{"user":"ann"}', unreadable=(COMMAND,))], rules)
    assert_refused(verdict, "")


@given(
    st.dictionaries(
        st.sampled_from([COMMAND, "Queuecast.command", "rooms", "namespace"]), st.text(max_size=12)
    ),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["user", "room", "rooms", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
def test_no_command_reaches_a_browser_valid_or_not(attributes: dict[str, str], body: Any) -> None:
    """Judging never raises, and what it publishes is for the gateways only."""
    named = {"queuecast.command": "join", **attributes}
    (verdict,) = decide([message(json.dumps(body), attributes=named)], ON)
    assert isinstance(verdict, Leave) or (
        isinstance(verdict, Publish) and verdict.record.namespace == COMMAND_NAMESPACE
    )
