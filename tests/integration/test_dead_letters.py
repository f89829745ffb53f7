"""Bad messages on a real queue: how soon they are out of the way, how they are listed and moved back."""

import json
import uuid
from collections.abc import Callable, Iterator

import pytest
from tests.claims import eventually

from queuecast_bus.keys import Keys

from . import emulators
from .dead_letters import POLLER, Pair, published
from .emulators import Emulator, TestedQueue
from .services import Redis, Service

NO_MOVES = {"action": "StartMessageMoveTask", "kind": "error", "status": 400, "code": "InvalidAction"}
"""The answer of an emulator that cannot move messages."""

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
    """Each emulator: those that can move dead letters themselves and those that cannot."""
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
    """The emulators that keep a group's order; moto hands one group to two long polls at once."""
    found: Emulator = request.getfixturevalue(request.param)
    return found


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
    """It must not take one visibility timeout for each receive that the policy allows."""
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
    """It used to wait (receives - 1) visibility timeouts. The others arrive in order; none is lost."""
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
    """Unhidden, it would come again at once, for ever. Each time it is hidden for longer."""
    pair = Pair(ours, max_receives=None)
    pair.queue.send("no json")
    pair.queue.receive(VisibilityTimeout=0)
    pair.queue.send('{"id":1}')
    service = start(POLLER, pair.poller(forgetful_redis))
    eventually(lambda: published(forgetful_redis) == [{"id": 1}] and pair.queue.depth() == (0, 1))
    assert service.metric("queuecast_poller_left_total", reason="not_json") == 1


# The command


def test_it_lists_what_is_there_and_why_it_would_fail_again(each: Emulator) -> None:
    """It judges by the current settings: a message may no longer be too large. It changes nothing."""
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


def test_it_asks_redis_which_namespaces_are_served(ours: Emulator, forgetful_redis: Redis) -> None:
    """A message for another one would be left again. Without Redis the command says what it does not know."""
    pair = Pair(ours, max_receives=1)
    pair.bury("1", namespace={"DataType": "String", "StringValue": "/shop"})
    for name in ("any", "/"):
        forgetful_redis.client.set(Keys().namespace(name), b"1")
    listed = pair.command(QUEUECAST_REDIS_URL=forgetful_redis.url)
    assert "bad_address: no gateway serves the namespace '/shop'" in listed.stdout
    assert listed.stderr == ""
    listed = pair.command(QUEUECAST_REDIS_URL="unix:///nowhere")
    assert "would be published now" in listed.stdout
    assert "whether gateways serve the namespaces is not known: " in listed.stderr


def test_no_sender_writes_lines_or_escape_sequences_to_the_terminal(ours: Emulator) -> None:
    """Whoever runs the command reads its lines as ours, and a terminal carries out what it is sent."""
    pair = Pair(ours, max_receives=1)
    place = {"s3BucketName": "archive", "s3Key": "a\nqueue x: 0 dead letters\x1b[2J\x9b2J" + 1_000 * "k"}
    pair.bury(json.dumps(["software.amazon.payloadoffloading.PayloadS3Pointer", place]))
    shown = pair.command(QUEUECAST_PAYLOAD_BUCKETS="archive").stdout
    assert len(shown.splitlines()) == 2
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert r"s3://archive/a\nqueue x: 0 dead letters\x1b[2J" in shown
    assert len(shown) < 1_000


def test_it_moves_them_back_as_they_were(each: Emulator) -> None:
    """Body and attributes, even binary ones, stay the same whether the emulator or the command moves them."""
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
    """It works for more than ten, the most that a receive brings, and within the five minutes in which SQS
    still knows the old deduplication ids.
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
    """Several queues may share a dead-letter queue; a message goes back to its own queue or nowhere."""
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


def test_what_sqs_cannot_move_is_reported_in_its_words(ours: Emulator) -> None:
    """If somebody has sent a message to it by hand, SQS does not know where it belongs."""
    pair = Pair(ours)
    pair.dead.send("[1]")
    moved = pair.command("--redrive")
    assert moved.returncode == 1
    assert moved.stderr.splitlines()[-1] == (
        f"queue {pair.name}: SQS moved 0 messages and then stopped: CouldNotDetermineMessageSource"
    )


def test_a_refused_move_is_no_reason_to_send_by_hand(ours: Emulator) -> None:
    """The command sends by hand only where SQS has no moves; it reports a denied or failed move."""
    pair = Pair(ours, max_receives=1)
    pair.bury("[1]")
    ours.fail({"action": "StartMessageMoveTask", "kind": "error", "status": 403, "code": "AccessDenied"})
    moved = pair.command("--redrive")
    ours.fail()
    assert moved.returncode == 1
    assert moved.stderr.splitlines()[-1].startswith(f"queue {pair.name}: move ({pair.dead.arn}): denied: ")
    assert pair.dead.depth() == (1, 0)


def test_a_queue_without_a_dead_letter_queue_says_so(ours: Emulator) -> None:
    """An empty list would look like good news."""
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
    """The command does nothing on a guess."""
    refused = Pair(ours).command(*arguments)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
