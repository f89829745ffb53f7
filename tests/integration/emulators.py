"""The SQS emulators as processes, and a queue on any of them with the calls that the tests need."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.claims import eventually
from tests.emulator.process import start

from queuecast_local import sqs
from queuecast_local.processes import Process

from .services import HOST, free_port

Json = dict[str, Any]


class Emulator:
    """A server that speaks SQS's protocol."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client = sqs.client(port)

    def queue(self, *, fifo: bool = False, **attributes: str) -> "TestedQueue":
        """Make a queue that no other test has."""
        name = f"test-{uuid.uuid4().hex[:12]}{'.fifo' if fifo else ''}"
        if fifo:
            attributes["FifoQueue"] = "true"
        return TestedQueue(self, self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def fail(self, *faults: Json) -> None:
        """Set these faults, and no others, from now on. Only our emulator can."""
        self._ask(json.dumps(faults).encode())

    def struck(self) -> list[int]:
        """Return how often each fault has struck. Only our emulator counts them."""
        return [fault["struck"] for fault in self._ask(None)]

    def _ask(self, body: bytes | None) -> list[Json]:
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/faults", body, timeout=30) as answer:
            shown: list[Json] = json.load(answer)
            return shown

    def raw(self, action: str, **request: Any) -> bytes:
        """Call an action on a connection of its own; return all bytes until the server ends it.

        Raises `ConnectionResetError` for a reset, which an SDK does not distinguish from a plain close.
        """
        with self.begin(action, **request) as connection:
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def begin(self, action: str, **request: Any) -> socket.socket:
        """Send a request without reading the answer; the caller reads it."""
        body = json.dumps(request)
        head = (
            f"POST / HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nConnection: close\r\n"
            f"X-Amz-Target: AmazonSQS.{action}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        connection = socket.create_connection((HOST, self.port), timeout=20)
        connection.sendall((head + body).encode())
        return connection


class TestedQueue:
    """One queue, with a short method for everything that a test does with it."""

    __test__ = False

    def __init__(self, emulator: Emulator, url: str) -> None:
        self.emulator = emulator
        self.client = emulator.client
        self.url = url

    @property
    def arn(self) -> str:
        return self.attributes("QueueArn")["QueueArn"]

    def attributes(self, *names: str) -> dict[str, str]:
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names))
        found: dict[str, str] = answer["Attributes"]
        return found

    def depth(self) -> tuple[int, int]:
        """Return how many messages are waiting and how many are in flight."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.attributes(*names)
        return int(found[names[0]]), int(found[names[1]])

    def send(self, *bodies: str, group: str | None = None) -> list[str]:
        """Send messages one by one; return their ids. In a group, the body is the deduplication id."""
        return [
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=body,
                **({"MessageGroupId": group, "MessageDeduplicationId": body} if group else {}),
            )["MessageId"]
            for body in bodies
        ]

    def receive(self, limit: int = 10, wait_seconds: int = 0, **more: Any) -> list[Json]:
        answer = self.client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=limit, WaitTimeSeconds=wait_seconds, **more
        )
        messages: list[Json] = answer.get("Messages", [])
        return messages

    def bodies(self, limit: int = 10, **more: Any) -> list[str]:
        """Receive messages; return their bodies."""
        return [message["Body"] for message in self.receive(limit, **more)]

    def delete(self, *messages: Json) -> Json:
        answer: Json = self.client.delete_message_batch(
            QueueUrl=self.url,
            Entries=[
                {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                for place, message in enumerate(messages)
            ],
        )
        return answer

    def hide(self, message: Json, seconds: int) -> None:
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )


@contextmanager
def ours() -> Iterator[Emulator]:
    """Run our emulator, which the fault tests use too."""
    port = free_port()
    process = start(port)
    emulator = Emulator(port)
    eventually(lambda: process.exit_code is not None or _answers(emulator))
    assert process.exit_code is None, "\n".join(process.tail)
    yield emulator
    assert process.stop(grace_seconds=60) == 0, "\n".join(process.tail)
    assert not process.tail, "the emulator logged something unexpected"


ELASTICMQ_POM = Path(__file__).with_name("elasticmq.pom.xml")
ELASTICMQ_OPTIONS = {
    "node-address.host": "*",
    "rest-sqs.bind-hostname": HOST,
    "rest-sqs.sqs-limits": "strict",
    "rest-stats.enabled": "false",
    "aws.region": "us-east-1",
    "aws.accountId": "000000000000",
}


@contextmanager
def elasticmq(folder: Path) -> Iterator[Emulator]:
    """Run ElasticMQ, which Maven downloads; skip the test where there is no Java."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None or maven is None:
        pytest.skip("ElasticMQ needs Java and Maven")
    class_path = folder / "class-path"
    build = (maven, "-q", "-B", "-f", str(ELASTICMQ_POM), "dependency:build-classpath")
    found = subprocess.run(
        [*build, f"-Dmdep.outputFile={class_path}"], capture_output=True, text=True, timeout=600, check=False
    )
    if found.returncode:
        pytest.skip(f"Maven cannot download ElasticMQ: {found.stdout[-500:]}")
    port = free_port()
    options = {**ELASTICMQ_OPTIONS, "rest-sqs.bind-port": str(port)}
    command = (
        *(java, "-Xmx256m", "-XX:+UseSerialGC"),
        *(f"-D{name}={value}" for name, value in options.items()),
        *("-cp", class_path.read_text("utf-8"), "org.elasticmq.server.Main"),
    )
    process = Process("elasticmq", command)
    emulator = Emulator(port)
    try:
        eventually(lambda: process.exit_code is not None or _answers(emulator), 60)
        assert process.exit_code is None, "\n".join(process.tail)
        yield emulator
    finally:
        process.stop(grace_seconds=5)


def _answers(emulator: Emulator) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, emulator.port)) == 0


def in_background(call: Callable[[], Any], queue: TestedQueue) -> Future[Any]:
    """Start a call that waits on a queue; return once it has had time to arrive."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    began = time.monotonic()
    eventually(lambda: queue.depth() and time.monotonic() - began > 0.3)
    return future


def refusal(call: Callable[[], Any]) -> str:
    """Return the error code with which a call is refused."""
    with pytest.raises(ClientError) as refused:
        call()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    code: str = refused.value.response["Error"]["Code"]
    return code


def with_dead_letters(
    emulator: Emulator, max_receives: int, *, fifo: bool = False
) -> tuple[TestedQueue, TestedQueue]:
    """Return a queue and its dead-letter queue."""
    dead = emulator.queue(fifo=fifo)
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": max_receives}
    return emulator.queue(fifo=fifo, RedrivePolicy=json.dumps(policy)), dead
