"""The key of a message, of which rooms keep the newest: an attribute, or the route's `latest`."""

from typing import Any

import pytest
from tests.unit.poller.fakes import message

from queuecast_bus.names import MAX_BYTES
from queuecast_poller.judge.decision import decide
from queuecast_poller.judge.verdict import Leave, Publish, Reason
from queuecast_poller.route.reading import read_routes
from queuecast_poller.route.rules import Rules

ROUTES = """
routes:
  - rooms: data.sku
    latest: data.id
"""


def judged(*, keeps: bool = True, routes: str = "", **details: Any) -> Publish | Leave:
    rules = Rules(keeps_latest=keeps)
    if routes:
        rules = rules.with_file(read_routes(routes, "routes.yaml"), "orders")
    (verdict,) = decide([message('{"id":7,"sku":"a"}', **details)], rules)
    assert isinstance(verdict, Publish | Leave)
    return verdict


def key(**details: Any) -> str | None:
    verdict = judged(**details)
    assert isinstance(verdict, Publish), verdict
    return verdict.record.key


def test_an_attribute_is_the_key() -> None:
    """It counts more than the route, as with every other attribute."""
    assert key(attributes={"key": "x"}) == "x"
    assert key(attributes={"key": "x"}, routes=ROUTES) == "x"


def test_a_route_names_the_key() -> None:
    """The same by which it finds the newest message of a backlog."""
    assert key(routes=ROUTES) == "7"
    verdict = judged(routes=ROUTES)
    assert isinstance(verdict, Publish)
    assert verdict.latest == "7"


def test_without_either_there_is_none() -> None:
    """Most messages are no state."""
    assert key() is None


def test_while_nothing_is_kept_there_is_none() -> None:
    """An application's own attribute `key` means nothing here before the setting is made."""
    assert key(keeps=False, attributes={"key": "x" * 1_000}, routes=ROUTES) is None
    assert key(keeps=False, unreadable=("key",)) is None


@pytest.mark.parametrize("details", [{"attributes": {"key": "é" * MAX_BYTES}}, {"unreadable": ("key",)}])
def test_a_key_that_is_none_is_left(details: Any) -> None:
    """Published without it, the message would be missing where the newest is shown."""
    verdict = judged(**details)
    assert isinstance(verdict, Leave)
    assert verdict.reason is Reason.BAD_ADDRESS
    assert verdict.detail.startswith(("key", "attribute key"))
