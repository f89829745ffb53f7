from collections.abc import Callable
from types import SimpleNamespace

import pytest

from queuecast_gateway.engine import outbox as outbox_module
from queuecast_gateway.engine.outbox import Outbox


class Loop:
    """A fake event loop, which iterates when the test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def iterate(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()


class Sink:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


class Kernel:
    """Takes what is written to a descriptor: all of it, a part, or nothing."""

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
    """The part of a session that an outbox uses; `found` is the descriptor that `direct` finds."""

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


def test_nothing_is_written_before_the_iteration_ends(outbox: Outbox, loop: Loop) -> None:
    """Whatever else is sent in this iteration goes into the same write."""
    session = Session()
    outbox.put(b"a", [session])
    assert session.written == []
    loop.iterate()
    assert session.written == [b"a"]


@pytest.mark.parametrize("count", [2, 3, 100])
def test_a_session_is_written_to_once_in_an_iteration(outbox: Outbox, loop: Loop, count: int) -> None:
    """A write is a system call, and costs more than anything else in a delivery."""
    session = Session()
    for number in range(count):
        outbox.put(b"%d," % number, [session])
    loop.iterate()
    assert session.written == [b"".join(b"%d," % number for number in range(count))]


def test_each_session_gets_its_frames_in_the_order_of_the_calls(outbox: Outbox, loop: Loop) -> None:
    """An acknowledgement must not overtake the event that was emitted before it."""
    one, two, three = Session(), Session(), Session()
    outbox.put(b"a", [one, two])
    outbox.put(b"b", [two])
    outbox.put(b"c", [three, two, one])
    outbox.put(b"d", [one])
    loop.iterate()
    assert (one.written, two.written, three.written) == ([b"acd"], [b"abc"], [b"c"])


def test_a_single_piece_is_not_copied(outbox: Outbox, loop: Loop) -> None:
    """All sessions share the one object of a broadcast; copies would take its size for each session."""
    frame = bytes(1000)
    sessions = [Session() for _ in range(10)]
    outbox.put(frame, sessions)
    loop.iterate()
    assert all(session.written[0] is frame for session in sessions)


def test_an_iteration_has_one_flush(outbox: Outbox, loop: Loop) -> None:
    """However many events are sent."""
    for _ in range(5):
        outbox.put(b"a", [Session()])
    assert len(loop.soon) == 1


def test_each_iteration_is_written_on_its_own(outbox: Outbox, loop: Loop) -> None:
    """What was written is forgotten, and the next iteration has its own flush."""
    session = Session()
    for piece in (b"a", b"b"):
        outbox.put(piece, [session])
        outbox.put(piece, [session])
        loop.iterate()
    loop.iterate()
    assert session.written == [b"aa", b"bb"]
    assert session.pending is None


def test_no_recipients_are_no_error(outbox: Outbox, loop: Loop) -> None:
    """A room may be empty; the next event is still delivered."""
    session = Session()
    outbox.put(b"a", [])
    outbox.put(b"b", [session])
    loop.iterate()
    assert session.written == [b"b"]


def test_what_is_put_during_a_flush_is_written_in_the_next_iteration(outbox: Outbox, loop: Loop) -> None:
    """A transport may report during a write that its session is too slow, and others may be told."""
    one, two = Session(), Session()

    class Answering:
        def write(self, data: bytes) -> None:
            one.written.append(data)
            if data == b"a":
                outbox.put(b"b", [one, two])

    one.transport = Answering()
    outbox.put(b"a", [one, two])
    loop.iterate()
    loop.iterate()
    assert one.written == [b"a", b"b"]
    assert b"".join(two.written) == b"ab"


def test_one_session_can_be_flushed_at_once(outbox: Outbox, loop: Loop) -> None:
    """Its CLOSE frame has to come now, and after what was sent before."""
    one, two = Session(), Session()
    outbox.put(b"a", [one, two])
    outbox.put(b"b", [one])
    outbox.flush_one(one)
    assert (one.written, two.written) == ([b"ab"], [])
    loop.iterate()
    assert (one.written, two.written) == ([b"ab"], [b"a"])


def test_a_session_that_was_flushed_can_be_sent_more(outbox: Outbox, loop: Loop) -> None:
    """It is then in the list twice, and is written to once."""
    session = Session()
    outbox.put(b"a", [session])
    outbox.flush_one(session)
    outbox.put(b"b", [session])
    loop.iterate()
    assert session.written == [b"a", b"b"]


def test_a_session_with_nothing_pending_is_not_written_to(outbox: Outbox) -> None:
    """An empty write would be a system call, or an empty answer to a GET."""
    session = Session()
    outbox.flush_one(session)
    outbox.flush()
    assert session.written == []


def test_everything_can_be_flushed_at_once(outbox: Outbox, loop: Loop) -> None:
    """The scheduled flush of this iteration then finds nothing."""
    sessions = [Session(), Session()]
    outbox.put(b"a", sessions)
    outbox.flush()
    assert [session.written for session in sessions] == [[b"a"], [b"a"]]
    loop.iterate()
    assert [session.written for session in sessions] == [[b"a"], [b"a"]]


def test_a_held_session_is_not_written_to(outbox: Outbox, loop: Loop) -> None:
    """Its CONNECT packet comes first, once its connect handler is done: maybe many iterations later."""
    held, other = Session(), Session()
    held.pending = []
    outbox.put(b"a", [held, other])
    loop.iterate()
    outbox.put(b"b", [other, held])
    loop.iterate()
    assert other.written == [b"a", b"b"]
    assert held.written == []
    assert held.pending == [b"a", b"b"]


def test_a_held_session_that_ends_gets_what_is_pending(outbox: Outbox, loop: Loop) -> None:
    """In order, before its CLOSE frame."""
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
    """The transport's own bookkeeping would be a tenth of the cost of a delivery."""
    session = Session(found=7)
    outbox.put(b"a", [session])
    outbox.put(b"b", [session])
    loop.iterate()
    assert (kernel.taken, session.written) == ([(7, b"ab")], [])


def test_what_the_kernel_does_not_take_waits_with_all_that_follows(
    outbox: Outbox, loop: Loop, kernel: Kernel
) -> None:
    """If another frame came between the two parts of one, the client would disconnect."""
    session = Session(found=7)
    kernel.room = 2
    outbox.put(b"abc", [session])
    loop.iterate()
    session.found = -1  # while something waits in the transport
    outbox.put(b"def", [session])
    loop.iterate()
    assert (kernel.taken, session.written) == ([(7, b"ab")], [b"c", b"def"])


def test_a_socket_that_has_drained_is_written_to_directly_again(
    outbox: Outbox, loop: Loop, kernel: Kernel
) -> None:
    """One slow moment must not make a connection slow for ever."""
    session = Session(found=7)
    kernel.room = 2
    outbox.put(b"abc", [session])
    loop.iterate()
    kernel.room = 10
    outbox.put(b"def", [session])
    loop.iterate()
    assert (kernel.taken, session.written) == ([(7, b"ab"), (7, b"def")], [b"c"])


@pytest.mark.parametrize("error", [BlockingIOError(), BrokenPipeError(), OSError(9, "bad descriptor")])
def test_a_failed_write_is_left_to_the_transport(
    outbox: Outbox, loop: Loop, kernel: Kernel, error: OSError
) -> None:
    """It knows whether to wait, or to report that the connection is lost."""
    session, other = Session(found=7), Session(found=-1)
    kernel.error = error
    outbox.put(b"a", [session, other])
    loop.iterate()
    assert (session.written, session.fd, other.written) == ([b"a"], -1, [b"a"])


def test_sessions_with_the_same_pieces_share_one_buffer(outbox: Outbox, loop: Loop) -> None:
    """Joining them for each session alone would be a fifth of what a delivery costs."""
    sessions = [Session() for _ in range(outbox_module.MIN_SHARING)]
    for piece in (b"a", b"b", b"c"):
        outbox.put(piece, sessions)
    assert len({id(session.pending) for session in sessions}) == 1
    loop.iterate()
    assert {tuple(session.written) for session in sessions} == {(b"abc",)}


def test_sessions_in_different_rooms_share_what_they_have_in_common(outbox: Outbox, loop: Loop) -> None:
    """Records of two rooms alternate, and half of the sessions are in one of them only."""
    everybody = [Session() for _ in range(2 * outbox_module.MIN_SHARING)]
    some = everybody[::2]
    for piece, sessions in ((b"a", everybody), (b"b", some), (b"c", everybody)):
        outbox.put(piece, sessions)
    assert len({id(session.pending) for session in everybody}) == 2
    loop.iterate()
    assert [session.written for session in everybody[:4]] == [[b"abc"], [b"ac"], [b"abc"], [b"ac"]]


def test_each_session_gets_its_own_where_few_have_the_same(outbox: Outbox, loop: Loop) -> None:
    """More buffers than are shared: the rest is collected in lists, with the same result."""
    sessions = [Session() for _ in range(outbox_module.MIN_SHARING)]
    for number, session in enumerate(sessions):
        outbox.put(b"%d," % number, [session])
    for piece in (b"a", b"b"):
        outbox.put(piece, sessions)
    kinds = [type(session.pending) for session in sessions]
    assert kinds.count(bytes) == outbox_module.MAX_SHARED
    loop.iterate()
    assert [session.written for session in sessions] == [
        [b"%d,ab" % number] for number in range(len(sessions))
    ]


def test_a_long_buffer_is_not_joined_again_for_each_piece(outbox: Outbox, loop: Loop) -> None:
    """That would copy it each time: a burst of large events would cost the square of its size."""
    sessions = [Session() for _ in range(outbox_module.MIN_SHARING)]
    large = b"x" * (outbox_module.MAX_SHARED_BYTES + 1)
    outbox.put(large, sessions)
    outbox.put(b"a", sessions)
    assert all(type(session.pending) is list for session in sessions)
    loop.iterate()
    assert sessions[-1].written == [large + b"a"]


def test_a_held_session_among_others_keeps_its_pieces(outbox: Outbox, loop: Loop) -> None:
    """It reads them one by one when it is released."""
    held, *others = sessions = [Session() for _ in range(outbox_module.MIN_SHARING + 1)]
    held.pending = []
    outbox.put(b"a", sessions)
    outbox.put(b"b", sessions)
    loop.iterate()
    assert held.pending == [b"a", b"b"]
    assert {tuple(session.written) for session in others} == {(b"ab",)}
