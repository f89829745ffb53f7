"""What routes make of a message."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.poller.captured import captured
from tests.unit.poller.fakes import message
from tests.unit.poller.json_values import json_values

from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.message import Message


def verdict_on(one: Message, text: str, **environment: Any) -> Any:
    rules = Rules(**environment).with_file(read_routes(text), "orders")
    (verdict,) = decide([one], rules)
    return verdict


def published(one: Message, text: str, **environment: Any) -> Publish:
    verdict = verdict_on(one, text, **environment)
    assert isinstance(verdict, Publish), verdict
    return verdict


def left(one: Message, text: str, reason: Reason, **environment: Any) -> str:
    verdict = verdict_on(one, text, **environment)
    assert isinstance(verdict, Leave), verdict
    assert verdict.reason is reason
    return verdict.detail


def test_a_route_addresses_what_eventbridge_sends() -> None:
    """Its messages cannot have attributes."""
    routes = """
    routes:
      - when: eventbridge.source == 'shop.orders'
        event: eventbridge."detail-type"
        rooms: join(':', ['order', to_string(data.id)])
        data: "{id: data.id}"
    """
    for name in ("eventbridge-event.localstack.json", "eventbridge-event.moto.json"):
        record = published(captured(name), routes).record
        assert (record.event, record.rooms, record.arguments) == ("OrderPlaced", ("order:7",), b'[{"id":7}]')
    left(captured("eventbridge-in-sns.localstack.json"), routes, Reason.NO_ROUTE)


def test_a_route_addresses_what_s3_sends() -> None:
    """Its messages cannot have attributes either."""
    routes = """
    routes:
      - when: s3.bucket == 'shop' && starts_with(s3.eventName, 'ObjectCreated:')
        event: "'file_added'"
        rooms: data.Records[*].s3.bucket.name
        data: "{keys: data.Records[*].s3.object.key}"
    """
    record = published(captured("s3-put-odd-key.moto.json"), routes).record
    assert (record.event, record.rooms) == ("file_added", ("shop",))
    assert json.loads(record.arguments) == [{"keys": ["a b+c/é.txt"]}]
    left(captured("s3-delete.localstack.json"), routes, Reason.NO_ROUTE)


def test_the_first_route_that_matches_wins() -> None:
    """In the order of the file, the queue's own routes first."""
    routes = """
    routes:
      - {when: data.kind == 'b', event: "'second'"}
      - {event: "'third'"}
    queues:
      orders: {routes: [{when: data.kind == 'a', event: "'first'"}]}
    """
    for kind, event in (("a", "first"), ("b", "second"), ("c", "third")):
        assert published(message(json.dumps({"kind": kind})), routes).record.event == event


def test_message_attributes_come_before_what_a_route_says() -> None:
    """Each by itself: a sender who names rooms means them."""
    routes = "routes: [{event: \"'e'\", namespace: \"'/n'\", rooms: ['data.room']}]"
    record = published(message('{"room": "a"}', attributes={"rooms": "b"}), routes).record
    assert (record.event, record.namespace, record.rooms) == ("e", "/n", ("b",))
    record = published(message('{"room": "a"}', attributes={"event": "x", "namespace": "/"}), routes).record
    assert (record.event, record.namespace, record.rooms) == ("x", "/", ("a",))
    assert published(message("{}", attributes={"rooms": "b"}), routes).record.rooms == ("b",)


@pytest.mark.parametrize(("name", "value"), [("event", "x"), ("namespace", "/n"), ("rooms", "b")])
def test_what_an_attribute_says_is_not_asked_of_a_route(name: str, value: str) -> None:
    """The message need not have what the route's expression would look for."""
    record = published(message("{}", attributes={name: value}), f"routes: [{{{name}: data.nothing}}]").record
    address = {"event": record.event, "namespace": record.namespace, "rooms": ",".join(record.rooms)}
    assert address[name] == value


def test_without_a_projection_the_data_goes_on_byte_by_byte() -> None:
    """A route that only addresses changes nothing else."""
    assert (
        published(message('{ "a" : 1.0 }'), "routes: [{event: \"'e'\"}]").record.arguments
        == b'[{ "a" : 1.0 }]'
    )


def test_everything_that_an_expression_can_look_at_is_there() -> None:
    """As the docs list it."""
    text = """
    routes:
      - event: "'e'"
        data: >-
          {data: data, attributes: attributes, envelopes: envelopes, topic: sns.TopicArn, queue: queue,
          message: message, none: cloudevents}
    """
    one = captured("sns-notification-subject-attributes.moto.json", id="m", group="g", receives=2, sent_ms=5)
    (found,) = json.loads(published(one, text).record.arguments)
    assert found["data"]["id"] == 7
    assert found["attributes"]["rooms"] == "sku:7"
    assert (found["envelopes"], found["queue"], found["none"]) == (["sns"], "orders", None)
    assert found["topic"].endswith(":orders")
    assert found["message"] == {"id": "m", "group": "g", "receives": 2, "sent_ms": 5}


def test_a_routes_age_and_latest_go_with_the_verdict() -> None:
    """Later steps need them."""
    one = message('{"sku": 7, "ttl": 30}')
    verdict = published(one, "routes: [{max_age: 60, latest: data.sku}]")
    assert (verdict.max_age_seconds, verdict.latest) == (60, "7")
    verdict = published(one, "routes: [{max_age: data.ttl, latest: data.none}]")
    assert (verdict.max_age_seconds, verdict.latest) == (30, None)
    assert published(one, "routes: [{max_age: data.none}]").max_age_seconds is None


# What is left


@pytest.mark.parametrize(
    ("route", "word"),
    [
        ("rooms: data.none", "rooms: data.none finds nothing"),
        ("rooms: '[data.a, data.none]'", "not a name"),
        ("rooms: ['data.a', 'data.none']", "data.none finds nothing"),
        ("rooms: data.empty", "finds nothing"),
        ("rooms: data", "not a name"),
        ("rooms: data.comma", "comma"),
        ("event: data.none", "event: data.none finds nothing"),
        ("event: data.number", "'7', expected text"),
        ("event: data.reserved", "reserved"),
        ("event: data.gateways", "gateway"),
        ("namespace: data.none", "namespace"),
        ("namespace: data.a", "slash"),
    ],
)
def test_an_address_that_a_route_does_not_find_is_never_a_broadcast(route: str, word: str) -> None:
    """The log names the route, and what it found."""
    body = {
        "a": "x",
        "empty": [],
        "comma": "a,b",
        "number": 7,
        "reserved": "disconnect",
        "gateways": "queuecast:x",
    }
    detail = left(message(json.dumps(body)), f"routes: [{{{route}}}]", Reason.BAD_ADDRESS)
    assert "routes[0]" in detail
    assert word in detail


@pytest.mark.parametrize(
    ("route", "word"),
    [
        ("when: \"contains(data.none, 'x')\", event: \"'e'\"", "when: "),
        ("data: data.none", "data.none finds nothing"),
        ("data: 'sum(data.text)'", "data: "),
        ("max_age: data.text", "expected seconds"),
        ("max_age: data.negative", "expected seconds"),
        ("latest: data.list", "expected text or a number"),
    ],
)
def test_a_route_that_cannot_be_applied_leaves_the_message(route: str, word: str) -> None:
    """An error in a condition does so too: the next route might be for everyone."""
    body = json.dumps({"text": "x", "negative": -1, "list": [1]})
    text = f"routes: [{{{route}}}, {{event: \"'public'\"}}]" if "when" in route else f"routes: [{{{route}}}]"
    assert word in left(message(body), text, Reason.BAD_ROUTE)


def test_what_no_route_matches_is_left_unless_something_addresses_it() -> None:
    """A wrong condition must not show to everyone what was for some."""
    routes = "routes: [{when: data.a, event: \"'e'\"}]"
    assert "no route matches" in left(message("{}"), routes, Reason.NO_ROUTE)
    assert published(message("{}", attributes={"event": "x"}), routes).record.rooms == ()
    assert published(message("{}", attributes={"rooms": "a"}), routes).record.rooms == ("a",)
    assert published(message("{}"), f"unaddressed: broadcast\n{routes}").record.event == "item_added"
    left(message("{}", attributes={"event": "x"}), f"unaddressed: leave\n{routes}", Reason.UNADDRESSED)


def test_a_route_without_rooms_says_that_a_message_is_for_everyone() -> None:
    """A route that sets no address does not."""
    everyone, nobody = "routes: [{event: \"'e'\"}]", "routes: [{max_age: 60}]"
    assert published(message("{}"), everyone, broadcasts=False).record.rooms == ()
    left(message("{}"), nobody, Reason.UNADDRESSED, broadcasts=False)
    assert published(message("{}"), nobody).record.event == "item_added"


def test_data_is_held_to_the_schema_of_its_event() -> None:
    """Pages rely on it, whoever sends the message."""
    schemas = "schemas: {price: {type: object, required: [eur]}}"
    attributes = {"event": "price"}
    assert published(message('{"eur": 3}', attributes=attributes), schemas)
    assert published(message("{}"), schemas).record.event == "item_added"
    assert "'eur'" in left(message("{}", attributes=attributes), schemas, Reason.BAD_PAYLOAD)
    projected = f"{schemas}\nroutes: [{{event: \"'price'\", data: '{{eur: data.cents}}'}}]"
    assert published(message('{"cents": 300}'), projected).record.arguments == b'[{"eur":300}]'


def test_what_a_route_makes_is_bounded_too() -> None:
    """A projection can repeat the data and nest it."""
    twice = "routes: [{data: '[data, data]'}]"
    assert published(message('"xxx"'), twice)
    left(message(json.dumps("x" * 400)), twice, Reason.TOO_LARGE, max_record_bytes=500)
    deep = "[" * 99 + "]" * 99
    assert "nested" in left(message(deep), "routes: [{data: '[[[data]]]'}]", Reason.NOT_JSON)


def test_other_names_are_the_applications_own_where_the_file_says_so() -> None:
    """For one queue, or for all."""
    one = message("{}", attributes={"Event": "x"})
    left(one, "", Reason.BAD_ADDRESS)
    assert published(one, "application_attributes: [Event]")
    assert published(one, "queues: {orders: {application_attributes: [Event]}}")


def test_envelopes_can_stay_on_for_one_queue() -> None:
    """An audit view may need them."""
    one = captured("sns-notification.moto.json")
    assert (
        published(one, "queues: {orders: {envelopes: none}}").record.arguments
        == b"[" + one.body.encode() + b"]"
    )
    assert published(one, "envelopes: none\nqueues: {orders: {envelopes: auto}}").record.arguments != one.body


ROUTES = """
schemas: {e: {type: [object, array]}}
routes:
  - {when: data.a, event: data.a, rooms: data.b, data: data.c, max_age: data.d, latest: data.d}
  - {when: "contains(data.b, 'x')", rooms: "data.c[*].d"}
  - {event: "'e'", rooms: [attributes.x, "join('-', data.a)"]}
"""


@given(
    st.dictionaries(st.sampled_from("abcd"), json_values) | json_values,
    st.dictionaries(st.sampled_from(["event", "rooms", "x"]), st.text(max_size=5)),
)
def test_any_message_gets_a_verdict_from_routes(body: Any, attributes: dict[str, str]) -> None:
    """Judging never raises, and a message for some rooms is never for everyone."""
    verdict = verdict_on(message(json.dumps(body), attributes=attributes), ROUTES)
    assert isinstance(verdict, Publish | Leave)
    if isinstance(verdict, Publish):
        assert verdict.record.rooms, "each of these routes names some"
