"""What is still to be saved of a session is bounded by what has changed."""

from queuecast_gateway.recovery.session_state import Change, State


def test_a_room_that_was_entered_and_left_again_is_not_kept() -> None:
    """While Redis is away a browser may join ever new rooms, each of which is taken back."""
    change = Change("here", State("sid", "/", {"home": "1-0"}, "1-0"))
    before = change.to_text()
    for number in range(100):
        change.changed(f"{number}", entered=True)
        change.changed(f"{number}", entered=False)
    assert change.before == {}
    assert change.to_text() == before


def test_a_room_that_was_left_and_entered_again_is_saved() -> None:
    """It has a new offset then: what was published meanwhile is not for the session."""
    change = Change("here", State("sid", "/", {"home": "2-0"}, "1-0"))
    for entered in (False, True, False, True):
        change.changed("home", entered=entered)
    assert b'["home","2-0"]' in change.to_text()
