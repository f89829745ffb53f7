"""What a routes file may contain, and every mistake with its place."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_poller.route.address import Address
from queuecast_poller.route.document import MAX_DEPTH, BadDocument, read_document
from queuecast_poller.route.loading import load_routes
from queuecast_poller.route.model import Route, RoutesFile, queue_name
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules

WHOLE = """
application_attributes: [Event]
schemas:
  price: {type: object, required: [eur]}
routes:
  - name: orders
    when: eventbridge.source == 'shop.orders'
    event: eventbridge."detail-type"
    namespace: "'/shop'"
    rooms: ["join(':', ['sku', data.sku])", "'vip'"]
    data: "{id: data.id}"
    max_age: 60
    latest: data.sku
queues:
  orders:
    event: order
    envelopes: none
    unaddressed: leave
    receives: 4
    rate: 100
    routes:
      - {event: "'first'"}
"""


def mistakes(text: str, *queues: str) -> list[str]:
    """Return the mistakes that are reported."""
    with pytest.raises(BadDocument) as caught:
        read_routes(text, queues or None)
    return [f"{each.line}:{each.column} {each.path}: {each.text}" for each in caught.value.mistakes]


def test_a_file_says_what_holds_for_all_queues_and_for_each() -> None:
    """Its own routes come first."""
    file = read_routes(WHOLE, ["https://sqs.eu-west-1.amazonaws.com/1/orders", "prices"])
    rules = Rules(default=Address("item_added"), max_body_bytes=5)
    orders = rules.with_file(file, "https://sqs.eu-west-1.amazonaws.com/1/orders")
    assert orders.queue == "orders"
    assert (orders.default, orders.unwraps, orders.broadcasts) == (Address("order"), False, False)
    assert (orders.receives, orders.rate, orders.max_body_bytes) == (4, 100, 5)
    assert [route.place for route in orders.routes] == ["queues.orders.routes[0]", "routes[0]"]
    prices = rules.with_file(file, "prices")
    assert (prices.default, prices.unwraps, prices.broadcasts) == (Address("item_added"), True, True)
    assert (prices.receives, prices.rate, prices.application_attributes) == (None, None, {"Event"})
    assert [str(route) for route in prices.routes] == ["routes[0] (orders)"]
    route = prices.routes[0]
    assert route.max_age_seconds == 60
    assert route.rooms is not None
    assert [room.is_constant for room in route.rooms] == [False, True]
    assert len(prices.schemas) == 1


def test_two_queues_with_two_events_are_one_poller() -> None:
    """Without any route."""
    file = read_routes("queues: {orders: {event: order}, prices: {event: price}}", ["orders", "prices"])
    assert [Rules().with_file(file, name).default.event for name in ("orders", "prices")] == [
        "order",
        "price",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "routes: []"])
def test_an_empty_file_changes_nothing(text: str) -> None:
    """Somebody may mount it before there is anything to configure."""
    assert Rules().with_file(read_routes(text), "orders") == Rules(queue="orders")


def test_a_file_may_be_json() -> None:
    """As programs write it: with tabs, escapes, and surrogate pairs."""
    text = '{\n\t"routes": [\n\t\t{"when": "data.a == \'\\ud83e\\uded6\\/\'", "event": "\'e\'"}\n\t]\n}'
    (route,) = read_routes(text).all_queues.routes
    assert route.when is not None
    assert route.when.text == "data.a == '🫖/'"
    assert mistakes('{\n"routes": [\n{"evnt": "x"}]}')[0].startswith(
        "3:10 routes[0].evnt: 'evnt' is not known"
    )
    assert mistakes('{"routes": [}') == ["1:13 : not JSON: Expecting value"]


def test_words_that_yaml_once_took_for_others_are_text() -> None:
    """A rule for `no` or `12:30` means what it looks like, and so does the key `on`."""
    node = read_document(
        "on: no\nat: 12:30\nsize: 0o7\nis: true\nnone: null\ncount: -7\npart: 1.5e3\nday: 2026-11-29"
    )
    assert node.plain() == {
        "on": "no",
        "at": "12:30",
        "size": "0o7",
        "is": True,
        "none": None,
        "count": -7,
        "part": 1500.0,
        "day": "2026-11-29",
    }


def test_every_mistake_is_reported_with_its_place() -> None:
    """All at once: an operator should not have to start the poller ten times."""
    text = """routes:
  - when: data.kind ==
    event: price
    rooms: "'a,b'"
  - {evnt: "'x'"}
queues:
  oders: {receives: 0, rate: fast, envelopes: some}
schemas:
  price: {type: strin}
"""
    found = mistakes(text, "orders")
    assert [each.partition(": ")[0] for each in found] == [
        "2:11 routes[0].when",
        "3:12 routes[0].event",
        "4:12 routes[0].rooms",
        "5:12 routes[1].evnt",
        "7:10 queues.oders",
        "7:21 queues.oders.receives",
        "7:30 queues.oders.rate",
        "7:47 queues.oders.envelopes",
        "9:10 schemas.price",
    ]
    assert "did you mean event?" in found[3]
    assert "QUEUECAST_QUEUES: orders" in found[4]


@pytest.mark.parametrize(
    ("route", "word"),
    [
        ("event: price", "no part 'price'"),
        ("event: detail.kind", "no part 'detail'"),
        ("event: \"'disconnect'\"", "reserved"),
        ("event: \"'queuecast:x'\"", "gateway"),
        ("event: '`7`'", "expected text"),
        ("event: 7", "expected a JMESPath expression"),
        ("event: data.", "not JMESPath: Expecting"),
        ("event: 'data ||'", "Incomplete expression"),
        ("event: lower(data.kind)", "no function lower()"),
        ("event: join(data.kind)", "join() takes 2 arguments, not 1"),
        ("event: not_null()", "at least 1"),
        ("event: data.kind | foo(@)", "no function foo()"),
        ("namespace: \"'shop'\"", "slash"),
        ("namespace: '`[]`'", "expected text"),
        ("rooms: []", "list is empty"),
        ("rooms: '`[]`'", "list is empty"),
        ("rooms: ['`[\"a\"]`']", "not a name"),
        ("rooms: \"'a,b'\"", "comma"),
        ("rooms: 'sku:7'", "not JMESPath"),
        ("rooms: [sku]", "no part 'sku'"),
        ("max_age: 0", "number above 0"),
        ("max_age: true", "number above 0"),
        ("max_age: [1]", "number above 0"),
        ("name: only a name", "the route sets nothing"),
        ("{event: data.a, evnt: data.b}", "'evnt'"),
        ("a text", "expected an object"),
    ],
)
def test_what_could_only_fail_later_is_a_mistake_now(route: str, word: str) -> None:
    """Later would be at night, at the first message that matches."""
    (found,) = mistakes(f"routes:\n  - {route}\n")
    assert word in found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("routes: 7", "1:9 routes: expected a list"),
        ("queues: [orders]", "queues: expected an object"),
        ("unaddressed: maybe", "broadcast or leave"),
        ("event: disconnect", "reserved"),
        ("application_attributes: [7]", "expected text"),
        ("rotes: []", "did you mean routes?"),
        ("routes:\n  - event: data.a\n  - event: data.b", "never tried: routes[0]"),
        ("a: 1\na: 2", "2:1 a: duplicate key, first on line 1"),
        ('{"routes": [], "routes": []}', "duplicate key"),
        ("? [a]\n: 1", "a key must be text"),
        ("x: &a {y: 1}\nz: {<<: *a}", "a key must be text"),
        ("x: !!python/object:os.system {}", "not understood"),
        ("x: !secret y", "not understood"),
        ("a: [1", "not YAML"),
        ("a: \t- b", "not YAML"),
        ("a: \x00", "not YAML"),
        ("[" * 2_000, "nested deeper"),
        ("x: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper"),
        ("schemas: {token_expiring: {}}", "gateway"),
        ("- a", "expected an object"),
    ],
)
def test_a_document_that_is_none_is_refused_with_its_place(text: str, word: str) -> None:
    """Whatever is in the file, the poller reports what is wrong with it."""
    assert any(word in each for each in mistakes(text)), mistakes(text)


def test_a_small_file_cannot_become_a_large_document() -> None:
    """Aliases of aliases would fill the memory."""
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 50)}]" for i in range(1, 5)]
    assert any("more than" in each for each in mistakes("\n".join(lines)))
    assert any("nested deeper" in each for each in mistakes("a: &a [*a]"))


@given(st.text(max_size=80) | st.recursive(st.none() | st.text(max_size=8), st.lists).map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Another exception would end a poller whose file somebody edits."""
    with contextlib.suppress(BadDocument):
        assert isinstance(read_routes(text), RoutesFile)


def test_a_mistake_names_the_file(tmp_path: Path) -> None:
    """In the form that editors and CI link to."""
    path = tmp_path / "routes.yaml"
    path.write_text("routes:\n  - event: price\n", "utf-8")
    with pytest.raises(
        ValueError, match=r"routes\.yaml:2:12: routes\[0\]\.event: a message has no part 'price'"
    ):
        load_routes(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"routes\.yaml: not UTF-8"):
        load_routes(str(path))
    with pytest.raises(ValueError, match=r"nowhere\.yaml: No such file"):
        load_routes(str(tmp_path / "nowhere.yaml"))
    path.write_bytes(b"\xef\xbb\xbfevent: price")
    assert load_routes(str(path)).all_queues.event == "price"


@pytest.mark.parametrize(
    "name", ["orders", "arn:aws:sqs:eu-west-1:1:orders", "https://sqs.eu-west-1.amazonaws.com/1/orders"]
)
def test_a_queue_is_known_by_its_name(name: str) -> None:
    """However `QUEUECAST_QUEUES` names it."""
    assert queue_name(name) == "orders"
    assert read_routes("queues: {orders: {event: order}}", [name]).settings_of(name).event == "order"


def test_a_route_without_a_name_is_known_by_its_place() -> None:
    """In the log."""
    assert str(Route("routes[3]")) == "routes[3]"
