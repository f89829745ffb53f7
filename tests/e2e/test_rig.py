"""The rig itself: without its check, a test would also count what the previous one left behind."""

import pytest
from tests import claims

from .conftest import Connect
from .rig import Rig, empty


@pytest.mark.javascript
def test_a_rig_says_who_is_connected(rig: Rig, connect: Connect) -> None:
    """It counts by gateway, so that you know where to look."""
    assert rig.leftovers() == {}
    connect(rig, 3)
    assert rig.leftovers() == {"connections of gateway 0": 2, "connections of gateway 1": 1}


def test_a_rig_says_what_is_on_its_queue(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test on such a rig fails with this reason, not with a wrong count of its own."""
    monkeypatch.setattr("tests.e2e.rig.eventually", lambda claim: claims.eventually(claim, 0.1))
    with monkeypatch.context() as patch:
        patch.setattr(rig.queue, "depth", lambda: 7)
        with pytest.raises(AssertionError, match=r"not empty: \{'messages on the queue': 7\}"):
            empty(rig)
    assert empty(rig) is rig
