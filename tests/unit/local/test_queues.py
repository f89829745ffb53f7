"""The emulator's queues by themselves: the clock is a number that the test sets."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.groups import Message
from queuecast_local.sqs_emulator.queues import Queue, Redrive

VISIBILITY_SECONDS = 10


def queue(**changes: Any) -> Queue:
    return Queue("arn:test", visibility_seconds=VISIBILITY_SECONDS, **changes)


def fifo(**changes: Any) -> Queue:
    return queue(fifo=True, content_based=True, **changes)


def bodies(messages: list[Message]) -> list[str]:
    return [message.body for message in messages]


def test_a_message_is_hidden_for_its_visibility_timeout_and_not_longer() -> None:
    """The poller's promise rests on it: what it did not delete comes back."""
    q = queue()
    q.send("a", 0)
    assert bodies(q.receive(10, 0)) == ["a"]
    assert q.receive(10, VISIBILITY_SECONDS - 0.001) == []
    [again] = q.receive(10, VISIBILITY_SECONDS)
    assert again.receives == 2
    assert again.first_received_at == 0


def test_a_message_that_is_extended_stays_hidden_past_its_first_deadline() -> None:
    """The first deadline is still in the heap, and must not count."""
    q = queue()
    q.send("a", 0)
    [message] = q.receive(10, 0)
    q.change_visibility(message.receipt_handle, 20, 5)
    assert not q.is_ready(24.9)
    assert q.is_ready(25)


def test_visibility_zero_returns_a_message_before_those_that_were_sent_after_it() -> None:
    """Another poller receives first what a stopping one gave back."""
    q = queue()
    for body in "abc":
        q.send(body, 0)
    first, _ = q.receive(2, 0)
    q.change_visibility(first.receipt_handle, 0, 1)
    assert bodies(q.receive(10, 1)) == ["a", "c"]


def test_only_the_newest_handle_deletes() -> None:
    """A delete after the visibility timeout must not delete what another consumer works on."""
    q = queue()
    q.send("a", 0)
    old = q.receive(10, 0)[0].receipt_handle
    new = q.receive(10, VISIBILITY_SECONDS)[0].receipt_handle
    q.delete(old, VISIBILITY_SECONDS)
    assert q.in_flight == 1
    q.delete(new, VISIBILITY_SECONDS)
    assert (q.in_flight, q.waiting(VISIBILITY_SECONDS)) == (0, 0)
    q.delete(new, VISIBILITY_SECONDS)


def test_a_message_whose_time_ran_out_can_be_deleted_until_it_is_received_again() -> None:
    """Standard queues allow it: a slow poller's delete saves a duplicate."""
    q = queue()
    q.send("a", 0)
    [message] = q.receive(10, 0)
    q.delete(message.receipt_handle, VISIBILITY_SECONDS)
    assert q.receive(10, VISIBILITY_SECONDS) == []


@pytest.mark.parametrize("handle", ["", "nonsense", "#", "a#b", "a#-1"])
def test_what_never_was_a_handle_is_refused(handle: str) -> None:
    """A poller that mixes up its fields must get an error."""
    with pytest.raises(Refused) as refused:
        queue().delete(handle, 0)
    assert refused.value.code == "ReceiptHandleIsInvalid"


def test_what_is_not_in_flight_cannot_be_extended() -> None:
    """A consumer that extends too late gets an error."""
    q = queue()
    q.send("a", 0)
    [message] = q.receive(10, 0)
    with pytest.raises(Refused) as refused:
        q.change_visibility(message.receipt_handle, 5, VISIBILITY_SECONDS)
    assert refused.value.code == "MessageNotInflight"


def test_a_message_is_hidden_for_twelve_hours_at_most_from_its_receive() -> None:
    """AWS's limit, which a poller that extends for ever reaches."""
    q = queue()
    q.send("a", 0)
    [message] = q.receive(10, 0)
    q.change_visibility(message.receipt_handle, 43_195, 5)
    with pytest.raises(Refused) as refused:
        q.change_visibility(message.receipt_handle, 43_196, 5)
    assert refused.value.code == "InvalidParameterValue"


def test_after_its_receives_a_message_goes_to_the_dead_letter_queue_whole() -> None:
    """With its id and its body, or nobody could find it again."""
    dead = queue()
    q = queue(redrive=Redrive(dead, 2))
    sent = q.send("poison", 0)
    for now in (0, VISIBILITY_SECONDS):
        assert bodies(q.receive(10, now)) == ["poison"]
    assert q.receive(10, 2 * VISIBILITY_SECONDS) == []
    assert q.waiting(2 * VISIBILITY_SECONDS) == 0
    [message] = dead.receive(10, 2 * VISIBILITY_SECONDS)
    assert (message.id, message.body, message.source_arn) == (sent.message_id, "poison", "arn:test")


def test_a_deadline_of_the_source_queue_does_not_count_in_the_dead_letter_queue() -> None:
    """The source's heap still has the message when it is long gone."""
    dead = queue()
    q = queue(redrive=Redrive(dead, 1))
    q.send("poison", 0)
    [message] = q.receive(10, 0, 50)
    q.change_visibility(message.receipt_handle, 0, 0)
    q.receive(10, 0)
    dead.receive(10, 40)
    assert (q.is_ready(50), q.in_flight, dead.in_flight) == (False, 0, 1)


def test_a_group_is_blocked_while_a_message_of_it_is_in_flight_and_the_others_go_on() -> None:
    """The order of FIFO queues, for which senders pay."""
    q = fifo()
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        q.send(body, 0, group_id=group)
    [first] = q.receive(1, 0)
    assert first.body == "a1"
    assert bodies(q.receive(10, 0)) == ["b1"]
    q.delete(first.receipt_handle, 0)
    assert bodies(q.receive(10, 0)) == ["a2", "a3"], "one answer brings many of a group, in order"


def test_a_group_goes_on_with_the_message_that_came_back() -> None:
    """Never with a later one."""
    q = fifo()
    for body in ("a1", "a2", "a3"):
        q.send(body, 0, group_id="a")
    first, second = q.receive(2, 0)
    q.change_visibility(second.receipt_handle, 0, 1)
    assert q.receive(10, 1) == [], "the first is still in flight"
    q.change_visibility(first.receipt_handle, 0, 2)
    assert bodies(q.receive(10, 2)) == ["a1", "a2", "a3"]


def test_poison_in_a_group_blocks_it_until_the_dead_letter_queue_takes_it() -> None:
    """That is how a blocked group continues, and it breaks the order by design."""
    dead = fifo()
    q = fifo(redrive=Redrive(dead, 1))
    for body in ("poison", "good"):
        q.send(body, 0, group_id="a")
    assert bodies(q.receive(1, 0)) == ["poison"]
    assert bodies(q.receive(10, VISIBILITY_SECONDS)) == ["good"]
    assert bodies(dead.receive(10, VISIBILITY_SECONDS)) == ["poison"]


def test_a_fifo_delete_after_the_visibility_ran_out_is_refused() -> None:
    """Unlike on a standard queue: another consumer may have continued the group."""
    q = fifo()
    q.send("a", 0, group_id="a")
    [message] = q.receive(10, 0)
    with pytest.raises(Refused) as refused:
        q.delete(message.receipt_handle, VISIBILITY_SECONDS)
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("identity", [{"deduplication_id": "x"}, {}])
def test_a_message_is_taken_once_in_five_minutes_even_if_it_was_deleted(identity: dict[str, str]) -> None:
    """A sender that retries after a lost answer makes no second message."""
    q = fifo()
    first = q.send("a", 0, group_id="a", **identity)
    q.delete(q.receive(10, 1)[0].receipt_handle, 1)
    assert q.send("a", 299, group_id="a", **identity) == first
    assert q.waiting(299) == 0
    q.send("a", 300, group_id="a", **identity)
    assert q.waiting(300) == 1


def test_a_fifo_queue_wants_a_group_and_an_identity() -> None:
    """Guessing either would hide a sender's mistake."""
    with pytest.raises(Refused, match="MessageGroupId"):
        fifo().send("a", 0)
    with pytest.raises(Refused, match="MessageDeduplicationId"):
        queue(fifo=True).send("a", 0, group_id="a")


@pytest.mark.parametrize("make", [queue, fifo])
def test_a_repeated_message_comes_again_though_it_was_deleted(make: Callable[[], Queue]) -> None:
    """SQS promises at-least-once delivery, and consumers must cope."""
    q = make()
    q.send("a", 0, group_id="a")
    handle = q.receive(10, 0)[0].receipt_handle
    [message] = q._messages.values()
    q.repeat(message.id)
    if not q.fifo:
        q.delete(handle, 0)
    assert bodies(q.receive(10, 0)) == ["a"]


def test_a_purged_queue_has_nothing_not_even_in_flight() -> None:
    """Consumers can still delete what they had received, without an error."""
    q = queue()
    for body in "ab":
        q.send(body, 0)
    [message] = q.receive(1, 0)
    q.purge()
    q.delete(message.receipt_handle, 0)
    assert (q.in_flight, q.waiting(0), q.is_ready(100)) == (0, 0, False)


@pytest.mark.parametrize("make", [queue, fifo])
def test_a_receive_takes_as_many_steps_on_a_deep_queue_as_on_a_shallow_one(make: Callable[[], Queue]) -> None:
    """The reason for this emulator. Calls are counted, as a clock would make the test depend on the
    machine.
    """

    def steps(depth: int) -> int:
        q = make()
        for number in range(depth):
            q.send(str(number), 0, group_id=str(number % 50))
        calls = 0

        def count(_frame: object, _event: str, _argument: object) -> None:
            nonlocal calls
            calls += 1

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            for message in q.receive(10, 1):
                q.delete(message.receipt_handle, 2)
            q.is_ready(3)
            q.waiting(3)
        finally:
            sys.setprofile(before)
        return calls

    assert steps(5_000) <= steps(100) + 10


def test_outdated_deadlines_do_not_pile_up() -> None:
    """A message that is extended every second for hours would leave one each time."""
    q = queue()
    q.send("a", 0)
    [message] = q.receive(10, 0)
    for now in range(5_000):
        q.change_visibility(message.receipt_handle, 30_000, now)
    assert len(q._deadlines) <= 1_003


def test_a_group_that_is_over_is_forgotten() -> None:
    """Senders may use a group for each order, without end."""
    q = fifo()
    for number in range(100):
        q.send(str(number), 0, group_id=str(number))
        q.delete(q.receive(1, 0)[0].receipt_handle, 0)
    assert not q._groups


class Books:
    """What a queue should contain, kept in the simplest way: a list."""

    def __init__(self, q: Queue) -> None:
        self.queue = q
        self.now = 0
        self.sent: list[str] = []
        self.group: dict[str, str] = {}
        self.hidden_until: dict[str, int] = {}
        self.handles: list[tuple[str, str]] = []
        self.newest: dict[str, str] = {}

    def hidden(self, body: str) -> bool:
        return self.hidden_until.get(body, 0) > self.now

    def available(self) -> list[str]:
        blocked = {self.group[body] for body in self.sent if self.hidden(body)} if self.queue.fifo else set()
        return [body for body in self.sent if not self.hidden(body) and self.group[body] not in blocked]

    def send(self, group: int, _: int) -> None:
        body = f"{len(self.group)}"
        self.queue.send(body, self.now, group_id=str(group % 3))
        self.sent.append(body)
        self.group[body] = str(group % 3)

    def receive(self, limit: int, seconds: int) -> None:
        available = self.available()
        messages = self.queue.receive(limit + 1, self.now, seconds + 1)
        got = bodies(messages)
        assert len(got) == min(limit + 1, len(available))
        if not self.queue.fifo:
            assert got == available[: limit + 1]
        for group in set(self.group.values()):
            mine = [body for body in got if self.group[body] == group]
            assert mine == [body for body in available if self.group[body] == group][: len(mine)]
        for message in messages:
            self.hidden_until[message.body] = self.now + seconds + 1
            self.handles.append((message.body, message.receipt_handle))
            self.newest[message.body] = message.receipt_handle

    def delete(self, place: int, _: int) -> None:
        if self.handles:
            body, handle = self.handles[place % len(self.handles)]
            newest = self.newest[body] == handle
            there = body in self.sent
            if self.queue.fifo and there and not (newest and self.hidden(body)):
                with pytest.raises(Refused):
                    self.queue.delete(handle, self.now)
            else:
                self.queue.delete(handle, self.now)
                if there and newest:
                    self.sent.remove(body)

    def change_visibility(self, place: int, seconds: int) -> None:
        if self.handles:
            body, handle = self.handles[place % len(self.handles)]
            if body in self.sent and self.newest[body] == handle and self.hidden(body):
                self.queue.change_visibility(handle, seconds, self.now)
                self.hidden_until[body] = self.now + seconds
            else:
                with pytest.raises(Refused):
                    self.queue.change_visibility(handle, seconds, self.now)

    def wait(self, seconds: int, _: int) -> None:
        self.now += seconds

    def check(self) -> None:
        hidden = sum(self.hidden(body) for body in self.sent)
        assert self.queue.waiting(self.now) == len(self.sent) - hidden
        assert self.queue.in_flight == hidden
        assert self.queue.is_ready(self.now) == bool(self.available())
        due = [self.hidden_until[body] for body in self.sent if self.hidden(body)]
        if due:
            assert (self.queue.next_return() or 0) <= min(due), "a long poll would be woken too late"


VERBS = st.sampled_from(["send", "send", "receive", "receive", "delete", "change_visibility", "wait"])
STEPS = st.lists(st.tuples(VERBS, st.integers(0, 9), st.integers(0, 9)), max_size=80)


@pytest.mark.parametrize("make", [queue, fifo])
@given(steps=STEPS)
def test_whatever_happens_the_queue_holds_what_plain_books_say(
    make: Callable[[], Queue], steps: list[tuple[str, int, int]]
) -> None:
    """Heaps, outdated entries and lists of ready groups are optimisations, and must not show."""
    books = Books(make())
    for verb, first, second in steps:
        getattr(books, verb)(first, second)
        books.check()
