"""How long a message is held while nobody is there: its attribute `hold`, or the route's."""

from typing import Any

import pytest
from tests.unit.poller.fakes import message

from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.document import BadDocument
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules

MOST = 3_600
ROUTES = """
routes:
  - event: "'order'"
    hold: data.seconds
"""


def judged(body: str = "7", *, most: float = MOST, routes: str = "", **details: Any) -> Publish | Leave:
    rules = Rules(hold_seconds=most)
    if routes:
        rules = rules.with_file(read_routes(routes), "orders")
    (verdict,) = decide([message(body, **details)], rules)
    assert isinstance(verdict, Publish | Leave)
    return verdict


def hold(*arguments: str, **details: Any) -> float | None:
    verdict = judged(*arguments, **details)
    assert isinstance(verdict, Publish), verdict
    return verdict.hold


def test_an_attribute_says_how_long() -> None:
    """It counts more than the route, as with every other attribute."""
    assert hold() is None
    assert hold(attributes={"hold": "60"}) == 60
    assert hold(attributes={"hold": "0.5"}) == 0.5
    assert hold(attributes={"hold": " True "}) == MOST
    assert hold('{"seconds":30}', attributes={"hold": "60"}, routes=ROUTES) == 60


def test_a_route_says_how_long() -> None:
    """By an expression or as a number; nothing found means that the message is not held."""
    assert hold('{"seconds":30}', routes=ROUTES) == 30
    assert hold("{}", routes=ROUTES) is None
    assert hold(routes=ROUTES.replace("data.seconds", "90")) == 90


@pytest.mark.parametrize(
    "details",
    [
        *({"attributes": {"hold": text}} for text in ("", "0", "-1", "soon", "nan", "3601", "false")),
        {"unreadable": ("hold",)},
        {"attributes": {"hold": "60"}, "most": 0},
        {"body": '{"seconds":30}', "routes": ROUTES, "most": 0},
        {"body": '{"seconds":4000}', "routes": ROUTES},
    ],
)
def test_a_wish_that_cannot_be_followed_is_left(details: Any) -> None:
    """Published at once, the message might reach nobody."""
    verdict = judged(**details)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ADDRESS
    assert "hold" in verdict.detail


@pytest.mark.parametrize("value", ['"soon"', "0", "-1", "true", "[1]"])
def test_a_route_that_finds_no_time_leaves_the_message(value: str) -> None:
    """Nothing is guessed."""
    verdict = judged(f'{{"seconds":{value}}}', routes=ROUTES)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ROUTE


def test_an_attribute_of_the_application_means_nothing() -> None:
    """The routes file says so."""
    routes = "application_attributes: [hold]\nroutes: [{event: \"'e'\"}]"
    assert hold(attributes={"hold": "x"}, routes=routes) is None


@pytest.mark.parametrize("number", ["0", "40000"])
def test_a_number_in_a_route_is_checked_when_it_is_read(number: str) -> None:
    """A mistake is found at the start, not with the first message."""
    with pytest.raises(BadDocument, match="expected a number above 0, up to 39600"):
        read_routes(ROUTES.replace("data.seconds", number))
