"""An SQS queue as a producer sees it: put messages on it, ask how many there are."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

BATCH = 10


class Queue:
    """One queue of the emulator."""

    def __init__(self, client: Any, url: str) -> None:
        self.url = url
        self._client = client

    @classmethod
    def named(cls, client: Any, name: str) -> "Queue":
        """Return the queue of that name."""
        return cls(client, client.get_queue_url(QueueName=name)["QueueUrl"])

    def put(self, items: Iterable[Any], **attributes: str) -> None:
        """Put messages on the queue, each with a JSON body, all with these attributes."""
        self.put_raw((json.dumps(item) for item in items), **attributes)

    def put_raw(self, bodies: Iterable[str], **attributes: str) -> None:
        """Put messages with exactly these bodies on the queue."""
        remaining = iter(bodies)
        values = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        while batch := list(islice(remaining, BATCH)):
            entries = [
                {"Id": str(number), "MessageBody": body, "MessageAttributes": values}
                for number, body in enumerate(batch)
            ]
            answer = self._client.send_message_batch(QueueUrl=self.url, Entries=entries)
            assert len(answer["Successful"]) == len(entries), answer

    def depth(self) -> int:
        """Return how many messages are on the queue, in flight or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)
