"""Who is where, and until when: told a minute before, ended at the end, by the clock and not by the wheel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fakes import FakeClock
from tests.unit.turns import Loop

from queuecast_gateway.access.grant import Identity, Rooms
from queuecast_gateway.access.guard import Unwelcome
from queuecast_gateway.access.people import EXPIRING_SECONDS, LOOK_SECONDS, People, Place
from queuecast_gateway.engine.heartbeat import Wheel
from queuecast_gateway.limits.tally import Tally

MOST = 2
TICK = 1.0
HERE = ("eio-1", "/")
THERE = ("eio-2", "/")


class Hall:
    """People on a wheel and by a clock, which the test moves; what was called, with the clock's time."""

    def __init__(self, loop: Loop, most: int = MOST) -> None:
        self.clock = FakeClock(1_000)
        self.loop = loop
        self.wheel = Wheel(TICK)
        self.tally = Tally(most)
        self.told: list[tuple[float, Place, float]] = []
        self.ended: list[tuple[float, Place]] = []
        self.people = People(
            self.tally,
            self.wheel,
            on_expiring=lambda place, seconds: self.told.append((self.clock.now, place, seconds)),
            on_expired=lambda place: self.ended.append((self.clock.now, place)),
            now=self.clock,
        )

    def pass_by(self, seconds: int) -> None:
        """Let wheel and clock go on together."""
        for _ in range(seconds):
            self.clock.pass_by(TICK)
            self.loop.turn()


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Hall:
    loop = Loop()
    loop.drive(monkeypatch)
    return Hall(loop)


def somebody(subject: str = "ann", expires: float | None = 1_600) -> Identity:
    return Identity(subject, Rooms(), expires=expires)


NOBODY = Identity("", Rooms())


# Who is there


def test_who_is_there_is_known(hall: Hall) -> None:
    """What somebody may do is looked up with each event."""
    who = somebody()
    hall.people.enter(HERE, who)
    assert hall.people.at(HERE) is who
    assert hall.people.at(THERE) is None
    assert len(hall.people) == 1


def test_nobody_in_particular_costs_nothing(hall: Hall) -> None:
    """An open gateway has tens of thousands of them."""
    for number in range(10):
        hall.people.enter((f"eio-{number}", "/"), NOBODY)
        assert hall.people.at((f"eio-{number}", "/")) is None
    assert (len(hall.people), len(hall.wheel), len(hall.tally)) == (0, 0, 0)
    hall.people.leave(("eio-1", "/"))
    hall.people.renew(("eio-1", "/"), NOBODY)


def test_an_identity_has_so_many_sessions(hall: Hall) -> None:
    """One token in a thousand tabs, or in the hands of many, is bounded; others come in meanwhile."""
    for place in (HERE, THERE):
        hall.people.enter(place, somebody())
    with pytest.raises(Unwelcome) as caught:
        hall.people.enter(("eio-3", "/"), somebody())
    assert (caught.value.code, caught.value.fault) == ("too_many_connections", "too_many_connections")
    assert hall.people.at(("eio-3", "/")) is None
    hall.people.enter(("eio-3", "/"), somebody("bob"))
    hall.people.leave(HERE)
    hall.people.enter(HERE, somebody())


def test_who_was_refused_holds_no_place(hall: Hall) -> None:
    """Its connection ends as any other does, and is then told to leave as well."""
    for place in (HERE, THERE):
        hall.people.enter(place, somebody())
    with pytest.raises(Unwelcome):
        hall.people.enter(("eio-3", "/"), somebody())
    hall.people.leave(("eio-3", "/"))
    with pytest.raises(Unwelcome):
        hall.people.enter(("eio-3", "/"), somebody())


def test_a_place_is_left_once(hall: Hall) -> None:
    """Both a refusal and the end of the connection say so: twice counted, one more could come than may."""
    for place in (HERE, THERE):
        hall.people.enter(place, somebody())
    for _ in range(3):
        hall.people.leave(HERE)
    hall.people.enter(HERE, somebody())
    with pytest.raises(Unwelcome):
        hall.people.enter(("eio-3", "/"), somebody())


def test_without_a_limit_nothing_is_counted(hall: Hall) -> None:
    """`QUEUECAST_MAX_CONNECTIONS_PER_IDENTITY=0`."""
    free = Hall(hall.loop, most=0)
    for number in range(10):
        free.people.enter((f"eio-{number}", "/"), somebody())
    for number in range(10):
        free.people.leave((f"eio-{number}", "/"))
    assert (len(free.people), len(free.wheel)) == (0, 0)


moves = st.lists(
    st.tuples(st.booleans(), st.sampled_from(("eio-1", "eio-2", "eio-3")), st.sampled_from("ab")), max_size=30
)


@given(moves)
def test_however_they_come_and_go_nothing_is_left(made: list[tuple[bool, str, str]]) -> None:
    """One number or one timer per connection that stays would be a leak of days."""
    with pytest.MonkeyPatch.context() as patch:
        loop = Loop()
        loop.drive(patch)
        hall = Hall(loop)
        there: dict[Place, str] = {}
        for comes, eio_sid, subject in made:
            place = (eio_sid, "/")
            if comes and place not in there:
                if list(there.values()).count(subject) == MOST:
                    with pytest.raises(Unwelcome):
                        hall.people.enter(place, somebody(subject))
                else:
                    hall.people.enter(place, somebody(subject))
                    there[place] = subject
            elif not comes:
                hall.people.leave(place)
                there.pop(place, None)
            assert len(hall.people) == len(hall.wheel) == len(there)
            hall.pass_by(7)
        for place in there:
            hall.people.leave(place)
        assert (len(hall.people), len(hall.tally), len(hall.wheel)) == (0, 0, 0)


# The end of a token


def test_a_browser_is_told_a_minute_before_and_sent_away_at_the_end(hall: Hall) -> None:
    """Each once: time enough to fetch another token, and not a second longer than the issuer said."""
    hall.people.enter(HERE, somebody(expires=1_600))
    hall.pass_by(539)
    assert (hall.told, hall.ended) == ([], [])
    hall.pass_by(1)
    assert hall.told == [(1_540, HERE, EXPIRING_SECONDS)]
    hall.pass_by(59)
    assert hall.ended == []
    hall.pass_by(1)
    assert hall.ended == [(1_600, HERE)]
    hall.people.leave(HERE)
    hall.pass_by(600)
    assert (len(hall.told), len(hall.ended), len(hall.wheel)) == (1, 1, 0)


def test_each_has_an_end_of_its_own(hall: Hall) -> None:
    """One connection may have several namespaces, with a token for each."""
    hall.people.enter(HERE, somebody(expires=1_100))
    hall.people.enter(("eio-1", "/shop"), somebody(expires=1_200))
    hall.pass_by(150)
    assert [place for _, place in hall.ended] == [HERE]
    assert [(now, place) for now, place, _ in hall.told] == [(1_040, HERE), (1_140, ("eio-1", "/shop"))]


@pytest.mark.parametrize("rest", [1, 30, 59, 60])
def test_a_token_that_ends_within_the_minute_is_told_at_once(hall: Hall, rest: int) -> None:
    """With what is left, in the next turn of the wheel: the page may still be in time."""
    hall.people.enter(HERE, somebody(expires=1_000 + rest + TICK))
    hall.pass_by(1)
    assert hall.told == [(1_001, HERE, rest)]
    hall.pass_by(rest)
    assert hall.ended == [(1_001 + rest, HERE)]


def test_a_token_that_is_over_already_ends_without_a_word(hall: Hall) -> None:
    """It was verified a moment too early; there is nothing left to be told."""
    hall.people.enter(HERE, somebody(expires=999))
    hall.pass_by(1)
    assert (hall.told, hall.ended) == ([], [(1_001, HERE)])


@pytest.mark.parametrize("expires", [1e300, float(2**63), None])
def test_a_token_may_be_for_ever(hall: Hall, expires: float | None) -> None:
    """An issuer's end may be beyond any timer."""
    hall.people.enter(HERE, somebody(expires=expires))
    hall.pass_by(1_000)
    assert (hall.told, hall.ended) == ([], [])
    hall.people.leave(HERE)
    assert len(hall.wheel) == 0


@pytest.mark.parametrize("stood", [1, 60, 3_600])
def test_a_wheel_that_stood_still_lets_nobody_stay_for_long(hall: Hall, stood: int) -> None:
    """A process that was suspended, or a clock that was put right, makes no token last: it is looked at."""
    hall.people.enter(HERE, somebody(expires=10_000))
    hall.pass_by(100)
    hall.clock.now = 10_000 + stood
    hall.pass_by(round(LOOK_SECONDS))
    ((now, place),) = hall.ended
    assert place == HERE
    assert now - (10_000 + stood) <= LOOK_SECONDS
    assert hall.told == []


def test_a_minute_that_passed_while_the_wheel_stood_still_is_told_with_what_is_left(hall: Hall) -> None:
    """The page is told the truth, not what was planned."""
    hall.people.enter(HERE, somebody(expires=10_000))
    hall.clock.now = 9_955 - LOOK_SECONDS
    hall.pass_by(round(LOOK_SECONDS))
    assert hall.told == [(9_955, HERE, 45)]


@pytest.mark.parametrize("at", [100, 560])
def test_a_clock_that_is_behind_the_wheel_ends_nobody_early(hall: Hall, at: int) -> None:
    """A clock that was put back: the token is good for longer than it seemed, and is told of once."""
    hall.people.enter(HERE, somebody(expires=1_600))
    hall.pass_by(at)
    hall.clock.pass_by(-50)
    hall.pass_by(600 - at)
    assert hall.ended == []
    hall.pass_by(50)
    assert [now for now, _ in hall.ended] == [1_600]
    assert len(hall.told) == 1


# Another token


def test_another_token_moves_the_end_and_is_told_of_anew(hall: Hall) -> None:
    """A page that fetches one each time stays for as long as it likes, on one connection."""
    hall.people.enter(HERE, somebody(expires=1_600))
    hall.pass_by(570)
    assert [now for now, *_ in hall.told] == [1_540]
    renewed = somebody(expires=2_000)
    hall.people.renew(HERE, renewed)
    assert hall.people.at(HERE) is renewed
    hall.pass_by(369)
    assert (len(hall.told), hall.ended) == (1, [])
    hall.pass_by(1)
    assert hall.told[1:] == [(1_940, HERE, EXPIRING_SECONDS)]
    hall.pass_by(60)
    assert hall.ended == [(2_000, HERE)]
    hall.people.leave(HERE)
    assert len(hall.wheel) == 0


def test_another_token_may_end_earlier(hall: Hall) -> None:
    """The newest one counts: its issuer may have had a reason."""
    hall.people.enter(HERE, somebody(expires=9_000))
    hall.people.renew(HERE, somebody(expires=1_010))
    hall.pass_by(10)
    assert hall.ended == [(1_010, HERE)]


def test_who_renews_often_waits_once(hall: Hall) -> None:
    """A page that refreshes every second must not leave a timer for each."""
    hall.people.enter(HERE, somebody())
    for number in range(20):
        hall.people.renew(HERE, somebody(expires=1_600 + number))
        assert len(hall.wheel) == 1
        hall.pass_by(1)
    assert len(hall.tally) == len(hall.people) == 1
    hall.people.leave(HERE)
    assert (len(hall.wheel), len(hall.tally), len(hall.people)) == (0, 0, 0)


@pytest.mark.parametrize("other", [somebody("bob", 9_000), NOBODY])
def test_a_session_stays_who_it_is(hall: Hall, other: Identity) -> None:
    """Its rooms, its private id and its place in the count are the first one's. The old token goes on."""
    who = somebody()
    hall.people.enter(HERE, who)
    with pytest.raises(Unwelcome) as caught:
        hall.people.renew(HERE, other)
    assert (caught.value.code, caught.value.fault) == ("unauthorized", "claims")
    assert hall.people.at(HERE) is who
    hall.pass_by(600)
    assert hall.ended == [(1_600, HERE)]


def test_nobody_becomes_somebody_by_renewing(hall: Hall) -> None:
    """Nor does somebody whose connection has just gone come back without being counted."""
    with pytest.raises(Unwelcome):
        hall.people.renew(HERE, somebody())
    assert (len(hall.people), len(hall.wheel), len(hall.tally)) == (0, 0, 0)


def test_somebody_is_found_by_name_wherever_they_are_and_forgotten_when_gone(hall: Hall) -> None:
    """A command is for all sessions of a user; to look through everybody's would cost their number."""
    ann = Identity("ann", Rooms())
    hall.people.enter(HERE, ann)
    hall.people.enter(THERE, ann)
    assert hall.people.places("ann") == [HERE, THERE]
    hall.people.leave(HERE)
    assert hall.people.places("ann") == [THERE]
    hall.people.leave(THERE)
    assert hall.people.places("ann") == hall.people.places("bob") == []
