"""The SQS emulator as a process, with a queue, its dead-letter queue and its faults."""

import json
import socket
import urllib.request
from collections.abc import Sequence
from typing import Any

from tests.claims import eventually
from tests.emulator.process import start

from queuecast_local import sqs
from queuecast_local.ports import HOST
from queuecast_local.processes import Process

VISIBLE, HIDDEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"


class Emulator:
    """Call `start` first; with `environment` a service uses it."""

    def __init__(self, port: int) -> None:
        self.name: str
        self.url: str
        self.process: Process
        self.client: Any = sqs.client(port)
        self.environment = sqs.environment(port)
        self._port = port

    def start(self, *, fifo: bool, visibility_seconds: int, max_receives: int) -> None:
        """Start it, wait until it answers, and make the queues."""
        self.process = start(self._port)
        eventually(self._listens)
        self.name, self._dead = ("load.fifo", "dead.fifo") if fifo else ("load", "dead")
        kind = {"FifoQueue": "true"} if fifo else {}
        self._dead = self.client.create_queue(QueueName=self._dead, Attributes=kind)["QueueUrl"]
        policy = {"deadLetterTargetArn": self._attribute("QueueArn"), "maxReceiveCount": max_receives}
        attributes = {
            **kind,
            "VisibilityTimeout": str(visibility_seconds),
            "RedrivePolicy": json.dumps(policy),
        }
        self.url = self.client.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]

    def stop(self) -> None:
        self.client.close()
        self.process.stop(grace_seconds=1)

    def fail(self, *faults: dict[str, Any]) -> None:
        """Set these faults, and no others, from now on; without arguments there are none."""
        self._faults(json.dumps(faults).encode())

    def struck(self) -> int:
        """Return how often the current faults have struck."""
        return sum(fault["struck"] for fault in self._faults())

    def put(self, bodies: Sequence[str], **attributes: str) -> None:
        """Put up to ten messages besides the load on the queue; on a FIFO queue, each in its own group."""
        values = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        entries = [
            {"Id": str(number), "MessageBody": body, "MessageAttributes": values, **self._grouped(number)}
            for number, body in enumerate(bodies)
        ]
        answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        assert len(answer["Successful"]) == len(entries), answer

    def depth(self) -> int:
        """Return how many messages are on the queue, hidden or not."""
        names = [VISIBLE, HIDDEN]
        attributes = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def dead(self) -> int:
        """Return how many messages are on the dead-letter queue."""
        return int(self._attribute(VISIBLE))

    def _grouped(self, number: int) -> dict[str, str]:
        if not self.name.endswith(".fifo"):
            return {}
        return {"MessageGroupId": f"group-{number}", "MessageDeduplicationId": f"beside-{number}"}

    def _attribute(self, name: str) -> str:
        answer = self.client.get_queue_attributes(QueueUrl=self._dead, AttributeNames=[name])
        value: str = answer["Attributes"][name]
        return value

    def _faults(self, wanted: bytes | None = None) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"http://{HOST}:{self._port}/faults", wanted, timeout=10) as answer:
            faults: list[dict[str, Any]] = json.load(answer)
            return faults

    def _listens(self) -> bool:
        assert self.process.exit_code is None, "\n".join(self.process.tail)
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self._port)) == 0
