"""No event that leaves a gateway is refused by a stock client's decoder, wherever its record came from."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.fuzz.campaign import Found
from tests.fuzz.records import ORIGINS, JavaScript, missing, run

from queuecast_gateway.wire import packet

SECONDS = float(os.environ.get("FUZZ_SECONDS", "30")) / 4
SEED = 20_260_101
ROUNDS = 60
"""Of records: far more than a defect of those below needs until it is found."""

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(scope="module")
def javascript() -> Iterator[JavaScript]:
    with JavaScript() as process:
        yield process


def rounds() -> Callable[[], float]:
    """Return a clock by which each round takes a second."""
    return itertools.count().__next__


@pytest.mark.timeout(SECONDS + 120)
def test_no_event_is_refused_by_a_stock_client(javascript: JavaScript) -> None:
    """One that is would cut off all who may see it, and recovery would hand it to them again."""
    counts = run(SECONDS, SEED, javascript)
    print(counts)
    for origin in ORIGINS:
        assert counts[f"{origin.name} sent"] > SECONDS, "hardly anything of it reached a client"
        assert counts[f"{origin.name} refused"] > SECONDS, "hardly anything of it was tried"


def forgets(*_: Any, **__: Any) -> None:
    """Stand in for a check."""


DEFECTS = {
    "attachments": ("queuecast_bus.bounds.check_attachments", forgets),
    "event names": ("queuecast_gateway.wire.packet.check_event", str),
    "long integers": ("queuecast_bus.bounds._has_many_digits", forgets),
}


@pytest.mark.parametrize(("target", "broken"), DEFECTS.values(), ids=DEFECTS)
def test_a_bound_that_is_missing_is_found(
    target: str, broken: Any, javascript: JavaScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign that finds nothing says something only if it would have found it."""
    packet.event_text.cache_clear()
    monkeypatch.setattr(target, broken)
    try:
        with JavaScript() as process, pytest.raises(Found, match="refuses"):
            run(ROUNDS, SEED, process, rounds())
    finally:
        packet.event_text.cache_clear()
