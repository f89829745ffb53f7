"""The poller as a process, with a real Redis and a real SQS emulator."""

import json
import signal
import time
from collections.abc import Callable

import pytest
from tests.claims import eventually

from queuecast_bus.keys import Keys
from queuecast_local import sqs

from .emulators import Emulator
from .poller import POLLER, published, settings
from .services import Queue, Redis, Service


def test_messages_are_published_and_then_deleted(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """Records keep the order, and each has the message's address and age."""
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
    """One bad sender must not stop the others, and no message is thrown away."""
    queue = Queue(emulator, f"dead-{time.monotonic_ns()}", max_receives=2)
    service = start(POLLER, settings(forgetful_redis, queue))
    eventually(service.ready)
    queue.send('{"id": 1}', "no json", '{"id": 2}', "[NaN]")
    queue.send('{"id": 3}', rooms=" , ")
    eventually(lambda: queue.dead() == 3)
    assert sorted(item["id"] for item in published(forgetful_redis)) == [1, 2]
    left = "queuecast_poller_left_total"
    assert service.metric(left, reason="not_json") == 4, "two messages were received twice each"
    assert service.metric(left, reason="bad_address") == 2
    assert "room ''" in service.log()


def test_while_redis_is_down_nothing_is_deleted_and_everything_arrives_once_when_it_is_back(
    own_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """The project's promise holds in its most common failure."""
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
    assert service.metric("queuecast_poller_redelivered_total") == 0, "an outage must not use up receives"
    assert service.metric("queuecast_poller_in_flight") == 0


def test_a_full_redis_is_an_outage_and_not_a_loss(
    own_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """At maxmemory with noeviction, writes fail although Redis answers pings."""
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
    """Another replica should get it now, not after the visibility timeout."""
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
    """The poller waits for a whole long poll, so that no message it brings is stranded."""
    service = start(POLLER, settings(forgetful_redis, queue, QUEUECAST_WAIT_SECONDS="20"))
    eventually(service.ready)
    eventually(lambda: service.metric("queuecast_poller_open_receives") == 1)
    service.process.signal(signal.SIGTERM)
    queue.send('{"id": 1}')
    began = time.monotonic()
    assert service.process.wait(60) == 0
    assert time.monotonic() - began < 25
    assert published(forgetful_redis) == [{"id": 1}], "the messages of the last receive are finished"


def test_a_queue_that_is_missing_is_named_and_taken_up_once_it_exists(
    forgetful_redis: Redis, emulator: int, start: Callable[..., Service]
) -> None:
    """Queues and pollers may be rolled out in any order."""
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
    """One queue's traffic or trouble must not affect another's."""
    one, two = (Queue(emulator, f"{word}-{time.monotonic_ns()}") for word in ("one", "two"))
    service = start(POLLER, settings(forgetful_redis, one, two))
    eventually(service.ready)
    one.send("1", "2")
    two.send("3")
    eventually(lambda: len(published(forgetful_redis)) == 3)
    # A record is counted when Redis has confirmed it.
    eventually(lambda: service.metric("queuecast_poller_published_total", queue=one.name) == 2)
    eventually(lambda: service.metric("queuecast_poller_published_total", queue=two.name) == 1)


def test_a_fifo_queue_keeps_the_order_of_its_groups(
    forgetful_redis: Redis, sqs_of_ours: Emulator, start: Callable[..., Service]
) -> None:
    """FIFO order must hold up to the browser. Moto hands one group to two polls at once."""
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
liveness = app.Liveness
app.Liveness = lambda queue, stall_seconds: liveness(queue, 1.0)
from queuecast_poller.__main__ import main
main()
"""


def test_livez_follows_the_loop_and_not_the_http_server(
    forgetful_redis: Redis, queue: Queue, start: Callable[..., Service]
) -> None:
    """The admin server has its own thread, so by itself it would report "alive" for ever."""
    service = start(POLLER, settings(forgetful_redis, queue), STUCK_LOOP)
    eventually(lambda: service.ask("/livez")[0] == 503)
    assert "made no progress" in service.ask("/livez")[1]
    assert service.metric("queuecast_poller_in_flight") == 0, "a scrape does not wait for any queue's loop"


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
    """A poller that guessed its settings would poll the wrong queue."""
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
