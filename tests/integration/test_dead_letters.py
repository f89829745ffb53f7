"""Bad messages with a real queue: how soon they are out of the way, what is told of them, the way back."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.claims import eventually

from queuecast_bus.keys import Keys
from queuecast_local import sqs

from . import emulators
from .conftest import Redis, Service
from .emulators import Emulator, Json, TestedQueue

POLLER = "queuecast_poller"
HIDDEN_SECONDS = 300
"""Visibility timeout of the queues here: far longer than any test may take. What waits for it fails."""

NO_MOVES = {"action": "StartMessageMoveTask", "kind": "error", "status": 400, "code": "InvalidAction"}
"""What an emulator says that cannot move messages."""

TEXT = {"DataType": "String", "StringValue": "sku:7"}
BYTES = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}


@pytest.fixture(scope="module")
def ours() -> Iterator[Emulator]:
    with emulators.ours() as found:
        yield found


@pytest.fixture(scope="module")
def elasticmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulators.elasticmq(tmp_path_factory.mktemp("elasticmq")) as found:
        yield found


@pytest.fixture(params=["ours", "ours without moves", "moto", "elasticmq"])
def each(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Each emulator, those that move dead letters by themselves and those that cannot."""
    if request.param == "moto":
        yield Emulator(request.getfixturevalue("moto"))
        return
    found: Emulator = request.getfixturevalue(request.param.split()[0])
    if "without" in request.param:
        found.fail(NO_MOVES)
    yield found
    if request.param.startswith("ours"):
        found.fail()


@pytest.fixture(params=["ours", "elasticmq"])
def ordered(request: pytest.FixtureRequest) -> Emulator:
    """Those that keep the order of a group whoever asks; moto hands it to two long polls at once."""
    found: Emulator = request.getfixturevalue(request.param)
    return found


class Pair:
    """A queue with its dead-letter queue."""

    def __init__(self, emulator: Emulator, max_receives: int | None = 3, *, fifo: bool = False) -> None:
        self.emulator = emulator
        self.dead = emulator.queue(fifo=fifo)
        more = {"VisibilityTimeout": str(HIDDEN_SECONDS)}
        if max_receives is not None:
            policy = {"deadLetterTargetArn": self.dead.arn, "maxReceiveCount": max_receives}
            more["RedrivePolicy"] = json.dumps(policy)
        self.queue = emulator.queue(fifo=fifo, **more)
        self.name = self.queue.url.rpartition("/")[2]

    def poller(self, redis: Redis, **more: str) -> dict[str, str]:
        """Return the environment of a poller of the queue."""
        return {
            **sqs.environment(self.emulator.port),
            "QUEUECAST_REDIS_URL": redis.url,
            "QUEUECAST_QUEUES": self.name,
            "QUEUECAST_WAIT_SECONDS": "1",
            **more,
        }

    def bury(self, body: str, **attributes: Json) -> None:
        """Have a message become a dead letter, as SQS does it."""
        self.queue.client.send_message(
            QueueUrl=self.queue.url, MessageBody=body, MessageAttributes=attributes
        )

        def dead() -> bool:
            return not self.queue.receive(VisibilityTimeout=0) and self.dead.depth()[0] > before

        before = self.dead.depth()[0]
        eventually(dead)

    def command(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `dead-letters` to its end."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **sqs.environment(self.emulator.port),
            "QUEUECAST_QUEUES": self.name,
            **settings,
        }
        command = (sys.executable, "-m", POLLER, "dead-letters", *arguments)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )


def published(redis: Redis) -> list[Any]:
    return [json.loads(fields[b"d"])[0] for _, fields in redis.client.xrange(Keys().stream)]


def send_to_group(queue: TestedQueue, group: str, *bodies: str) -> None:
    for body in bodies:
        queue.client.send_message(
            QueueUrl=queue.url,
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )


# How soon


def test_a_bad_message_is_a_dead_letter_at_once(
    each: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """Not after a visibility timeout for each receive that its policy allows."""
    pair = Pair(each)
    pair.queue.send("no json", '{"id":1}')
    service = start(POLLER, pair.poller(forgetful_redis))
    eventually(lambda: pair.dead.depth()[0] == 1 and pair.queue.depth() == (0, 0))
    assert published(forgetful_redis) == [{"id": 1}]
    eventually(lambda: service.metric("queuecast_poller_left_total", reason="not_json") == 3)
    assert service.metric("queuecast_poller_dead_letters_total", reason="not_json") == 1
    assert service.log().count("is left") == 3


def test_a_group_waits_for_its_bad_message_for_seconds(
    ordered: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """It was (receives - 1) visibility timeouts. All of the group arrives, in order; nothing else dies."""
    pair = Pair(ordered, fifo=True)
    send_to_group(pair.queue, "a", '{"id":0}', "no json", *(json.dumps({"id": n}) for n in range(1, 15)))
    send_to_group(pair.queue, "b", '{"id":15}', '{"id":16}')
    services = [start(POLLER, pair.poller(forgetful_redis)) for _ in range(2)]
    eventually(lambda: all(service.ready() for service in services))
    eventually(lambda: pair.dead.depth()[0] == 1 and pair.queue.depth() == (0, 0), 60)
    found = [item["id"] for item in published(forgetful_redis)]
    assert [number for number in found if number < 15] == list(range(15))
    assert sorted(found) == list(range(17))
    left = sum(service.metric("queuecast_poller_left_total", reason="not_json") for service in services)
    assert left == 3


def test_without_a_policy_a_bad_message_is_hidden_and_its_neighbours_go_on(
    ours: Emulator, forgetful_redis: Redis, start: Callable[..., Service]
) -> None:
    """It would come again at once, for ever: here it is out of the way, for longer each time."""
    pair = Pair(ours, max_receives=None)
    pair.queue.send("no json")
    pair.queue.receive(VisibilityTimeout=0)
    pair.queue.send('{"id":1}')
    service = start(POLLER, pair.poller(forgetful_redis))
    eventually(lambda: published(forgetful_redis) == [{"id": 1}] and pair.queue.depth() == (0, 1))
    assert service.metric("queuecast_poller_left_total", reason="not_json") == 1


# The command


def test_it_lists_what_is_there_and_why_it_would_fail_again(each: Emulator) -> None:
    """With the settings of now: what was too large for an old one is not any more. Nothing is changed."""
    pair = Pair(each, max_receives=1)
    pair.bury("no json")
    pair.bury("[1,2,3]")
    listed = pair.command("--json")
    assert listed.returncode == 0, listed.stderr
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert sorted((letter["reason"] or "-", letter["queue"]) for letter in found) == [
        ("-", pair.name),
        ("not_json", pair.name),
    ]
    assert {letter["outcome"] for letter in found} == {"leave", "publish"}
    assert all(letter["message_id"] and letter["sent"].startswith("20") for letter in found)
    text = pair.command(QUEUECAST_MAX_BODY_BYTES="3").stdout
    assert "not_json: Expecting value" not in text
    assert text.count("too_large: 7 bytes, at most 3 are published") == 2
    assert text.splitlines()[-1] == f"queue {pair.name}: 2 dead letters, 0 of which would be published now"
    assert pair.dead.depth() == (2, 0)


def test_it_moves_them_back_as_they_were(each: Emulator) -> None:
    """Body and attributes, binary ones too, whoever moves them: the emulator itself or the command."""
    pair = Pair(each, max_receives=1)
    pair.bury('{"id":1}', rooms=TEXT, key=BYTES)
    pair.bury("no json")
    moved = pair.command("--redrive")
    assert moved.returncode == 0, moved.stderr
    assert moved.stderr.splitlines()[-1] == f"queue {pair.name}: moved back 2 messages"
    assert "1 of which would be published now" in moved.stdout
    assert pair.dead.depth() == (0, 0)
    back = {each["Body"]: each for each in pair.queue.receive(MessageAttributeNames=["All"])}
    assert set(back) == {'{"id":1}', "no json"}
    assert back['{"id":1}']["MessageAttributes"] == {"rooms": TEXT, "key": BYTES}


@pytest.mark.parametrize("moves", [True, False], ids=["by itself", "by hand"])
def test_a_group_is_moved_back_in_order(ours: Emulator, moves: bool) -> None:
    """What was more than ten, which a receive brings at most, too; and within the five minutes in which its
    old deduplication ids are known.
    """
    pair = Pair(ours, max_receives=1, fifo=True)
    bodies = [str(number) for number in range(12)]
    send_to_group(pair.queue, "a", *bodies)
    eventually(lambda: not pair.queue.receive(VisibilityTimeout=0) and pair.dead.depth()[0] == 12)
    if not moves:
        ours.fail(NO_MOVES)
    moved = pair.command("--redrive")
    ours.fail()
    assert "10 of about 12" in moved.stdout
    assert moved.stderr.splitlines()[-1] == f"queue {pair.name}: moved back 12 messages"
    found: list[str] = []
    while batch := pair.queue.receive():
        found += [each["Body"] for each in batch]
        pair.queue.delete(*batch)
    assert found == bodies


def test_what_came_from_another_queue_stays_where_its_move_is_made_by_hand(ours: Emulator) -> None:
    """Several queues may share a dead-letter queue; a message goes back to its own or nowhere."""
    pair = Pair(ours, max_receives=1)
    policy = json.dumps({"deadLetterTargetArn": pair.dead.arn, "maxReceiveCount": 1})
    other = ours.queue(RedrivePolicy=policy)
    other.send("of another")
    eventually(lambda: not other.receive(VisibilityTimeout=0) and pair.dead.depth()[0] == 1)
    pair.bury("ours")
    ours.fail(NO_MOVES)
    moved = pair.command("--redrive")
    ours.fail()
    assert moved.stderr.splitlines()[-1] == f"queue {pair.name}: moved back 1 messages"
    assert pair.queue.bodies() == ["ours"]
    assert pair.dead.bodies() == ["of another"]


def test_what_sqs_cannot_move_is_told_in_its_words(ours: Emulator) -> None:
    """Somebody has put a message there by hand: SQS does not know where it belongs."""
    pair = Pair(ours)
    pair.dead.send("[1]")
    moved = pair.command("--redrive")
    assert moved.returncode == 1
    assert moved.stderr.splitlines()[-1] == (
        f"queue {pair.name}: SQS moved 0 messages and then stopped: CouldNotDetermineMessageSource"
    )


def test_a_refused_move_is_no_reason_to_send_by_hand(ours: Emulator) -> None:
    """Only who cannot move is helped; who may not, or not now, is told so."""
    pair = Pair(ours, max_receives=1)
    pair.bury("[1]")
    ours.fail({"action": "StartMessageMoveTask", "kind": "error", "status": 403, "code": "AccessDenied"})
    moved = pair.command("--redrive")
    ours.fail()
    assert moved.returncode == 1
    assert moved.stderr.splitlines()[-1].startswith(f"queue {pair.name}: move ({pair.dead.arn}): denied: ")
    assert pair.dead.depth() == (1, 0)


def test_a_queue_without_a_dead_letter_queue_says_so(ours: Emulator) -> None:
    """An empty list would read as good news."""
    pair = Pair(ours, max_receives=None)
    listed = pair.command()
    assert (listed.returncode, listed.stdout) == (0, "")
    assert listed.stderr == f"queue {pair.name} has no redrive policy, and so no dead-letter queue\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--queue", "elsewhere"), "--queue elsewhere: QUEUECAST_QUEUES names only "),
        (("--limit", "0"), "expected 1 or more"),
        (("--everything",), "unrecognized arguments"),
    ],
)
def test_a_wrong_argument_is_named(ours: Emulator, arguments: tuple[str, ...], says: str) -> None:
    """And nothing is done on a guess."""
    refused = Pair(ours).command(*arguments)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
