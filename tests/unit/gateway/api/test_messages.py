"""Reading what a request asks to publish, compared with the API's own description."""

import base64
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from queuecast_bus.command import Verb
from queuecast_edge.schemas import NO_SCHEMAS
from queuecast_gateway.api.commanding import read_command
from queuecast_gateway.api.messages import MEMBERS, Rules, check_key, read_batch, read_message
from queuecast_gateway.api.openapi import description
from queuecast_gateway.api.problems import MAX_FLAWS, Problem

RULES = Rules(max_batch=5, max_record_bytes=100_000, schemas=NO_SCHEMAS, keeps_latest=True)
DOCUMENT = description(RULES.max_batch, 1_000_000)


def fits(schema: str, body: Any) -> bool:
    """Say whether a body has the described form."""
    return bool(
        Draft202012Validator(
            {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
        ).is_valid(body)
    )


def flaws(read: Any, *arguments: Any) -> list[str]:
    """Return where a body is wrong; nothing if it is read."""
    try:
        read(*arguments)
    except Problem as problem:
        return [flaw.pointer for flaw in problem.flaws]
    return []


texts = st.text(st.characters(codec="utf-8"), max_size=5)
values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), texts, st.lists(texts, max_size=2))
names = st.sampled_from(["e", "price", "a,b", "", " ", "\x00", '["a"]', "/", "/shop", "/a?b", "shop"])
events = st.fixed_dictionaries(
    {},
    optional={
        "event": st.one_of(names, values),
        "data": values,
        "args": st.one_of(st.lists(values, max_size=2), values),
        "rooms": st.one_of(st.lists(st.one_of(names, values), max_size=3), values),
        "namespace": st.one_of(names, values),
        "key": st.one_of(names, values),
        "volatile": values,
        "attachments": st.one_of(st.just([]), values),
        "idempotency_key": st.one_of(names, values),
        "Rooms": values,
    },
)


@given(events)
@example({"event": "e", "data": 1, "rooms": ["\u2028"]})
def test_an_event_that_does_not_have_the_described_form_is_refused(body: dict[str, Any]) -> None:
    """The description promises no more than is done. It cannot say all: sizes in bytes, reserved names."""
    if not fits("Event", body):
        assert flaws(read_message, body, RULES, 7)
    if not flaws(read_message, body, RULES, 7):
        assert fits("Event", body)
        record = read_message(body, RULES, 7)
        assert record.rooms or "rooms" not in body, "never a broadcast of what was for rooms"
        assert record.sent_ms == 7


@given(st.one_of(values, st.builds(lambda items: {"messages": items}, st.lists(events, max_size=7))))
def test_a_batch_is_refused_wherever_it_does_not_have_the_described_form(body: Any) -> None:
    """As a whole: none of it is published."""
    if not fits("Batch", body):
        assert flaws(read_batch, body, RULES, 7)
    if not flaws(read_batch, body, RULES, 7):
        assert fits("Batch", body)


commands = st.fixed_dictionaries(
    {},
    optional={
        "user": st.one_of(names, values),
        "room": st.one_of(names, values),
        "rooms": st.one_of(st.lists(st.one_of(names, values), max_size=3), values),
        "namespace": st.one_of(names, values),
        "sid": values,
    },
)


@given(st.sampled_from([Verb.DISCONNECT, Verb.JOIN, Verb.LEAVE]), st.one_of(commands, values))
def test_a_command_that_is_followed_has_the_described_form(verb: Verb, body: Any) -> None:
    """Nobody is disconnected by a mistake that looks like a name."""
    schema = "Disconnect" if verb is Verb.DISCONNECT else "Move"
    if not flaws(read_command, verb, body):
        assert fits(schema, body)


def test_every_member_of_an_event_is_described() -> None:
    """Those who generate a client have no other source."""
    assert set(DOCUMENT["components"]["schemas"]["Event"]["properties"]) == set(MEMBERS)


def test_an_answer_lists_many_flaws_but_not_all() -> None:
    """A batch of a thousand wrong events must not become an answer of a megabyte."""
    rules = RULES._replace(max_batch=1_000)
    with pytest.raises(Problem) as caught:
        read_batch({"messages": [{"evnet": "e"}] * 1_000}, rules, 7)
    assert len(caught.value.body["errors"]) == MAX_FLAWS
    assert len(str(caught.value)) < 200


def test_two_events_of_a_batch_have_two_keys() -> None:
    """The second one would be taken for the first."""
    item = {"event": "e", "data": 1, "idempotency_key": "k"}
    assert flaws(read_batch, {"messages": [item, {**item, "data": 2}]}, RULES, 7) == [
        "#/messages/1/idempotency_key"
    ]


def test_attachments_and_arguments_become_those_of_a_message() -> None:
    """The same record as a binary message of a queue."""
    body = {
        "event": "photo",
        "args": [{"_placeholder": True, "num": 0}, "ä"],
        "attachments": [base64.b64encode(b"\x89PNG").decode()],
    }
    record = read_message(body, RULES, 7)
    assert record.arguments == '[{"_placeholder":true,"num":0},"ä"]'.encode()
    assert record.attachments == (b"\x89PNG",)


@pytest.mark.parametrize(
    ("given_key", "read"), [("k", "k"), ('"k"', "k"), ('"', '"'), ("~" * 255, "~" * 255)]
)
def test_a_key_may_stand_in_quotes(given_key: str, read: str) -> None:
    """As in the draft of the standard; most clients send none."""
    assert check_key(given_key) == read


@pytest.mark.parametrize("key", ["", '""', "a b", "a\n", "é", "x" * 256, 7, None, ["k"]])
def test_a_key_that_could_be_cut_or_confused_is_refused(key: Any) -> None:
    """A space separates a key from the place in its batch."""
    with pytest.raises(ValueError, match="expected 1 to 255 visible characters"):
        check_key(key)
