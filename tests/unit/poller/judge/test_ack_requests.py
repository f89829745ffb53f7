"""Who has to acknowledge a message: its attribute `ack`, or the route's."""

from typing import Any

import pytest
from tests.unit.poller.fakes import message

from queuecast_bus.awaited import AckMode
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.document import BadDocument
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules

ROUTES = """
routes:
  - event: "'order'"
    ack: data.who
"""


def judged(body: str = "7", *, is_on: bool = True, routes: str = "", **details: Any) -> Publish | Leave:
    rules = Rules(acks=is_on)
    if routes:
        rules = rules.with_file(read_routes(routes), "orders")
    (verdict,) = decide([message(body, **details)], rules)
    assert isinstance(verdict, Publish | Leave)
    return verdict


def ack(*arguments: str, **details: Any) -> AckMode | None:
    verdict = judged(*arguments, **details)
    assert isinstance(verdict, Publish), verdict
    return verdict.ack


def test_an_attribute_says_who() -> None:
    """It counts more than the route, as with every other attribute."""
    assert ack() is None
    assert ack(attributes={"event": "e"}) is None
    assert ack(attributes={"ack": "any"}) is AckMode.ANY
    assert ack('{"who":"any"}', attributes={"ack": "all"}, routes=ROUTES) is AckMode.ALL


def test_a_route_says_who() -> None:
    """For producers that cannot set attributes; nothing found means that nobody has to."""
    assert ack('{"who":"all"}', routes=ROUTES) is AckMode.ALL
    assert ack("{}", routes=ROUTES) is None
    assert ack('{"who":false}', routes=ROUTES) is None


@pytest.mark.parametrize(
    "details",
    [
        {"attributes": {"ack": "some"}},
        {"attributes": {"ack": ""}},
        {"attributes": {"Ack": "any"}},
        {"attributes": {"acks": "any"}},
        {"unreadable": ("ack",)},
        {"attributes": {"ack": "any"}, "is_on": False},
        {"unreadable": ("ack",), "is_on": False},
    ],
)
def test_a_wish_that_cannot_be_followed_is_left(details: Any) -> None:
    """Published without it, the message would be deleted although nobody has acknowledged it."""
    verdict = judged(**details)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ADDRESS
    assert "ack" in verdict.detail


def test_a_route_whose_wish_cannot_be_followed_leaves_the_message() -> None:
    """Neither a value that is none, nor a poller that does not wait."""
    verdict = judged('{"who":"some"}', routes=ROUTES)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ROUTE
    assert "expected any or all" in verdict.detail
    verdict = judged('{"who":"any"}', routes=ROUTES, is_on=False)
    assert isinstance(verdict, Leave)
    assert "QUEUECAST_ACK_SECONDS" in verdict.detail


def test_a_volatile_event_is_not_waited_for() -> None:
    """It is for whoever happens to be there; the message would never be acknowledged if nobody is."""
    rules = Rules(acks=True, has_volatile=True)
    (verdict,) = decide([message(attributes={"ack": "any", "volatile": "true"})], rules)
    assert isinstance(verdict, Leave)
    assert verdict.detail.startswith("volatile and ack")


def test_an_attribute_of_the_application_means_nothing() -> None:
    """The routes file says so."""
    routes = "application_attributes: [ack, Ack]\nroutes: [{event: \"'e'\"}]"
    for is_on in (True, False):
        assert ack(attributes={"ack": "42", "Ack": "x"}, routes=routes, is_on=is_on) is None


def test_a_constant_in_a_route_is_checked_when_it_is_read() -> None:
    """A mistake is found at the start, not with the first message."""
    with pytest.raises(BadDocument, match="expected any or all"):
        read_routes(ROUTES.replace("data.who", "\"'both'\""))


def test_there_must_be_room_for_what_browsers_are_told_of_the_message() -> None:
    """A gateway would not send a record that is too large, and nobody could acknowledge it."""
    rules = Rules(acks=True, max_record_bytes=1_000)
    body = '"' + "x" * 900 + '"'
    verdicts = decide([message(body), message(body, attributes={"ack": "any"})], rules)
    assert [type(verdict) for verdict in verdicts] == [Publish, Leave]
