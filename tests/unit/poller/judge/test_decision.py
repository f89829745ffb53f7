import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.fakes import message
from tests.unit.poller.json_values import json_values

from queuecast_bus import Record
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason, Verdict
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message
from queuecast_poller.unwrap.strict_json import MAX_DEPTH

MAX_BODY = 1_000


def verdicts(*messages: Message, max_receive_count: int | None = None) -> list[Verdict]:
    return decide(messages, Rules(max_body_bytes=MAX_BODY), max_receive_count=max_receive_count)


def published(one: Message) -> Record:
    (verdict,) = verdicts(one)
    assert isinstance(verdict, Publish), verdict
    assert verdict.message is one
    return verdict.record


def assert_left(one: Message, reason: Reason, word: str = "") -> None:
    """The message is left, for this reason, with a detail for the log."""
    (verdict,) = verdicts(one)
    assert isinstance(verdict, Leave), verdict
    assert verdict.message is one
    assert verdict.reason is reason
    assert word in verdict.detail
    assert verdict.detail


def reasons(found: Iterable[Verdict]) -> list[Reason | None]:
    return [verdict.reason if isinstance(verdict, Leave) else None for verdict in found]


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


# What is published


def test_a_message_becomes_the_record_of_one_event() -> None:
    """Its body is the event's only argument."""
    assert published(message('{"id":7}', sent_ms=5)) == Record("item_added", b'[{"id":7}]', sent_ms=5)


def test_attributes_address_the_record() -> None:
    """Only the named rooms receive it."""
    attributes = {"event": "price", "namespace": "/shop", "rooms": "a,b"}
    assert published(message("3", attributes=attributes)) == Record("price", b"[3]", "/shop", ("a", "b"))


@pytest.mark.parametrize(
    "body",
    [
        '{ "b" : 1,\n "a": 1.0 }',
        '"Krüger 🫖"',
        r'"\u00fc\ud83e"',
        "  [1]  ",
        "null",
        "1e3",
        '{"a":1,"a":2}',
        "-0",
    ],
)
def test_a_body_goes_on_byte_by_byte(body: str) -> None:
    """Decoded and encoded again it could lose order, precision or spelling, which somebody may have
    signed.
    """
    assert published(message(body)).arguments == b"[" + body.encode() + b"]"


@given(json_values, st.booleans())
def test_any_json_reaches_the_gateway_as_it_is(value: Any, ascii_only: bool) -> None:
    """Whatever the sender's language writes."""
    body = json.dumps(value, ensure_ascii=ascii_only)
    one = message(body)
    (verdict,) = decide([one], Rules(max_body_bytes=1_000_000))
    assert isinstance(verdict, Publish)
    assert json.loads(verdict.record.arguments) == [value]


@pytest.mark.parametrize(("receives", "redelivered"), [(1, False), (2, True), (5, True)])
def test_a_record_says_whether_its_message_had_been_handed_out_before(
    receives: int, redelivered: bool
) -> None:
    """The time that it then spent on the queue is not ours, and is measured separately."""
    assert published(message(receives=receives)).redelivered is redelivered


# What is left


@pytest.mark.parametrize("body", ["", "hello", "{'a':1}", '{"a":1', "[1],[2]", "1 2", "1,2", "\ufeff1", "01"])
def test_a_message_that_is_not_json_is_left_for_the_dead_letter_queue(body: str) -> None:
    """`1,2` between brackets would even read as two arguments."""
    assert_left(message(body), Reason.NOT_JSON)


@pytest.mark.parametrize("body", ["NaN", "[Infinity]", '{"a":-Infinity}', "1e999", "[-1e400]"])
def test_a_number_that_browsers_cannot_read_is_left(body: str) -> None:
    """The gateway would send `Infinity`, on which a browser's parser fails and closes the connection."""
    assert_left(message(body), Reason.NOT_JSON)


@pytest.mark.parametrize("body", [nested(MAX_DEPTH), '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH])
def test_what_every_parser_can_read_is_published(body: str) -> None:
    """Up to the limit, with the brackets counted."""
    assert published(message(body)).arguments == b"[" + body.encode() + b"]"


def test_many_brackets_beside_each_other_are_not_deep() -> None:
    """A long list of small items is an ordinary message."""
    assert published(message(json.dumps([[]] * (MAX_DEPTH + 5))))
    assert published(message(json.dumps("[" * (MAX_DEPTH + 5))))


@pytest.mark.parametrize(
    "body",
    [nested(MAX_DEPTH + 1), nested(400), '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1)],
)
def test_what_a_parser_further_on_could_not_read_is_left(body: str) -> None:
    """The gateway would have to skip it after it was deleted from the queue."""
    assert_left(message(body), Reason.NOT_JSON, "nested")


def test_a_bomb_of_brackets_is_left() -> None:
    """Python's own parser fails with an error that is not a ValueError."""
    body = nested(100_000)
    (verdict,) = decide([message(body)], Rules(max_body_bytes=len(body)))
    assert reasons([verdict]) == [Reason.NOT_JSON]


def test_a_body_is_measured_in_bytes() -> None:
    """Redis and sockets carry bytes: 400 emoji are 1,600 of them."""
    published(message('"' + "x" * (MAX_BODY - 2) + '"'))
    assert_left(message('"' + "x" * (MAX_BODY - 1) + '"'), Reason.TOO_LARGE, "1001 bytes")
    assert_left(message('"' + "🫖" * 250 + '"'), Reason.TOO_LARGE)


def test_an_altered_body_is_left() -> None:
    """SQS sends an MD5 with it; a body that does not match is not what the sender sent."""
    assert_left(message("1", body_md5="0" * 32), Reason.ALTERED, "MD5")


def test_a_message_with_altered_attributes_is_left() -> None:
    """With other `rooms` than its sender's it would reach the wrong recipients."""
    assert_left(message("1", attributes_altered=True), Reason.ALTERED, "attributes")


@pytest.mark.parametrize("body_md5", ["", message("1").body_md5.upper(), message("2").body_md5])
def test_no_other_sum_passes_for_the_bodys(body_md5: str) -> None:
    """Not even an empty one: what cannot be checked is not published."""
    assert_left(message("1", body_md5=body_md5), Reason.ALTERED)


@pytest.mark.parametrize(
    "attributes",
    [
        {"event": "disconnect"},
        {"event": "connect_error"},
        {"event": ""},
        {"namespace": "shop"},
        {"rooms": "a,,b"},
    ],
)
def test_a_message_with_a_bad_address_is_left(attributes: dict[str, str]) -> None:
    """It would reach nobody, or the wrong recipients."""
    assert_left(message(attributes=attributes), Reason.BAD_ADDRESS)


@pytest.mark.parametrize("rooms", ["", " ", ",", " , "])
def test_a_message_for_no_room_is_never_a_broadcast(rooms: str) -> None:
    """A sender whose list is empty meant nobody, not everybody."""
    assert_left(message(attributes={"rooms": rooms}), Reason.BAD_ADDRESS, "room")


def test_an_attribute_that_is_no_text_is_left() -> None:
    """Ignoring a binary `rooms` would make a broadcast."""
    assert_left(message(unreadable=("rooms",)), Reason.BAD_ADDRESS, "rooms")


@pytest.mark.parametrize(
    "attributes",
    [{"event": "\ud800"}, {"rooms": "\ud800"}, {"namespace": "/\ud800"}],
    ids=lambda names: next(iter(names)),
)
def test_a_name_that_is_no_utf8_is_left(attributes: dict[str, str]) -> None:
    """Publishing would raise something other than `BusUnavailable`, which ends the loop at each
    redelivery.
    """
    assert_left(message(attributes=attributes), Reason.BAD_ADDRESS)


def test_a_message_for_no_room_can_be_left() -> None:
    """If nothing is for everyone, a missing address is a mistake."""
    private = Rules(broadcasts=False)
    for attributes in ({}, {"event": "price"}, {"namespace": "/"}):
        (verdict,) = decide([message(attributes=attributes)], private)
        assert isinstance(verdict, Leave)
        assert verdict.reason is Reason.UNADDRESSED
    (verdict,) = decide([message(attributes={"rooms": "a"})], private)
    assert isinstance(verdict, Publish)


def test_another_spelling_of_an_attribute_is_left() -> None:
    """It should address the message, and nobody knows to whom."""
    assert_left(message(attributes={"room": "sku:7"}), Reason.BAD_ADDRESS, "'rooms'")
    (verdict,) = decide([message(attributes={"Event": "x"})], Rules(application_attributes={"Event"}))
    assert isinstance(verdict, Publish)


def test_a_namespace_that_no_gateway_serves_is_left() -> None:
    """Otherwise it would be deleted from the queue and shown to nobody."""
    one, other = message(attributes={"namespace": "/nope"}), message()
    bad, good = decide([one, other], Rules(), is_served=lambda namespace: namespace == "/")
    assert isinstance(bad, Leave)
    assert (bad.reason, "/nope" in bad.detail) == (Reason.BAD_ADDRESS, True)
    assert isinstance(good, Publish)


def test_a_confirmation_of_sns_is_left_for_the_operator() -> None:
    """It has a token that no browser may see."""
    body = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders",
        "Message": "You have chosen to subscribe",
        "Timestamp": "2026-11-29T12:58:18.473Z",
        "Token": "secret",
    }
    (verdict,) = decide([message(json.dumps(body))], Rules())
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.CONFIRMATION
    assert "secret" not in verdict.detail


def test_binary_data_is_an_attachment() -> None:
    """That is how Socket.IO carries it."""
    body = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "data_base64": "AP8="}
    record = published(message(json.dumps(body)))
    assert (record.arguments, record.attachments) == (b'[{"_placeholder":true,"num":0}]', (b"\x00\xff",))


# Several messages


def test_verdicts_are_in_the_order_of_the_messages() -> None:
    """Records are stored in this order, and browsers receive them in it."""
    batch = [message(str(number)) for number in range(5)]
    batch[2] = message("no json")
    found = verdicts(*batch)
    assert [verdict.message for verdict in found] == batch
    assert reasons(found) == [None, None, Reason.NOT_JSON, None, None]


def test_what_follows_a_left_message_of_its_group_is_left_too() -> None:
    """FIFO promises order within a group: no message may overtake one that will come back."""
    batch = [
        message("1", group="a"),
        message("bad", group="a"),
        message("2", group="b"),
        message("3", group="a"),
        message("bad", group="a"),
        message("4", group="b"),
    ]
    blocked = Reason.GROUP_BLOCKED
    assert reasons(verdicts(*batch)) == [None, Reason.NOT_JSON, None, blocked, blocked, None]


def test_a_group_goes_on_when_its_left_message_is_dead() -> None:
    """SQS does not deliver it again, so nothing overtakes it. The messages behind it were received as often,
    and would go to the dead-letter queue with it.
    """
    batch = [
        message("bad", group="a", receives=5),
        message("1", group="a", receives=5),
        message("bad", group="a", receives=4),
        message("2", group="a", receives=4),
        message("bad", group="b", receives=4),
        message("3", group="b"),
    ]
    bad, blocked = Reason.NOT_JSON, Reason.GROUP_BLOCKED
    assert reasons(verdicts(*batch, max_receive_count=5)) == [bad, None, bad, blocked, bad, blocked]


def test_without_a_dead_letter_queue_a_group_stays_blocked() -> None:
    """However often its left message has come, it comes again."""
    batch = [message("bad", group="a", receives=1_000), message("1", group="a", receives=1_000)]
    assert reasons(verdicts(*batch)) == [Reason.NOT_JSON, Reason.GROUP_BLOCKED]


def test_a_left_message_without_a_group_blocks_nobody() -> None:
    """A standard queue promises no order; one bad message must not delay all others."""
    assert reasons(verdicts(message("bad"), message("1"), message("2", group="a"))) == [
        Reason.NOT_JSON,
        None,
        None,
    ]


def test_a_group_is_blocked_for_one_receive() -> None:
    """SQS itself holds back a group with messages in flight."""
    verdicts(message("bad", group="a"))
    assert reasons(verdicts(message("1", group="a"))) == [None]


attribute_names = st.sampled_from(["event", "rooms", "namespace", "room", "Event"]) | st.text(max_size=5)


@given(
    st.text(max_size=50) | json_values.map(json.dumps),
    st.dictionaries(attribute_names, st.text(max_size=10) | json_values.map(json.dumps)),
    st.lists(attribute_names, max_size=2),
    st.booleans(),
)
def test_any_message_gets_a_verdict(
    body: str, attributes: dict[str, str], unreadable: list[str], unwraps: bool
) -> None:
    """An exception would end the queue's loop, and the message would come back and end it again."""
    one = message(body, attributes=attributes, unreadable=tuple(unreadable))
    (verdict,) = decide([one], Rules(unwraps=unwraps))
    assert isinstance(verdict, Publish | Leave)
    if isinstance(verdict, Publish):
        assert bool(verdict.record.rooms) == ("rooms" in attributes)


def test_what_no_gateway_would_deliver_is_left_for_the_dead_letter_queue() -> None:
    """A record's size includes its address; a hundred long rooms are larger than a short body."""
    rooms = ",".join(f"{number}:{'r' * 90}" for number in range(10))
    one = message("1", attributes={"rooms": rooms})
    (verdict,) = decide([one], Rules(max_record_bytes=500))
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.TOO_LARGE
    (verdict,) = decide([one], Rules(max_record_bytes=2_000))
    assert isinstance(verdict, Publish)


FORGED = "x\n2026-11-30 ERROR forged\x1b[2J\ud800\u2028"


@pytest.mark.parametrize(
    "one",
    [
        message(
            json.dumps(
                ["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": FORGED}]
            )
        ),
        message(json.dumps({"tags": FORGED, "kind": "tagged"})),
        message("1", attributes={"rooms": f'["{FORGED}'}),
    ],
    ids=["pointer", "route", "rooms"],
)
def test_a_detail_is_one_printable_line(one: Message) -> None:
    """It goes to a log and to a terminal, and quotes what any sender may write."""
    routes = read_routes(
        '{"routes": [{"when": "data.kind == \'tagged\' && sum(data.tags) > `1`", "event": "\'a\'"}]}'
    )
    (verdict,) = decide([one], Rules().with_file(routes, "orders"))
    assert isinstance(verdict, Leave)
    assert "forged" in verdict.detail
    assert verdict.detail.isprintable()
