"""The poller as a process, against a real Redis and a real SQS emulator."""

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.claims import eventually

from queuecast_bus.keys import Keys
from queuecast_local import sqs

from .conftest import Queue, Redis, Service
from .emulators import Emulator, ours

POLLER = "queuecast_poller"


def settings(redis: Redis, *queues: Queue, **more: str) -> dict[str, str]:
    return {
        **queues[0].environment,
        "QUEUECAST_REDIS_URL": redis.url,
        "QUEUECAST_QUEUES": ",".join(queue.name for queue in queues),
        "QUEUECAST_WAIT_SECONDS": "1",
        **more,
    }


def published(redis: Redis) -> list[Any]:
    """Return the data of all records on the stream."""
    return [json.loads(fields[b"d"])[0] for _, fields in redis.client.xrange(Keys().stream)]


def test_messages_are_published_and_then_deleted(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """The way of a message, in order, with its address and its age."""
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    queue.send('{"id": 1}', '{"id": 2}')
    queue.send('{"eur": 3}', event="price", rooms="sku:7, vip", namespace="/shop")
    eventually(lambda: len(published(forgetful_redis)) == 3 and queue.depth() == 0)
    assert sorted(map(str, published(forgetful_redis))) == ["{'eur': 3}", "{'id': 1}", "{'id': 2}"]
    addressed = next(f for _, f in forgetful_redis.client.xrange(Keys().stream) if f[b"e"] == b"price")
    assert json.loads(addressed[b"a"]) == ["/shop", ["sku:7", "vip"]]
    assert abs(int(addressed[b"t"]) / 1000 - time.time()) < 30


def test_a_message_that_is_not_json_goes_to_the_dead_letter_queue_and_its_neighbours_go_on(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service]
) -> None:
    """One bad sender must not stop the others, and nothing is thrown away."""
    queue = Queue(emulator, f"dead-{time.monotonic_ns()}", visibility_seconds=1, max_receives=2)
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    queue.send('{"id": 1}', "no json", '{"id": 2}', "[NaN]")
    queue.send('{"id": 3}', rooms=" , ")
    eventually(lambda: queue.dead() == 3)
    assert sorted(item["id"] for item in published(forgetful_redis)) == [1, 2]
    left = "queuecast_poller_left_total"
    assert service.metric(left, reason="not_json") == 4, "two messages, two receives each"
    assert service.metric(left, reason="bad_address") == 2
    assert "room ''" in service.log()


def test_while_redis_is_down_nothing_is_deleted_and_everything_arrives_once_when_it_is_back(
    own_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """The promise, for its commonest failure."""
    service = start(POLLER, settings(own_redis, queue))
    eventually(service.ready)
    own_redis.kill()
    queue.send(*(json.dumps({"id": number}) for number in range(30)))
    eventually(lambda: service.ask("/readyz")[0] == 503)
    assert "bus: " in service.ask("/readyz")[1]
    assert service.ask("/livez")[0] == 200
    assert queue.depth() == 30
    own_redis.start()
    eventually(lambda: queue.depth() == 0 and service.ready())
    assert sorted(item["id"] for item in published(own_redis)) == list(range(30))
    assert service.metric("queuecast_poller_published_total") == 30
    assert service.metric("queuecast_poller_redelivered_total") == 0, "an outage costs no receive"
    assert service.metric("queuecast_poller_in_flight") == 0


def test_a_full_redis_is_an_outage_and_not_a_loss(
    own_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """At maxmemory with noeviction writes fail although Redis answers pings."""
    service = start(POLLER, settings(own_redis, queue))
    eventually(service.ready)
    own_redis.client.config_set("maxmemory", "1")
    queue.send('{"id": 1}')
    eventually(lambda: service.ask("/readyz")[0] == 503)
    assert queue.depth() == 1
    own_redis.client.config_set("maxmemory", "0")
    eventually(lambda: queue.depth() == 0 and published(own_redis) == [{"id": 1}])


def test_sigterm_returns_what_cannot_be_published_at_once(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """Another replica should have it now, not after the visibility timeout."""
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    forgetful_redis.kill()
    queue.send('{"id": 1}')
    eventually(lambda: service.metric("queuecast_poller_in_flight") == 1)
    assert queue.visible() == 0
    service.process.signal(signal.SIGTERM)
    assert service.process.wait(60) == 0
    assert queue.visible() == 1


def test_sigterm_during_a_long_poll_ends_with_0_within_25_seconds(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """A full long poll is waited for, so that nothing it brings is stranded."""
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_WAIT_SECONDS="20"))
    eventually(service.ready)
    eventually(lambda: service.metric("queuecast_poller_open_receives") == 1)
    service.process.signal(signal.SIGTERM)
    queue.send('{"id": 1}')
    began = time.monotonic()
    assert service.process.wait(60) == 0
    assert time.monotonic() - began < 25
    assert published(forgetful_redis) == [{"id": 1}], "what the last receive brought is finished"


def test_a_queue_that_is_missing_is_named_and_taken_up_once_it_exists(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service]
) -> None:
    """Queues and pollers are rolled out in any order."""
    name = f"late-{time.monotonic_ns()}"
    environment = {**sqs.environment(emulator), "QUEUECAST_REDIS_URL": forgetful_redis.url}
    service = start(POLLER, {**environment, "QUEUECAST_QUEUES": name, "QUEUECAST_WAIT_SECONDS": "1"})
    eventually(lambda: name in service.ask("/readyz")[1] and "NonExistent" in service.log())
    queue = Queue(emulator, name)
    eventually(service.ready)
    queue.send('{"id": 1}')
    eventually(lambda: published(forgetful_redis) == [{"id": 1}])


def test_each_queue_has_a_thread_and_figures_of_its_own(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service]
) -> None:
    """One queue's traffic or trouble must not be another's."""
    one, two = (Queue(emulator, f"{word}-{time.monotonic_ns()}") for word in ("one", "two"))
    service = start(POLLER, settings(forgetful_redis, one, two))
    eventually(service.ready)
    one.send("1", "2")
    two.send("3")
    eventually(lambda: len(published(forgetful_redis)) == 3)
    assert service.metric("queuecast_poller_published_total", queue=one.name) == 2
    assert service.metric("queuecast_poller_published_total", queue=two.name) == 1


def test_a_fifo_queue_keeps_the_order_of_its_groups(
    forgetful_redis: Redis, sqs_of_ours: Emulator, start: Callable[..., Service]
) -> None:
    """Who pays for FIFO wants the order up to the browser. Moto gives one group to two long polls at once."""
    client = sqs_of_ours.client
    name = f"ordered-{time.monotonic_ns()}.fifo"
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    for number in range(40):
        client.send_message(
            QueueUrl=url, MessageBody=json.dumps({"n": number}), MessageGroupId=f"g{number % 2}"
        )
    environment = {**sqs.environment(sqs_of_ours.port), "QUEUECAST_REDIS_URL": forgetful_redis.url}
    start(POLLER, {**environment, "QUEUECAST_QUEUES": name, "QUEUECAST_WAIT_SECONDS": "1"})
    eventually(lambda: len(published(forgetful_redis)) == 40)
    for group in range(2):
        numbers = [item["n"] for item in published(forgetful_redis) if item["n"] % 2 == group]
        assert numbers == sorted(numbers)


# What SQS does wrong, at an emulator that does it on demand


@pytest.fixture(scope="module")
def sqs_of_ours() -> Iterator[Emulator]:
    with ours() as emulator:
        yield emulator


@pytest.fixture
def faulty(sqs_of_ours: Emulator) -> Iterator[Emulator]:
    """An emulator without a fault until the test asks for one."""
    yield sqs_of_ours
    sqs_of_ours.fail()


@pytest.fixture
def brief(faulty: Emulator) -> Queue:
    """A queue that shows soon what it had handed out in vain."""
    return Queue(faulty.port, f"test-{uuid.uuid4().hex[:12]}", visibility_seconds=2, max_receives=50)


def items(count: int) -> list[str]:
    return [json.dumps({"id": number}) for number in range(count)]


def assert_published_once(redis: Redis, queue: Queue, count: int) -> None:
    """Wait until the queue is empty; then each message is on the stream once."""
    eventually(lambda: queue.depth() == 0)
    assert sorted(item["id"] for item in published(redis)) == list(range(count))
    assert queue.dead() == 0


def books_balance(service: Service) -> bool:
    """Say whether each received message is in exactly one place."""
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
    """Receiving or deleting, before or after the action was done: everything arrives, once."""
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    faulty.fail(
        {"action": "ReceiveMessage", "times": 1, **fault},
        {"action": "DeleteMessageBatch", "times": 1, **fault},
    )
    brief.send(*items(15))
    assert_published_once(forgetful_redis, brief, 15)
    for call in ("receive", "delete"):
        assert service.metric("queuecast_poller_sqs_failures_total", call=call, reason=reason) == 1, call
    assert service.metric("queuecast_poller_receives_total", outcome="error") == 1
    eventually(lambda: service.ready() and books_balance(service))


def test_an_altered_body_is_left_and_arrives_whole_the_next_time(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """What SQS has stored is right; only what came over the network was not."""
    faulty.fail({"action": "ReceiveMessage", "kind": "corrupt", "times": 1})
    service = start(POLLER, settings(forgetful_redis, brief))
    brief.send(*items(5))
    assert_published_once(forgetful_redis, brief, 5)
    assert service.metric("queuecast_poller_left_total", reason="altered") == 1
    eventually(lambda: books_balance(service))


def test_a_message_that_is_delivered_twice_is_published_once(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """SQS promises at least once, no more."""
    faulty.fail({"action": "ReceiveMessage", "kind": "duplicate", "times": 3})
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    for item in items(3):
        brief.send(item)
    assert_published_once(forgetful_redis, brief, 3)
    assert service.metric("queuecast_poller_duplicates_total") >= 1
    eventually(lambda: books_balance(service))


def test_entries_that_a_delete_refused_are_deleted_alone(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """The answer's status is 200; who does not read it leaves messages to come back for ever."""
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    faulty.fail({"action": "DeleteMessageBatch", "kind": "fail_entries", "times": 2})
    brief.send(*items(10))
    assert_published_once(forgetful_redis, brief, 10)
    assert service.metric("queuecast_poller_sqs_failures_total", call="delete", reason="server_error") >= 2
    assert service.metric("queuecast_poller_delete_failures_total") == 0
    assert service.metric("queuecast_poller_redelivered_total") == 0


def test_a_poller_that_is_killed_before_it_deletes_changes_nothing(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """What was published comes back, and is a duplicate: browsers see nothing of it."""
    faulty.fail({"action": "DeleteMessageBatch", "kind": "hang", "seconds": 60})
    killed = start(POLLER, settings(forgetful_redis, brief))
    brief.send(*items(20))
    eventually(lambda: len(published(forgetful_redis)) == 20)
    assert brief.depth() == 20
    killed.process.stop(grace_seconds=0)
    faulty.fail()
    service = start(POLLER, settings(forgetful_redis, brief))
    assert_published_once(forgetful_redis, brief, 20)
    assert service.metric("queuecast_poller_duplicates_total") == 20
    assert service.metric("queuecast_poller_published_total") == 0


def test_an_outage_of_redis_costs_a_message_no_receive_however_long_it_is(
    own_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """Hidden for 2 s and held for more: at the next receives it would be taken for dead."""
    service = start(POLLER, settings(own_redis, brief))
    eventually(service.ready)
    own_redis.process.signal(signal.SIGSTOP)
    brief.send(*items(10))
    eventually(lambda: service.metric("queuecast_poller_extended_total") >= 4)
    own_redis.process.signal(signal.SIGCONT)
    assert_published_once(own_redis, brief, 10)
    assert service.metric("queuecast_poller_redelivered_total") == 0
    assert service.metric("queuecast_poller_sqs_failures_total", call="visibility", reason="receipt") == 0


def test_messages_whose_delete_hangs_stay_hidden(
    forgetful_redis: Redis, faulty: Emulator, brief: Queue, start: Callable[..., Service]
) -> None:
    """A receive of what is published already is one for nothing."""
    service = start(POLLER, settings(forgetful_redis, brief))
    eventually(service.ready)
    faulty.fail({"action": "DeleteMessageBatch", "kind": "delay", "seconds": 5})
    brief.send(*items(10))
    assert_published_once(forgetful_redis, brief, 10)
    assert service.metric("queuecast_poller_extended_total") > 0
    assert service.metric("queuecast_poller_redelivered_total") == 0


# Order


class Ordered(Queue):
    """A FIFO queue with a dead-letter queue; hides for 2 s."""

    def __init__(self, emulator: Emulator, max_receives: int = 50) -> None:
        dead = emulator.queue(fifo=True)
        policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receives})
        made = emulator.queue(fifo=True, VisibilityTimeout="2", RedrivePolicy=policy)
        self.client = emulator.client
        self.environment = sqs.environment(emulator.port)
        self.url, self.dead_url = made.url, dead.url
        self.name = made.url.rpartition("/")[2]
        self._sent = 0

    def send_in_groups(self, count: int, groups: int) -> None:
        """Put numbered messages on the queue, one after the other, to each group in turn."""
        for number in range(self._sent, self._sent + count):
            self.send_to(f"group-{number % groups}", json.dumps({"id": number, "group": number % groups}))
        self._sent += count

    def send_to(self, group: str, body: str) -> None:
        self.client.send_message(
            QueueUrl=self.url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=uuid.uuid4().hex
        )


def assert_in_order(redis: Redis) -> None:
    """Each group's messages are on the stream in the order in which they were sent."""
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
    """Who pays for FIFO wants the order up to the browser, with two pollers and many receives under way."""
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
    """Between publish and delete, and while Redis is away for longer than messages are hidden."""
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
    """Its followers wait for it, and are received as often as it is; then they go on, in order."""
    queue = Ordered(faulty, max_receives=3)
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


# The process


DEAD_LOOP = """
import queuecast_poller.app as app
class Broken(app.Intake):
    async def run(self, stop):
        raise ZeroDivisionError("a bug")
app.Intake = Broken
from queuecast_poller.__main__ import main
main()
"""


def test_a_loop_that_dies_ends_the_process_with_a_failure(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """A container that polls nothing must not look alive."""
    service = start(POLLER, settings(forgetful_redis, queue), DEAD_LOOP)
    assert service.process.wait(60) == 1
    assert "a bug" in service.log()


STUCK_LOOP = """
import time
import queuecast_poller.app as app
class Stuck(app.Intake):
    async def run(self, stop):
        time.sleep(60)
app.Intake = Stuck
pulse = app.Pulse
app.Pulse = lambda queue, stall_seconds: pulse(queue, 1.0)
from queuecast_poller.__main__ import main
main()
"""


def test_livez_follows_the_loop_and_not_the_http_server(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """The admin server answers from another thread, and would say that all is well for ever."""
    service = start(POLLER, settings(forgetful_redis, queue), STUCK_LOOP)
    eventually(lambda: service.ask("/livez")[0] == 503)
    assert "made no step" in service.ask("/livez")[1]
    assert service.metric("queuecast_poller_in_flight") == 0, "a scrape waits for no queue's loop"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"QUEUECAST_QUEUES": ""}, "QUEUECAST_QUEUES is missing"),
        ({"QUEUECAST_QUEUE": "x"}, "did you mean QUEUECAST_QUEUES?"),
        ({"QUEUECAST_WAIT_SECONDS": "21"}, "QUEUECAST_WAIT_SECONDS"),
        ({"QUEUECAST_REDIS_URL": "http://somewhere"}, "QUEUECAST_REDIS_URL"),
    ],
)
def test_a_wrong_environment_is_refused_with_the_name_of_the_variable(
    wrong: dict[str, str], says: str, start: Callable[..., Service]
) -> None:
    """A poller that starts with a guess would poll the wrong thing."""
    service = start(POLLER, {"QUEUECAST_QUEUES": "x", **wrong})
    assert service.process.wait(60) == 2
    assert says in service.log()


def test_a_port_in_use_is_named_with_its_variable(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """Whoever reads the log should know what to change."""
    taken = str(forgetful_redis.port)
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_ADMIN_PORT=taken))
    assert service.process.wait(60) == 2
    assert f"port {taken}" in service.log()
    assert "QUEUECAST_ADMIN_PORT" in service.log()
