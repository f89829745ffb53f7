import pytest

from queuecast_bus.names import (
    MAX_BYTES,
    BadName,
    check_event,
    check_joinable,
    check_namespace,
    check_published_event,
    check_room,
    is_session_id,
)

RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
RESERVED.append("__disconnect_final")


@pytest.mark.parametrize("name", ["item_added", "a", "x" * MAX_BYTES, "ü" * 128, "a b", "Connect"])
def test_an_event_has_almost_any_name(name: str) -> None:
    """Applications choose names."""
    assert check_event(name) == name


@pytest.mark.parametrize("name", ["", "x" * (MAX_BYTES + 1), "x" + "ü" * 128, *RESERVED])
def test_an_event_that_no_client_could_tell_from_its_own_is_refused(name: str) -> None:
    """A browser's `disconnect` handler must run when it is disconnected, not when somebody sends that
    event.
    """
    with pytest.raises(BadName, match="event"):
        check_event(name)


@pytest.mark.parametrize("name", ["/", "/shop", "/a/b", "/" + "x" * (MAX_BYTES - 1)])
def test_a_namespace_begins_with_a_slash(name: str) -> None:
    """Socket.IO requires it."""
    assert check_namespace(name) == name


@pytest.mark.parametrize(
    "name", ["", "shop", "/a,b", "/a?b", "/" + "x" * MAX_BYTES, "/" + "ü" * 128, "queuecast:probe"]
)
def test_a_namespace_that_a_packet_cannot_carry_is_refused(name: str) -> None:
    """In a packet a comma ends it and a question mark begins a query; and nobody may join the probe's."""
    with pytest.raises(BadName, match="namespace"):
        check_namespace(name)


@pytest.mark.parametrize("name", ["a", "sku:7", "x" * MAX_BYTES, "😀" * 64, " a "])
def test_a_room_has_almost_any_name(name: str) -> None:
    """Applications choose names."""
    assert check_room(name) == name


@pytest.mark.parametrize("name", ["", " ", "a,b", "x" * (MAX_BYTES + 1), "😀" * 64 + "x", "é" * MAX_BYTES])
def test_a_room_that_no_message_could_address_is_refused(name: str) -> None:
    """A comma separates rooms in a message's attribute, and the length is counted in bytes."""
    with pytest.raises(BadName, match="room"):
        check_room(name)


@pytest.mark.parametrize("name", ['["a"]', "{a}", '"a"', " [a", "["])
def test_a_room_whose_name_begins_like_json_is_refused(name: str) -> None:
    """It is an unparsed list: a browser that joins it would wait for ever."""
    with pytest.raises(BadName, match="JSON"):
        check_room(name)


@pytest.mark.parametrize("name", ["token_expiring", "queuecast:offset", "disconnect", ""])
def test_an_application_publishes_no_event_of_the_gateways_own(name: str) -> None:
    """A browser would take it for the gateway's."""
    with pytest.raises(BadName, match="event"):
        check_published_event(name)
    assert check_published_event("queuecast") == "queuecast"


def test_a_long_name_does_not_fill_the_log() -> None:
    """A refused name comes from outside and is shown in our log."""
    with pytest.raises(BadName) as refusal:
        check_event("x" * 1_000_000)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("name", ["sid:AAAAAAAAAAAAAAAAAAA1", "sid:-_-_-_-_-_-_-_-_-_-_"])
def test_the_id_of_a_session_is_an_address_that_nobody_joins(name: str) -> None:
    """Its form decides: no replica knows the sessions of all others, or those that are disconnected."""
    assert is_session_id(name)
    assert check_room(name) == name, "a message may be for it"
    with pytest.raises(BadName, match="session"):
        check_joinable(name)


@pytest.mark.parametrize(
    "name", ["sid:", "sid:7", "sid:AAAAAAAAAAAAAAAAAAA", "sid:AAAAAAAAAAAAAAAAAAA12", "SID:x"]
)
def test_a_room_may_look_somewhat_like_a_session(name: str) -> None:
    """Applications choose names."""
    assert not is_session_id(name)
    assert check_joinable(name) == name
