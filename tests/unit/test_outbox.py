from collections.abc import Callable
from types import SimpleNamespace

import pytest

from queuecast_gateway.engine import outbox as outbox_module
from queuecast_gateway.engine.outbox import Outbox


class Loop:
    """Stands for the event loop; its turn ends when the test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class Sink:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Kernel:
    """Takes what is written to descriptors: all of it, a part, or nothing."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bytes]] = []
        self.room = 1_000_000
        self.error: OSError | None = None

    def write(self, fd: int, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        self.taken.append((fd, data[: self.room]))
        return len(data[: self.room])


class Session:
    """The part of a session that an outbox knows; its descriptor is `found` when it is asked for."""

    def __init__(self, found: int = -1) -> None:
        self.fd = -1
        self.found = found
        self.pending: bytes | list[bytes] | None = None
        sink = Sink()
        self.transport: outbox_module.Sink = sink
        self.written = sink.written

    def direct(self) -> int:
        self.fd = self.found
        return self.fd


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(outbox_module, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    return loop


@pytest.fixture
def outbox(loop: Loop) -> Outbox:
    return Outbox()


def test_nothing_is_written_before_the_turn_ends(outbox: Outbox, loop: Loop) -> None:
    """What else this turn brings goes into the same write."""
    session = Session()
    outbox.put(b"a", [session])
    assert session.written == []
    loop.turn()
    assert session.written == [b"a"]


@pytest.mark.parametrize("count", [2, 3, 100])
def test_a_session_is_written_to_once_in_a_turn(outbox: Outbox, loop: Loop, count: int) -> None:
    """A write is a system call: it, not the framing, is the price of a delivery."""
    session = Session()
    for number in range(count):
        outbox.put(b"%d," % number, [session])
    loop.turn()
    assert session.written == [b"".join(b"%d," % number for number in range(count))]


def test_each_session_gets_its_own_in_the_order_of_the_calls(outbox: Outbox, loop: Loop) -> None:
    """An acknowledgement must not overtake the event that was emitted before it."""
    one, two, three = Session(), Session(), Session()
    outbox.put(b"a", [one, two])
    outbox.put(b"b", [two])
    outbox.put(b"c", [three, two, one])
    outbox.put(b"d", [one])
    loop.turn()
    assert (one.written, two.written, three.written) == ([b"acd"], [b"abc"], [b"c"])


def test_a_single_piece_is_handed_on_as_it_is(outbox: Outbox, loop: Loop) -> None:
    """A broadcast is one object for all its sessions: a copy for each would be its size times theirs."""
    frame = bytes(1000)
    sessions = [Session() for _ in range(10)]
    outbox.put(frame, sessions)
    loop.turn()
    assert all(session.written[0] is frame for session in sessions)


def test_a_turn_has_one_flush(outbox: Outbox, loop: Loop) -> None:
    """However many events it brings."""
    for _ in range(5):
        outbox.put(b"a", [Session()])
    assert len(loop.soon) == 1


def test_each_turn_is_written_on_its_own(outbox: Outbox, loop: Loop) -> None:
    """What was written is forgotten, and the next turn has its flush again."""
    session = Session()
    for piece in (b"a", b"b"):
        outbox.put(piece, [session])
        outbox.put(piece, [session])
        loop.turn()
    loop.turn()
    assert session.written == [b"aa", b"bb"]
    assert session.pending is None


def test_nobody_is_no_error(outbox: Outbox, loop: Loop) -> None:
    """A room may be empty; the next event is delivered all the same."""
    session = Session()
    outbox.put(b"a", [])
    outbox.put(b"b", [session])
    loop.turn()
    assert session.written == [b"b"]


def test_sessions_may_come_one_by_one(outbox: Outbox, loop: Loop) -> None:
    """A room hands them out without making a list."""
    sessions = [Session(), Session()]
    outbox.put(b"a", iter(sessions))
    loop.turn()
    assert [session.written for session in sessions] == [[b"a"], [b"a"]]


def test_what_is_put_while_others_are_written_to_comes_in_the_next_turn(outbox: Outbox, loop: Loop) -> None:
    """A transport may say during a write that a session is too slow, and that ends with words to others."""
    one, two = Session(), Session()

    class Answering:
        def write(self, data: bytes) -> None:
            one.written.append(data)
            if data == b"a":
                outbox.put(b"b", [one, two])

    one.transport = Answering()
    outbox.put(b"a", [one, two])
    loop.turn()
    loop.turn()
    assert one.written == [b"a", b"b"]
    assert b"".join(two.written) == b"ab"


def test_one_session_can_be_written_to_at_once(outbox: Outbox, loop: Loop) -> None:
    """Its CLOSE frame has to come after what it was told before, and now."""
    one, two = Session(), Session()
    outbox.put(b"a", [one, two])
    outbox.put(b"b", [one])
    outbox.flush_one(one)
    assert (one.written, two.written) == ([b"ab"], [])
    loop.turn()
    assert (one.written, two.written) == ([b"ab"], [b"a"])


def test_a_session_that_was_written_to_at_once_can_be_told_more(outbox: Outbox, loop: Loop) -> None:
    """It stands in the list twice then, and is written to once."""
    session = Session()
    outbox.put(b"a", [session])
    outbox.flush_one(session)
    outbox.put(b"b", [session])
    loop.turn()
    assert session.written == [b"a", b"b"]


def test_a_session_that_was_told_nothing_is_not_written_to(outbox: Outbox) -> None:
    """An empty write is a system call, or an empty answer to a poll."""
    session = Session()
    outbox.flush_one(session)
    outbox.flush()
    assert session.written == []


def test_everything_can_be_written_at_once(outbox: Outbox, loop: Loop) -> None:
    """The flush that was called for this turn finds nothing then."""
    sessions = [Session(), Session()]
    outbox.put(b"a", sessions)
    outbox.flush()
    assert [session.written for session in sessions] == [[b"a"], [b"a"]]
    loop.turn()
    assert [session.written for session in sessions] == [[b"a"], [b"a"]]


def test_a_held_session_is_not_written_to(outbox: Outbox, loop: Loop) -> None:
    """Its CONNECT packet comes first, once its connect handler is done; that may be many turns later."""
    held, other = Session(), Session()
    held.pending = []
    outbox.put(b"a", [held, other])
    loop.turn()
    outbox.put(b"b", [other, held])
    loop.turn()
    assert other.written == [b"a", b"b"]
    assert held.written == []
    assert held.pending == [b"a", b"b"]


def test_a_held_session_that_ends_is_written_what_it_was_told(outbox: Outbox, loop: Loop) -> None:
    """In its order, before its CLOSE frame."""
    held = Session()
    held.pending = []
    outbox.put(b"a", [held])
    outbox.put(b"b", [held])
    outbox.flush_one(held)
    assert held.written == [b"ab"]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(outbox_module, "os", kernel)
    return kernel


def test_an_idle_socket_is_written_to_directly(outbox: Outbox, loop: Loop, kernel: Kernel) -> None:
    """The transport's own bookkeeping would be a tenth of the price of a delivery."""
    session = Session(found=7)
    outbox.put(b"a", [session])
    outbox.put(b"b", [session])
    loop.turn()
    assert (kernel.taken, session.written) == ([(7, b"ab")], [])


def test_what_the_kernel_has_no_room_for_waits_with_all_that_follows(
    outbox: Outbox, loop: Loop, kernel: Kernel
) -> None:
    """Half a frame first and its rest later, or another frame between: the client would hang up."""
    session = Session(found=7)
    kernel.room = 2
    outbox.put(b"abc", [session])
    loop.turn()
    session.found = -1  # as long as something waits in the transport
    outbox.put(b"def", [session])
    loop.turn()
    assert (kernel.taken, session.written) == ([(7, b"ab")], [b"c", b"def"])


def test_a_socket_that_has_drained_is_written_to_directly_again(
    outbox: Outbox, loop: Loop, kernel: Kernel
) -> None:
    """One slow moment must not cost a connection its speed for life."""
    session = Session(found=7)
    kernel.room = 2
    outbox.put(b"abc", [session])
    loop.turn()
    kernel.room = 10
    outbox.put(b"def", [session])
    loop.turn()
    assert (kernel.taken, session.written) == ([(7, b"ab"), (7, b"def")], [b"c"])


@pytest.mark.parametrize("error", [BlockingIOError(), BrokenPipeError(), OSError(9, "bad descriptor")])
def test_a_socket_that_cannot_be_written_to_is_left_to_its_transport(
    outbox: Outbox, loop: Loop, kernel: Kernel, error: OSError
) -> None:
    """It knows whether to wait or to report the end of the connection."""
    session, other = Session(found=7), Session(found=-1)
    kernel.error = error
    outbox.put(b"a", [session, other])
    loop.turn()
    assert (session.written, session.fd, other.written) == ([b"a"], -1, [b"a"])
