"""A queue with its dead-letter queue on one of the emulators."""

import json
import os
import subprocess
import sys
from typing import Any

from tests import preloaded
from tests.claims import eventually

from queuecast_bus.keys import Keys
from queuecast_local import sqs

from .emulators import Emulator, Json
from .services import Redis

POLLER = "queuecast_poller"


HIDDEN_SECONDS = 300
"""The queues' visibility timeout: far longer than a test may take, so a test that waits for it fails."""


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
        """Return the environment of a poller that reads the queue."""
        return {
            **sqs.environment(self.emulator.port),
            "QUEUECAST_REDIS_URL": redis.url,
            "QUEUECAST_QUEUES": self.name,
            "QUEUECAST_WAIT_SECONDS": "1",
            **more,
        }

    def bury(self, body: str, **attributes: Json) -> None:
        """Make a message a dead letter the way SQS does."""
        self.queue.client.send_message(
            QueueUrl=self.queue.url, MessageBody=body, MessageAttributes=attributes
        )

        def dead() -> bool:
            return not self.queue.receive(VisibilityTimeout=0) and self.dead.depth()[0] > before

        before = self.dead.depth()[0]
        eventually(dead)

    def command(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `dead-letters` and wait for its end."""
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ},
            **sqs.environment(self.emulator.port),
            "QUEUECAST_QUEUES": self.name,
            **settings,
        }
        command = (sys.executable, "-m", POLLER, "dead-letters", *arguments)
        return preloaded.run(command, environment)


def published(redis: Redis) -> list[Any]:
    """Return the data of every record in the stream."""
    return [json.loads(fields[b"d"])[0] for _, fields in redis.client.xrange(Keys().stream)]
