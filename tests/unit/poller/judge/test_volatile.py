"""Volatile messages: those with the attribute `volatile`, if that counts, and those of some routes."""

from typing import Any

import pytest
from tests.unit.poller.fakes import message

from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules


def judged(*, on: bool = True, routes: str = "", **details: Any) -> Publish | Leave:
    rules = Rules(has_volatile=on)
    if routes:
        rules = rules.with_file(read_routes(routes, "routes.yaml"), "orders")
    (verdict,) = decide([message('{"x":7,"typing":true}', **details)], rules)
    assert isinstance(verdict, Publish | Leave)
    return verdict


def is_volatile(**details: Any) -> bool:
    verdict = judged(**details)
    assert isinstance(verdict, Publish), verdict
    return verdict.record.volatile


@pytest.mark.parametrize("text", ["true", "True", "1", "false", "0", " false "])
def test_an_attribute_says_so(text: str) -> None:
    """It counts more than the route, as every other attribute does."""
    expected = text.strip() in ("true", "True", "1")
    assert is_volatile(attributes={"volatile": text}) is expected
    assert is_volatile(attributes={"volatile": text}, routes="routes: [{volatile: true}]") is expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("volatile: true", True),
        ("volatile: false", False),
        ("volatile: data.typing", True),
        ("volatile: data.none", False),
        ("rooms: '''a'''", False),
    ],
)
def test_a_route_says_so(route: str, expected: bool) -> None:
    """By itself or by an expression, also while the attribute does not count."""
    for on in (True, False):
        assert is_volatile(on=on, routes=f"routes: [{{{route}}}]") is expected


def test_while_the_attribute_does_not_count_it_means_nothing() -> None:
    """An application's own attribute of that name must not make its messages disappear."""
    assert not is_volatile(on=False, attributes={"volatile": "true"})
    assert not is_volatile(on=False, attributes={"volatile": "mercury"})
    assert not is_volatile(on=False, unreadable=("volatile",))
    own = "application_attributes: [volatile]"
    assert not is_volatile(routes=own, attributes={"volatile": "mercury"})


@pytest.mark.parametrize(
    "details",
    [{"attributes": {"volatile": "maybe"}}, {"attributes": {"volatile": ""}}, {"unreadable": ("volatile",)}],
)
def test_an_attribute_that_says_neither_is_left(details: Any) -> None:
    """Whoever is away would miss the message, or would not, against the sender's will."""
    verdict = judged(**details)
    assert isinstance(verdict, Leave)
    assert (verdict.reason, verdict.detail) == (
        Reason.BAD_ADDRESS,
        "attribute volatile: expected true or false",
    )
