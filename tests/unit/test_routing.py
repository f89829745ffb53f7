from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_poller.routing import MAX_ROOMS, Address, BadAddress, address

names = st.text(st.characters(exclude_characters=","), min_size=1, max_size=20).filter(
    lambda name: name.strip()
)


def test_without_attributes_everyone_gets_the_default_event() -> None:
    """The promise of the README's first example."""
    assert address({}, "item_added") == Address("item_added", "/", ())


def test_attributes_address_a_message() -> None:
    """Event, namespace and rooms, each by itself or together."""
    attributes = {"event": "price", "namespace": "/shop", "rooms": "sku:7,vip"}
    assert address(attributes, "item_added") == Address("price", "/shop", ("sku:7", "vip"))


@given(st.lists(names, min_size=1, max_size=MAX_ROOMS))
def test_rooms_are_the_names_between_commas_each_once(rooms: list[str]) -> None:
    """Who is in two of them gets one event; who writes blanks means none."""
    wanted = tuple(dict.fromkeys(room.strip() for room in rooms))
    assert address({"rooms": " , ".join(rooms)}, "e").rooms == wanted


@given(st.dictionaries(st.sampled_from(["event", "namespace", "rooms", "x"]), st.text(max_size=30)))
def test_any_attributes_address_somebody_or_are_refused(attributes: Mapping[str, str]) -> None:
    """And what names rooms never reads as everybody."""
    try:
        where = address(attributes, "item_added")
    except BadAddress:
        return
    assert bool(where.rooms) == ("rooms" in attributes)
    assert where.namespace.startswith("/")
    assert where.event


@pytest.mark.parametrize(
    "rooms", ["", " ", ",", "a,", ",a", "a,,b", "x" * 257, ",".join(map(str, range(MAX_ROOMS + 1)))]
)
def test_rooms_that_cannot_all_be_reached_are_refused(rooms: str) -> None:
    """An empty list must not become a broadcast; nor may part of a list be dropped."""
    with pytest.raises(BadAddress, match="room"):
        address({"rooms": rooms}, "e")


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
    """The reason is in the log beside the message's id."""
    with pytest.raises(BadAddress, match=word):
        address(attributes, "item_added")
