from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_bus.names import MAX_ROOMS
from queuecast_poller.route.address import (
    Address,
    BadAddress,
    _cached_list,
    address,
    check_names,
    correct_spelling,
    room_list,
)

DEFAULT = Address("item_added")

names = st.text(st.characters(exclude_characters=',[{("', exclude_categories=["C"]), min_size=1).filter(
    lambda name: name.strip() and len(name) <= 20
)


def test_without_attributes_everyone_gets_the_default_event() -> None:
    """The promise of the README's first example."""
    assert address({}, DEFAULT) == Address("item_added", "/", ())


def test_attributes_address_a_message() -> None:
    """Event, namespace and rooms, each by itself or together."""
    attributes = {"event": "price", "namespace": "/shop", "rooms": "sku:7,vip"}
    assert address(attributes, DEFAULT) == Address("price", "/shop", ("sku:7", "vip"))


@given(st.lists(names, min_size=1, max_size=MAX_ROOMS))
def test_rooms_are_the_names_between_commas_each_once(rooms: list[str]) -> None:
    """A browser in two of them receives one event, and blanks have no meaning."""
    wanted = tuple(dict.fromkeys(room.strip() for room in rooms))
    assert address({"rooms": " , ".join(rooms)}, DEFAULT).rooms == wanted


@given(st.dictionaries(st.sampled_from(["event", "namespace", "rooms", "x"]), st.text(max_size=30)))
def test_any_attributes_address_somebody_or_are_refused(attributes: Mapping[str, str]) -> None:
    """And an address with rooms never reads as everybody."""
    try:
        where = address(attributes, DEFAULT)
    except BadAddress:
        return
    assert bool(where.rooms) == ("rooms" in attributes)
    assert where.namespace.startswith("/")
    assert where.event


@pytest.mark.parametrize(
    "rooms", ["", " ", ",", "a,", ",a", "a,,b", "x" * 257, ",".join(map(str, range(MAX_ROOMS + 1)))]
)
def test_rooms_that_cannot_all_be_reached_are_refused(rooms: str) -> None:
    """An empty list must not become a broadcast, and no part of a list may be dropped."""
    with pytest.raises(BadAddress, match="room"):
        address({"rooms": rooms}, DEFAULT)


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"event": ""}, "event"),
        ({"event": "disconnect"}, "reserved"),
        ({"event": "x" * 257}, "event"),
        ({"namespace": ""}, "namespace"),
        ({"namespace": "shop"}, "namespace"),
        ({"namespace": "/a,b"}, "namespace"),
        ({"namespace": "/a?b"}, "namespace"),
        ({"namespace": "/" + "x" * 256}, "namespace"),
    ],
)
def test_an_address_that_does_not_exist_is_refused_with_the_reason(
    attributes: Mapping[str, str], word: str
) -> None:
    """The log has the reason and the message's id."""
    with pytest.raises(BadAddress, match=word):
        address(attributes, DEFAULT)


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ('["sku:7","sku:8"]', ("sku:7", "sku:8")),
        (' [ "a" , " b " ] ', ("a", "b")),
        ('["a",1,1.50,-2]', ("a", "1", "1.50", "-2")),
        ('["a","a"]', ("a",)),
        ("42", ("42",)),
        ("[7]", ("7",)),
        ("9007199254740993", ("9007199254740993",)),
        ("sku:7;sku:8", ("sku:7;sku:8",)),
    ],
)
def test_rooms_are_read_in_every_form_in_which_software_writes_a_list(
    text: str, rooms: tuple[str, ...]
) -> None:
    """A JSON list as text was once taken for one room, with nobody in it; SNS writes its
    `String.Array` so.
    """
    assert address({"rooms": text}, DEFAULT).rooms == rooms


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "[sku:7]",
        "['sku:7', 'sku:8']",
        '["a"',
        '["a",]',
        '["a",null]',
        '["a",true]',
        '["a",["b"]]',
        '[{"room":"a"}]',
        '["a,b"]',
        '[""]',
        "[Infinity]",
        '{"rooms":["a"]}',
        '"sku:7"',
        "('a', 'b')",
        "a\nb",
        "a\tb",
        'a,["b"]',
        'a,"b"',
        "[" * 100_000,
    ],
)
def test_what_looks_like_a_list_and_is_none_is_refused(text: str) -> None:
    """It would be a room with nobody in it: published, deleted, and seen by nobody."""
    with pytest.raises(BadAddress, match="room") as refusal:
        address({"rooms": text}, DEFAULT)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("room", "rooms"),
        ("Rooms", "rooms"),
        ("ROOMS", "rooms"),
        ("Room", "rooms"),
        ("Event", "event"),
        ("events", "event"),
        ("EVENTS", "event"),
        ("namespaces", "namespace"),
        ("Namespace", "namespace"),
        ("nameSpace", "namespace"),
    ],
)
def test_a_name_that_is_missed_by_case_or_number_is_refused_with_the_right_one(name: str, right: str) -> None:
    """`room=sku:7` once went to every browser."""
    for names, unreadable in ([name], ()), ([], (name,)):
        with pytest.raises(BadAddress, match=f"'{name}': did you mean '{right}'"):
            check_names(names, unreadable)


@pytest.mark.parametrize("name", ["event", "rooms", "namespace", "bedroom", "chatrooms", "eventId", "s", ""])
def test_other_names_are_the_applications_own(name: str) -> None:
    """Most messages have some."""
    assert correct_spelling(name) is None
    check_names([name], ())


def test_a_name_that_the_application_uses_itself_is_let_pass() -> None:
    """The operator has listed it."""
    check_names(["Event"], ("Rooms",), application_attributes={"Event", "Rooms"})
    with pytest.raises(BadAddress, match="Event"):
        check_names(["Event"], (), application_attributes={"Rooms"})


@pytest.mark.parametrize("event", ["token_expiring", "queuecast:offset", "queuecast:"])
def test_the_queue_may_not_say_what_only_the_gateway_says(event: str) -> None:
    """A browser would take it for the gateway's event."""
    with pytest.raises(BadAddress, match="gateway"):
        address({"event": event}, DEFAULT)


def test_what_attributes_leave_open_is_as_the_default_says() -> None:
    """Each part by itself."""
    default = Address("price", "/shop", ("a",))
    assert address({}, default) == default
    assert address({"event": "sale"}, default) == Address("sale", "/shop", ("a",))
    assert address({"rooms": "b"}, default) == Address("price", "/shop", ("b",))
    assert address({"namespace": "/", "other": "x"}, default) == Address("price", "/", ("a",))


def test_a_list_that_is_long_is_not_kept() -> None:
    """Senders choose its content, so the cache is bounded in bytes too. A short one is parsed only once."""
    _cached_list.cache_clear()
    long = "a" * 120 + ",b,c,d,e,f"
    assert room_list(long) == room_list(long)
    assert _cached_list.cache_info().currsize == 0
    assert room_list("sku:7,sku:8") is room_list("sku:7,sku:8")
    assert _cached_list.cache_info().currsize == 1
