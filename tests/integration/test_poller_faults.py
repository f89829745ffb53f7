"""The poller with a faulty SQS: failing calls, FIFO order, kills."""

import json
import signal
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.claims import eventually

from queuecast_local import sqs

from .emulators import Emulator
from .poller import POLLER, published, settings
from .services import Queue, Redis, Service

HIDDEN_SECONDS = 9
"""A visibility timeout that a busy poller extends in time: it begins when half of it is over."""


@pytest.fixture
def faulty(sqs_of_ours: Emulator) -> Iterator[Emulator]:
    """An emulator that has no fault until a test sets one."""
    yield sqs_of_ours
    sqs_of_ours.fail()


@pytest.fixture
def brief(faulty: Emulator) -> Queue:
    """A queue with a short visibility timeout, so that unsettled messages come back soon."""
    return hiding(faulty, 2)


def hiding(emulator: Emulator, seconds: int) -> Queue:
    """Return a queue with this visibility timeout."""
    return Queue(emulator.port, f"test-{uuid.uuid4().hex[:12]}", seconds, max_receives=50)


def items(count: int) -> list[str]:
    return [json.dumps({"id": number}) for number in range(count)]


def assert_published_once(redis: Redis, queue: Queue, count: int) -> None:
    """Wait until the queue is empty; assert that each message is on the stream once."""
    eventually(lambda: queue.depth() == 0)
    assert sorted(item["id"] for item in published(redis)) == list(range(count))
    assert queue.dead() == 0


def failures(service: Service, call: str, reason: str) -> float:
    return service.metric("queuecast_poller_sqs_failures_total", call=call, reason=reason)


def books_balance(service: Service) -> bool:
    """Say whether each received message is counted in exactly one place."""
    outcomes = ("published", "duplicates", "returned")
    settled = sum(service.metric(f"queuecast_poller_{outcome}_total") for outcome in outcomes)
    reasons = ("altered", "not_json", "group_blocked")
    left = sum(service.metric("queuecast_poller_left_total", reason=reason) for reason in reasons)
    in_flight = service.metric("queuecast_poller_in_flight")
    return service.metric("queuecast_poller_received_total") == settled + left + in_flight


FAULTS = [
    ({"kind": "status", "status": 500}, "server_error"),
    ({"kind": "status", "status": 503, "body": "<html>Service Unavailable</html>"}, "server_error"),
    ({"kind": "status", "status": 200, "body": "<html>Hello</html>"}, "garbled"),
    ({"kind": "error", "status": 403, "code": "RequestThrottled"}, "throttled"),
    ({"kind": "error", "status": 400, "code": "ThrottlingException"}, "throttled"),
    ({"kind": "error", "status": 403, "code": "ExpiredToken"}, "credentials"),
    ({"kind": "error", "status": 403, "code": "InvalidClientTokenId"}, "credentials"),
    ({"kind": "error", "status": 403, "code": "AccessDenied"}, "denied"),
    ({"kind": "error", "status": 400, "code": "QueueDoesNotExist"}, "missing"),
    ({"kind": "reset_before"}, "connection"),
    ({"kind": "reset_after"}, "connection"),
    ({"kind": "cut_body"}, "connection"),
    ({"kind": "hang", "seconds": 30}, "timeout"),
]


@pytest.mark.parametrize(
    ("fault", "reason"),
    FAULTS,
    ids=lambda value: "-".join(map(str, dict(value).values()))[:30] if isinstance(value, dict) else value,
)
def test_a_call_that_fails_is_counted_under_its_reason_and_costs_nothing(
    fault: dict[str, Any],
    reason: str,
    forgetful_redis: Redis,
    faulty: Emulator,
    brief: Queue,
    start: Callable[..., Service],
) -> None:
    """Receives and deletes fail, before or after SQS has acted: every message arrives once."""
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    faulty.fail(
        {"action": "ReceiveMessage", "times": 1, **fault},
        {"action": "DeleteMessageBatch", "times": 1, **fault},
    )
    brief.send(*items(15))
    assert_published_once(forgetful_redis, brief, 15)
    eventually(lambda: failures(service, "receive", reason) == 1)
    # A delete that was done, and whose answer is lost, fails a moment later.
    eventually(lambda: failures(service, "delete", reason) == 1)
    assert service.metric("queuecast_poller_receives_total", outcome="error") == 1
    eventually(lambda: service.ready() and books_balance(service))


def test_an_altered_body_is_left_and_arrives_whole_the_next_time(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """SQS has stored the right body; only the copy from the network was altered."""
    faulty.fail({"action": "ReceiveMessage", "kind": "corrupt", "times": 1})
    service = start(POLLER, settings(forgetful_redis, brief))
    brief.send(*items(5))
    assert_published_once(forgetful_redis, brief, 5)
    assert service.metric("queuecast_poller_left_total", reason="altered") == 1
    eventually(lambda: books_balance(service))


def test_a_message_that_is_delivered_twice_is_published_once(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """SQS promises delivery at least once, not exactly once."""
    faulty.fail({"action": "ReceiveMessage", "kind": "duplicate", "times": 3})
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    for item in items(3):
        brief.send(item)
    assert_published_once(forgetful_redis, brief, 3)
    assert service.metric("queuecast_poller_duplicates_total") >= 1
    eventually(lambda: books_balance(service))


def test_entries_that_a_delete_refused_are_deleted_alone(
    forgetful_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """The answer's status is 200; a poller that ignored the entries would see them come back for ever."""
    queue = hiding(faulty, 30)
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    faulty.fail({"action": "DeleteMessageBatch", "kind": "fail_entries", "times": 2})
    queue.send(*items(10))
    assert_published_once(forgetful_redis, queue, 10)
    assert service.metric("queuecast_poller_sqs_failures_total", call="delete", reason="server_error") >= 2
    assert service.metric("queuecast_poller_delete_failures_total") == 0
    assert service.metric("queuecast_poller_redelivered_total") == 0


def test_a_poller_that_is_killed_before_it_deletes_changes_nothing(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """The published messages come back and count as duplicates; browsers do not see them twice."""
    faulty.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60})
    killed = start(POLLER, settings(forgetful_redis, brief))
    brief.send(*items(20))
    eventually(lambda: len(published(forgetful_redis)) == 20)
    assert brief.depth() == 20
    killed.process.stop(grace_seconds=0)
    faulty.fail()
    service = start(POLLER, settings(forgetful_redis, brief))
    assert_published_once(forgetful_redis, brief, 20)
    assert service.metric("queuecast_poller_duplicates_total") >= 20, "more if it was late with a delete"
    assert service.metric("queuecast_poller_published_total") == 0


def test_an_outage_of_redis_costs_a_message_no_receive_however_long_it_is(
    own_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """It is held for longer than it is hidden: further receives would make it a dead letter."""
    queue = hiding(faulty, HIDDEN_SECONDS)
    service = start(POLLER, settings(own_redis, queue))
    eventually(service.ready)
    own_redis.process.signal(signal.SIGSTOP)
    queue.send(*items(10))
    eventually(lambda: service.metric("queuecast_poller_extended_total") > 10)
    own_redis.process.signal(signal.SIGCONT)
    assert_published_once(own_redis, queue, 10)
    assert service.metric("queuecast_poller_redelivered_total") == 0
    assert failures(service, "visibility", "receipt") == 0


def test_messages_whose_delete_hangs_stay_hidden(
    forgetful_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """Receiving a message that is already published is wasted work."""
    queue = hiding(faulty, HIDDEN_SECONDS)
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    # It is given up, and tried again, after ten seconds.
    faulty.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60, "times": 1})
    queue.send(*items(10))
    assert_published_once(forgetful_redis, queue, 10)
    assert service.metric("queuecast_poller_extended_total") > 0
    assert service.metric("queuecast_poller_redelivered_total") == 0


class Ordered(Queue):
    """A FIFO queue with a dead-letter queue and a short visibility timeout."""

    def __init__(self, emulator: Emulator, max_receives: int = 50, hidden_seconds: int = 2) -> None:
        dead = emulator.queue(fifo=True)
        policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receives})
        made = emulator.queue(fifo=True, VisibilityTimeout=f"{hidden_seconds}", RedrivePolicy=policy)
        self.client = emulator.client
        self.environment = sqs.environment(emulator.port)
        self.url, self.dead_url = made.url, dead.url
        self.name = made.url.rpartition("/")[2]
        self._sent = 0

    def send_in_groups(self, count: int, groups: int) -> None:
        """Put numbered messages on the queue, one by one, for each group in turn."""
        for number in range(self._sent, self._sent + count):
            self.send_to(f"group-{number % groups}", json.dumps({"id": number, "group": number % groups}))
        self._sent += count

    def send_to(self, group: str, body: str) -> None:
        self.client.send_message(
            QueueUrl=self.url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=uuid.uuid4().hex
        )


def assert_in_order(redis: Redis) -> None:
    """Assert that each group's messages are on the stream in the order in which they were sent."""
    found = published(redis)
    for group in {item["group"] for item in found}:
        numbers = [item["id"] for item in found if item["group"] == group]
        assert numbers == sorted(numbers), group


FIFO_FAULTS = [
    {"action": "ReceiveMessage", "kind": "reset_after"},
    {"action": "ReceiveMessage", "kind": "duplicate"},
    {"action": "ReceiveMessage", "kind": "corrupt"},
    {"action": "DeleteMessageBatch", "kind": "fail_entries"},
    {"action": "DeleteMessageBatch", "kind": "reset_after"},
    {"action": "DeleteMessageBatch", "kind": "status", "status": 500},
]


@pytest.mark.parametrize("fault", FIFO_FAULTS, ids=lambda fault: f"{fault['action']}-{fault['kind']}")
def test_the_order_of_a_group_holds_whatever_sqs_does_wrong(
    fault: dict[str, Any], forgetful_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """FIFO order must hold up to the browser, with two pollers and many receives under way."""
    queue = Ordered(faulty)
    faulty.fail({**fault, "chance": 0.3, "times": 6})
    services = [start(POLLER, settings(forgetful_redis, queue)) for _ in range(2)]
    eventually(lambda: all(service.ready() for service in services))
    queue.send_in_groups(120, groups=6)
    assert_published_once(forgetful_redis, queue, 120)
    assert_in_order(forgetful_redis)
    eventually(lambda: all(books_balance(service) for service in services))


def test_the_order_of_a_group_holds_through_kills_and_outages(
    own_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """The kill comes between publish and delete; the outage outlasts the visibility timeout."""
    queue = Ordered(faulty)
    faulty.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60})
    killed = start(POLLER, settings(own_redis, queue))
    queue.send_in_groups(60, groups=6)
    eventually(lambda: len(published(own_redis)) >= 6)
    killed.process.stop(grace_seconds=0)
    faulty.fail()
    services = [start(POLLER, settings(own_redis, queue)) for _ in range(2)]
    eventually(lambda: all(service.ready() for service in services))
    own_redis.kill()
    queue.send_in_groups(60, groups=6)
    eventually(lambda: any(service.metric("queuecast_poller_extended_total") >= 4 for service in services))
    own_redis.start()
    assert_published_once(own_redis, queue, 120)
    assert_in_order(own_redis)


def test_a_bad_message_takes_none_of_its_group_to_the_dead_letter_queue(
    forgetful_redis: Redis, faulty: Emulator, start: Callable[..., Service]
) -> None:
    """The messages behind it wait, and are received as often; then they are published in order."""
    queue = Ordered(faulty, max_receives=3, hidden_seconds=30)
    queue.send_to("group-0", json.dumps({"id": 0, "group": 0}))
    queue.send_to("group-0", "no json")
    for number in range(1, 15):
        queue.send_to("group-0", json.dumps({"id": number, "group": 0}))
    queue.send_to("group-1", json.dumps({"id": 15, "group": 1}))
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(lambda: queue.dead() == 1 and queue.depth() == 0)
    assert sorted(item["id"] for item in published(forgetful_redis)) == list(range(16))
    assert_in_order(forgetful_redis)
    assert service.metric("queuecast_poller_left_total", reason="not_json") == 3
    assert service.metric("queuecast_poller_left_total", reason="group_blocked") > 0
