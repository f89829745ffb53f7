"""What a person may send from the live board."""

import json
from typing import Any

import pytest

from queuecast_gateway.board.sending import (
    MAX_BODY_BYTES,
    MAX_COUNT,
    Sending,
    read_queue_sending,
    read_requests,
    read_sending,
)
from queuecast_gateway.wire.protocol import Refusal


def test_a_request_names_event_rooms_data_and_count() -> None:
    """Everybody and once, if it does not say."""
    assert read_sending({"event": "e", "data": 1}) == Sending("e", (), 1, 1)
    whole = {"event": "e", "rooms": ["a", "b"], "data": {"id": 1}, "count": 3}
    assert read_sending(whole) == Sending("e", ("a", "b"), {"id": 1}, 3)
    assert read_sending({"event": "e", "data": None}).data is None


def test_of_many_each_has_an_id_of_its_own() -> None:
    """A board shows items by their ids."""
    many = Sending("e", (), {"id": "x", "title": "y"}, 2)
    assert [many.data_of(number) for number in (1, 2)] == [
        {"id": "x-1", "title": "y"},
        {"id": "x-2", "title": "y"},
    ]
    assert Sending("e", (), {"id": "x"}, 1).data_of(1) == {"id": "x"}
    assert Sending("e", (), [1], 2).data_of(2) == [1]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (None, "bad_payload"),
        ([], "bad_payload"),
        ({"event": "e"}, "bad_payload"),
        ({"data": 1}, "bad_payload"),
        ({"event": 7, "data": 1}, "bad_payload"),
        ({"event": "", "data": 1}, "bad_payload"),
        ({"event": "disconnect", "data": 1}, "bad_payload"),
        ({"event": "token_expiring", "data": 1}, "bad_payload"),
        ({"event": "queuecast:offset", "data": 1}, "bad_payload"),
        ({"event": "e", "data": 1, "rooms": "a"}, "bad_room"),
        ({"event": "e", "data": 1, "rooms": [7]}, "bad_room"),
        ({"event": "e", "data": 1, "rooms": ["a"] * 101}, "bad_room"),
        ({"event": "e", "data": 1, "rooms": [""]}, "bad_payload"),
        ({"event": "e", "data": 1, "rooms": ["a,b"]}, "bad_payload"),
        ({"event": "e", "data": 1, "count": 0}, "bad_payload"),
        ({"event": "e", "data": 1, "count": MAX_COUNT + 1}, "bad_payload"),
        ({"event": "e", "data": 1, "count": 1.5}, "bad_payload"),
        ({"event": "e", "data": 1, "count": True}, "bad_payload"),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_refused(wrong: Any, code: str) -> None:
    """Before anything is published."""
    with pytest.raises(Refusal) as caught:
        read_sending(wrong)
    assert caught.value.code == code


def test_a_message_for_a_queue_has_its_address_as_attributes() -> None:
    """As any producer would send it."""
    whole = {"queue": "q", "event": "e", "rooms": ["a", "b"], "data": {"id": 1}, "ack": "all", "hold": 60}
    sending = read_queue_sending(whole)
    assert json.loads(sending.to_text()) == {
        "queue": "q",
        "body": '{"id": 1}',
        "attributes": {"event": "e", "rooms": "a,b", "ack": "all", "hold": "60"},
    }
    plain = read_queue_sending({"queue": "q", "event": "e", "data": None})
    assert (plain.body, plain.attributes) == ("null", {"event": "e"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"queue": None},
        {"data": ...},
        {"event": "disconnect"},
        {"rooms": "a"},
        {"rooms": ["a,b"]},
        {"ack": "some"},
        {"ack": []},
        {"hold": "60"},
        {"hold": 0},
        {"hold": True},
        {"hold": 43_201},
        {"hold": float("nan")},
        {"data": "x" * MAX_BODY_BYTES},
    ],
)
def test_what_no_poller_could_send_is_refused_at_once(wrong: dict[str, Any]) -> None:
    """Or somebody waits for nothing."""
    request = {"queue": "q", "event": "e", "data": 1, **wrong}
    request = {name: value for name, value in request.items() if value is not ...}
    with pytest.raises(Refusal):
        read_queue_sending(request)


def test_earlier_requests_are_named_by_their_ids() -> None:
    """There is nothing to guess."""
    assert read_requests(["0" * 32]) == ["0" * 32]
    for wrong in (None, "0" * 32, [7], ["x"], ["0" * 32] * 21):
        with pytest.raises(Refusal):
            read_requests(wrong)
