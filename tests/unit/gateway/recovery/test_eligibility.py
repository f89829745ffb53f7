"""Whether a session may be recovered, and from which offset on: decided from values alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.replica import known

from queuecast_bus.record import offset_key
from queuecast_gateway.recovery.eligibility import RECOVERIES_AT_ONCE, replay_start
from queuecast_gateway.recovery.replay import NotRecovered

offsets = st.builds("{}-{}".format, st.integers(0, 200), st.integers(0, 2))


def test_a_replay_begins_at_the_offset_of_the_client() -> None:
    """It has received everything up to there."""
    assert replay_start("102-0", known(offset="100-0"), 60) == "102-0"


@pytest.mark.parametrize("offset", [None, "99-0"])
def test_a_replay_never_begins_before_the_session(offset: str | None) -> None:
    """Earlier events were not for it, whatever offset its client sends."""
    assert replay_start(offset, known(offset="100-0"), 60) == "100-0"


@pytest.mark.parametrize(
    ("offset", "claimed", "outcome"),
    [
        ("nonsense", known(), "malformed"),
        ("102-0", known()._replace(number=RECOVERIES_AT_ONCE + 1), "too_often"),
        ("104-0", known(tail="103-0"), "lost"),
        ("102-0", known(lost_up_to="102-0"), "lost"),
        ("102-0", known(tail="60103-0"), "expired"),
    ],
)
def test_a_session_that_may_not_be_recovered_has_an_outcome(
    offset: str, claimed: object, outcome: str
) -> None:
    """The outcome is a label of a metric."""
    with pytest.raises(NotRecovered) as caught:
        replay_start(offset, claimed, 60)  # type: ignore[arg-type]
    assert caught.value.outcome == outcome


@given(offsets, offsets, offsets, offsets)
def test_a_replay_lies_between_the_session_and_the_tail(
    offset: str, began: str, tail: str, lost_up_to: str
) -> None:
    """Or there is none: never from before the session, from the future, or from before a loss."""
    try:
        start = replay_start(offset, known(offset=began, tail=tail, lost_up_to=lost_up_to), 60)
    except NotRecovered:
        return
    assert max(offset_key(offset), offset_key(began)) == offset_key(start) <= offset_key(tail)
    assert lost_up_to == "0-0" or offset_key(start) > offset_key(lost_up_to)
