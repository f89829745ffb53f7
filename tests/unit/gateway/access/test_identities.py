"""Which identity is on which socket, and until when: warned a minute before, ended on time, by the clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.fake_loop import Loop
from tests.unit.fakes import FakeClock

from queuecast_gateway.access.authenticator import ConnectRefused
from queuecast_gateway.access.grant import Identity, Rooms
from queuecast_gateway.access.identities import CHECK_SECONDS, EXPIRING_SECONDS, Identities, SocketKey
from queuecast_gateway.engine.timer_wheel import TimerWheel
from queuecast_gateway.limits.connection_limiter import ConnectionLimiter

MAX_PER_IDENTITY = 2
TICK = 1.0
FIRST = ("eio-1", "/")
SECOND = ("eio-2", "/")
THIRD = ("eio-3", "/")


class Harness:
    """Identities with a wheel and a clock that the test moves; it records each call and its time."""

    def __init__(self, loop: Loop, max_per_identity: int = MAX_PER_IDENTITY) -> None:
        self.clock = FakeClock(1_000)
        self.loop = loop
        self.wheel = TimerWheel(TICK)
        self.limiter = ConnectionLimiter(max_per_identity)
        self.warned: list[tuple[float, SocketKey, float]] = []
        self.expired: list[tuple[float, SocketKey]] = []
        self.identities = Identities(
            self.limiter,
            self.wheel,
            on_expiring=lambda socket, seconds: self.warned.append((self.clock.now, socket, seconds)),
            on_expired=lambda socket: self.expired.append((self.clock.now, socket)),
            now=self.clock,
        )

    def pass_by(self, seconds: int) -> None:
        """Move the wheel and the clock together."""
        for _ in range(seconds):
            self.clock.pass_by(TICK)
            self.loop.tick()


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Harness:
    loop = Loop()
    loop.drive(monkeypatch)
    return Harness(loop)


def identity_of(subject: str = "ann", expires: float | None = 1_600) -> Identity:
    return Identity(subject, Rooms(), expires=expires)


ANYONE = Identity("", Rooms())


# Sockets and their identities


def test_the_identity_of_a_socket_is_known(harness: Harness) -> None:
    """Each event looks up what its sender may do."""
    ann = identity_of()
    harness.identities.add(FIRST, ann)
    assert harness.identities.get(FIRST) is ann
    assert harness.identities.get(SECOND) is None
    assert len(harness.identities) == 1


def test_an_identity_without_a_subject_costs_nothing(harness: Harness) -> None:
    """An open gateway has tens of thousands of them."""
    for number in range(10):
        harness.identities.add((f"eio-{number}", "/"), ANYONE)
        assert harness.identities.get((f"eio-{number}", "/")) is None
    assert (len(harness.identities), len(harness.wheel), len(harness.limiter)) == (0, 0, 0)
    harness.identities.remove(("eio-1", "/"))
    harness.identities.renew(("eio-1", "/"), ANYONE)


def test_the_sessions_of_an_identity_are_limited(harness: Harness) -> None:
    """One token may be in a thousand tabs, or in many hands; other identities still connect."""
    for socket in (FIRST, SECOND):
        harness.identities.add(socket, identity_of())
    with pytest.raises(ConnectRefused) as caught:
        harness.identities.add(THIRD, identity_of())
    assert (caught.value.code, caught.value.reason) == ("too_many_connections", "too_many_connections")
    assert harness.identities.get(THIRD) is None
    harness.identities.add(THIRD, identity_of("bob"))
    harness.identities.remove(FIRST)
    harness.identities.add(FIRST, identity_of())


def test_a_refused_socket_is_not_counted(harness: Harness) -> None:
    """Its connection ends as any other does, and is then removed as well."""
    for socket in (FIRST, SECOND):
        harness.identities.add(socket, identity_of())
    with pytest.raises(ConnectRefused):
        harness.identities.add(THIRD, identity_of())
    harness.identities.remove(THIRD)
    with pytest.raises(ConnectRefused):
        harness.identities.add(THIRD, identity_of())


def test_a_socket_is_removed_once(harness: Harness) -> None:
    """A refusal and the end of the connection both remove it; counted twice, the limit would be too high."""
    for socket in (FIRST, SECOND):
        harness.identities.add(socket, identity_of())
    for _ in range(3):
        harness.identities.remove(FIRST)
    harness.identities.add(FIRST, identity_of())
    with pytest.raises(ConnectRefused):
        harness.identities.add(THIRD, identity_of())


def test_without_a_limit_nothing_is_counted(harness: Harness) -> None:
    """`QUEUECAST_MAX_CONNECTIONS_PER_IDENTITY=0`."""
    unlimited = Harness(harness.loop, max_per_identity=0)
    for number in range(10):
        unlimited.identities.add((f"eio-{number}", "/"), identity_of())
    for number in range(10):
        unlimited.identities.remove((f"eio-{number}", "/"))
    assert (len(unlimited.identities), len(unlimited.wheel)) == (0, 0)


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from(("eio-1", "eio-2", "eio-3")), st.sampled_from("ab")), max_size=30
)


@given(steps)
def test_nothing_is_left_whatever_connects_and_disconnects(made: list[tuple[bool, str, str]]) -> None:
    """One number or one timer that stays for each connection would be a leak."""
    with pytest.MonkeyPatch.context() as patch:
        loop = Loop()
        loop.drive(patch)
        harness = Harness(loop)
        connected: dict[SocketKey, str] = {}
        for connects, eio_sid, subject in made:
            socket = (eio_sid, "/")
            if connects and socket not in connected:
                if list(connected.values()).count(subject) == MAX_PER_IDENTITY:
                    with pytest.raises(ConnectRefused):
                        harness.identities.add(socket, identity_of(subject))
                else:
                    harness.identities.add(socket, identity_of(subject))
                    connected[socket] = subject
            elif not connects:
                harness.identities.remove(socket)
                connected.pop(socket, None)
            assert len(harness.identities) == len(harness.wheel) == len(connected)
            harness.pass_by(7)
        for socket in connected:
            harness.identities.remove(socket)
        assert (len(harness.identities), len(harness.limiter), len(harness.wheel)) == (0, 0, 0)


# The end of a token


def test_a_browser_is_warned_a_minute_before_and_disconnected_at_the_end(harness: Harness) -> None:
    """Each happens once: a minute to fetch another token, and not a second more than the issuer allowed."""
    harness.identities.add(FIRST, identity_of(expires=1_600))
    harness.pass_by(539)
    assert (harness.warned, harness.expired) == ([], [])
    harness.pass_by(1)
    assert harness.warned == [(1_540, FIRST, EXPIRING_SECONDS)]
    harness.pass_by(59)
    assert harness.expired == []
    harness.pass_by(1)
    assert harness.expired == [(1_600, FIRST)]
    harness.identities.remove(FIRST)
    harness.pass_by(600)
    assert (len(harness.warned), len(harness.expired), len(harness.wheel)) == (1, 1, 0)


def test_each_socket_expires_on_its_own(harness: Harness) -> None:
    """One connection may have several namespaces, with a token for each."""
    harness.identities.add(FIRST, identity_of(expires=1_100))
    harness.identities.add(("eio-1", "/shop"), identity_of(expires=1_200))
    harness.pass_by(150)
    assert [socket for _, socket in harness.expired] == [FIRST]
    assert [(now, socket) for now, socket, _ in harness.warned] == [
        (1_040, FIRST),
        (1_140, ("eio-1", "/shop")),
    ]


@pytest.mark.parametrize("left", [1, 30, 59, 60])
def test_a_token_that_expires_within_the_minute_is_warned_of_at_once(harness: Harness, left: int) -> None:
    """At the next tick of the wheel, with the seconds that are left: the page may still be in time."""
    harness.identities.add(FIRST, identity_of(expires=1_000 + left + TICK))
    harness.pass_by(1)
    assert harness.warned == [(1_001, FIRST, left)]
    harness.pass_by(left)
    assert harness.expired == [(1_001 + left, FIRST)]


def test_a_token_that_has_expired_already_ends_without_a_warning(harness: Harness) -> None:
    """It expired just after it was verified, and no time is left to warn."""
    harness.identities.add(FIRST, identity_of(expires=999))
    harness.pass_by(1)
    assert (harness.warned, harness.expired) == ([], [(1_001, FIRST)])


@pytest.mark.parametrize("expires", [1e300, float(2**63), None])
def test_a_token_may_never_expire(harness: Harness, expires: float | None) -> None:
    """Its `exp` may be beyond any timer."""
    harness.identities.add(FIRST, identity_of(expires=expires))
    harness.pass_by(1_000)
    assert (harness.warned, harness.expired) == ([], [])
    harness.identities.remove(FIRST)
    assert len(harness.wheel) == 0


@pytest.mark.parametrize("seconds_stopped", [1, 60, 3_600])
def test_a_wheel_that_stood_still_does_not_prolong_a_token(harness: Harness, seconds_stopped: int) -> None:
    """After the process was suspended or the clock was set, the next check compares with the clock."""
    harness.identities.add(FIRST, identity_of(expires=10_000))
    harness.pass_by(100)
    harness.clock.now = 10_000 + seconds_stopped
    harness.pass_by(round(CHECK_SECONDS))
    ((now, socket),) = harness.expired
    assert socket == FIRST
    assert now - (10_000 + seconds_stopped) <= CHECK_SECONDS
    assert harness.warned == []


def test_a_warning_after_the_wheel_stood_still_says_what_is_really_left(harness: Harness) -> None:
    """Not the minute that was planned."""
    harness.identities.add(FIRST, identity_of(expires=10_000))
    harness.clock.now = 9_955 - CHECK_SECONDS
    harness.pass_by(round(CHECK_SECONDS))
    assert harness.warned == [(9_955, FIRST, 45)]


@pytest.mark.parametrize("at", [100, 560])
def test_a_clock_that_was_set_back_ends_no_session_early(harness: Harness, at: int) -> None:
    """The token is good for longer than it seemed, and the browser is warned once."""
    harness.identities.add(FIRST, identity_of(expires=1_600))
    harness.pass_by(at)
    harness.clock.pass_by(-50)
    harness.pass_by(600 - at)
    assert harness.expired == []
    harness.pass_by(50)
    assert [now for now, _ in harness.expired] == [1_600]
    assert len(harness.warned) == 1


# Renewal


def test_a_renewed_token_expires_later_and_is_warned_of_again(harness: Harness) -> None:
    """A page that renews each time stays on one connection for as long as it likes."""
    harness.identities.add(FIRST, identity_of(expires=1_600))
    harness.pass_by(570)
    assert [now for now, *_ in harness.warned] == [1_540]
    renewed = identity_of(expires=2_000)
    harness.identities.renew(FIRST, renewed)
    assert harness.identities.get(FIRST) is renewed
    harness.pass_by(369)
    assert (len(harness.warned), harness.expired) == (1, [])
    harness.pass_by(1)
    assert harness.warned[1:] == [(1_940, FIRST, EXPIRING_SECONDS)]
    harness.pass_by(60)
    assert harness.expired == [(2_000, FIRST)]
    harness.identities.remove(FIRST)
    assert len(harness.wheel) == 0


def test_a_renewed_token_may_expire_earlier(harness: Harness) -> None:
    """The newest one counts: its issuer may have had a reason."""
    harness.identities.add(FIRST, identity_of(expires=9_000))
    harness.identities.renew(FIRST, identity_of(expires=1_010))
    harness.pass_by(10)
    assert harness.expired == [(1_010, FIRST)]


def test_frequent_renewals_leave_one_timer(harness: Harness) -> None:
    """A page that renews every second must not leave a timer behind each time."""
    harness.identities.add(FIRST, identity_of())
    for number in range(20):
        harness.identities.renew(FIRST, identity_of(expires=1_600 + number))
        assert len(harness.wheel) == 1
        harness.pass_by(1)
    assert len(harness.limiter) == len(harness.identities) == 1
    harness.identities.remove(FIRST)
    assert (len(harness.wheel), len(harness.limiter), len(harness.identities)) == (0, 0, 0)


@pytest.mark.parametrize("other", [identity_of("bob", 9_000), ANYONE])
def test_renewal_cannot_change_the_subject(harness: Harness, other: Identity) -> None:
    """The session's rooms, private id and count belong to the first subject. The old token stays valid."""
    ann = identity_of()
    harness.identities.add(FIRST, ann)
    with pytest.raises(ConnectRefused) as caught:
        harness.identities.renew(FIRST, other)
    assert (caught.value.code, caught.value.reason) == ("unauthorized", "claims")
    assert harness.identities.get(FIRST) is ann
    harness.pass_by(600)
    assert harness.expired == [(1_600, FIRST)]


def test_renewal_cannot_give_a_socket_its_first_subject(harness: Harness) -> None:
    """Nor can a connection that has just closed come back uncounted."""
    with pytest.raises(ConnectRefused):
        harness.identities.renew(FIRST, identity_of())
    assert (len(harness.identities), len(harness.wheel), len(harness.limiter)) == (0, 0, 0)


def test_all_sockets_of_a_subject_are_found_until_they_are_removed(harness: Harness) -> None:
    """A command is for all sessions of one user; a search through every session would cost too much."""
    ann = Identity("ann", Rooms())
    harness.identities.add(FIRST, ann)
    harness.identities.add(SECOND, ann)
    assert harness.identities.sockets_of("ann") == [FIRST, SECOND]
    harness.identities.remove(FIRST)
    assert harness.identities.sockets_of("ann") == [SECOND]
    harness.identities.remove(SECOND)
    assert harness.identities.sockets_of("ann") == harness.identities.sockets_of("bob") == []
