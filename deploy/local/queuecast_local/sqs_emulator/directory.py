"""The queues of one server: creates, finds, describes, tags and deletes them.

Requests and answers are JSON. A queue's URL is only a path here; the server adds the host.
"""

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from queuecast_local.sqs_emulator.answers import selected
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.queues import MAX_HIDDEN_SECONDS, Queue, Redrive
from queuecast_local.sqs_emulator.requests import MAX_BYTES, mapping, number, required

Json = dict[str, Any]

ACCOUNT = "123456789012"
ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
MAX_DELAY_SECONDS = 900
MAX_WAIT_SECONDS = 20
MAX_RECEIVES = 1_000
MAX_QUEUES = 1_000
"""Most queues of one server, so that a test that forgets to delete its queues cannot fill the memory."""
MAX_TAGS = 50
STANDARD = {
    "DelaySeconds": "0",
    "MaximumMessageSize": str(MAX_BYTES),
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "VisibilityTimeout": "30",
}
FIFO = {**STANDARD, "FifoQueue": "true", "ContentBasedDeduplication": "false"}
"""The attributes that a queue can be created with, and their defaults."""


class Directory:
    """All queues of one server. `clock` returns seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._created_at: dict[str, int] = {}

    @property
    def queues(self) -> Collection[Queue]:
        """All queues."""
        return self._queues.values()

    def queue(self, request: Json) -> Queue:
        """Return the queue that a request names by its URL. Raises `Refused`."""
        return self._named(required(request, "QueueUrl").rpartition("/")[2])

    def by_arn(self, arn: str) -> Queue:
        """Return the queue with an ARN. Raises `Refused`."""
        return self._named(arn.removeprefix(ARN))

    def wait_seconds(self, queue: Queue) -> int:
        """Return how long a receive waits by default."""
        return int(self._attributes[_name(queue)]["ReceiveMessageWaitTimeSeconds"])

    def create(self, request: Json) -> Json:
        """Create a queue, or find an existing one with the same attributes."""
        name = required(request, "QueueName")
        if not re.fullmatch(r"[\w-]{1,80}|[\w-]{1,75}\.fifo", name, re.ASCII):
            reason = "A name has 1 to 80 letters, digits, hyphens and underscores, and may end in .fifo."
            raise Refused("InvalidParameterValue", f"{name} is not a queue name. {reason}")
        given = mapping(request, "Attributes")
        fifo = given.get("FifoQueue") == "true"
        if fifo != name.endswith(".fifo"):
            raise Refused("InvalidParameterValue", "The name of a FIFO queue, and no other, ends in .fifo.")
        defaults = FIFO if fifo else STANDARD
        _check_names(given, defaults)
        if name in self._queues:
            if not given.items() <= self._attributes[name].items():
                raise Refused("QueueNameExists", "A queue of that name exists with another attribute.")
            return {"QueueUrl": _path(name)}
        if len(self._queues) >= MAX_QUEUES:
            raise Refused("OverLimit", f"This emulator holds {MAX_QUEUES} queues at most: delete some.")
        tags = _checked_tags(mapping(request, "tags"))
        queue = Queue(ARN + name, fifo=fifo)
        attributes = {**defaults, **given}
        self._configure(queue, attributes)
        self._queues[name], self._attributes[name], self._tags[name] = queue, attributes, tags
        self._created_at[name] = int(self._clock())
        return {"QueueUrl": _path(name)}

    def delete(self, request: Json) -> Json:
        """Delete a queue and its messages. Queues whose dead letters it took keep theirs from now on."""
        queue = self.queue(request)
        name = _name(queue)
        for source in self._sources(queue):
            source.redrive = None
        for table in (self._queues, self._attributes, self._tags, self._created_at):
            del table[name]
        return {}

    def url(self, request: Json) -> Json:
        """Return the URL of the queue with a name."""
        return {"QueueUrl": _path(_name(self._named(required(request, "QueueName"))))}

    def urls(self, request: Json) -> Json:
        """Return the URLs of queues, optionally those with a prefix, and a page at a time."""
        prefix, after = str(request.get("QueueNamePrefix") or ""), str(request.get("NextToken") or "")
        names = [name for name in sorted(self._queues) if name.startswith(prefix) and name > after]
        most = number(request, "MaxResults", MAX_QUEUES, 1, MAX_QUEUES)
        page = {"QueueUrls": [_path(name) for name in names[:most]]}
        return {**page, "NextToken": names[most - 1]} if len(names) > most else page

    def sources(self, request: Json) -> Json:
        """Return the URLs of the queues whose dead letters a queue takes."""
        sources = self._sources(self.queue(request))
        return {"queueUrls": [_path(_name(source)) for source in sources]}

    def attributes(self, request: Json) -> Json:
        """Return a queue's attributes, with its numbers of messages."""
        queue = self.queue(request)
        name = _name(queue)
        kept = {key: value for key, value in self._attributes[name].items() if value}
        counts = {
            "ApproximateNumberOfMessages": str(queue.waiting(self._clock())),
            "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(queue.delayed),
            "CreatedTimestamp": str(self._created_at[name]),
        }
        known = {"QueueArn": queue.arn, **kept, **counts}
        return {"Attributes": selected(known, request.get("AttributeNames") or ())}

    def set_attributes(self, request: Json) -> Json:
        """Change a queue's attributes, all of them or none."""
        queue = self.queue(request)
        name = _name(queue)
        given = mapping(request, "Attributes")
        _check_names(given, FIFO if queue.fifo else STANDARD)
        if given.get("FifoQueue", "true") != "true":
            raise Refused("InvalidAttributeValue", "A FIFO queue stays one.")
        attributes = {**self._attributes[name], **given}
        self._configure(queue, attributes)
        self._attributes[name] = attributes
        return {}

    def purge(self, request: Json) -> Json:
        """Delete all messages of a queue."""
        self.queue(request).purge()
        return {}

    def tags(self, request: Json) -> Json:
        """Return a queue's tags."""
        tags = self._tags[_name(self.queue(request))]
        return {"Tags": tags} if tags else {}

    def tag(self, request: Json) -> Json:
        """Add tags to a queue, or change them."""
        name = _name(self.queue(request))
        self._tags[name] = _checked_tags({**self._tags[name], **mapping(request, "Tags")})
        return {}

    def untag(self, request: Json) -> Json:
        """Remove tags from a queue."""
        tags = self._tags[_name(self.queue(request))]
        for key in request.get("TagKeys") or ():
            tags.pop(key, None)
        return {}

    def _configure(self, queue: Queue, attributes: dict[str, str]) -> None:
        """Apply attributes to a queue. Raises `Refused`, and then changes nothing."""
        number(attributes, "ReceiveMessageWaitTimeSeconds", None, 0, MAX_WAIT_SECONDS)
        settings = (
            number(attributes, "VisibilityTimeout", None, 0, MAX_HIDDEN_SECONDS),
            number(attributes, "DelaySeconds", None, 0, MAX_DELAY_SECONDS),
            number(attributes, "MaximumMessageSize", None, 1_024, MAX_BYTES),
            attributes.get("ContentBasedDeduplication") == "true",
            self._redrive(queue, attributes["RedrivePolicy"]),
        )
        queue.visibility_seconds, queue.delay_seconds, queue.max_bytes, *_ = settings
        *_, queue.content_based, queue.redrive = settings

    def _redrive(self, queue: Queue, policy: str) -> Redrive | None:
        if not policy:
            return None
        try:
            parsed = json.loads(policy)
            arn, most = str(parsed["deadLetterTargetArn"]), parsed["maxReceiveCount"]
        except (ValueError, TypeError, LookupError):
            reason = "It is a JSON object with deadLetterTargetArn and maxReceiveCount."
            raise Refused(
                "InvalidParameterValue", f"Value {policy} for RedrivePolicy is invalid. {reason}"
            ) from None
        redrive = Redrive(
            self.by_arn(arn), number({"maxReceiveCount": most}, "maxReceiveCount", None, 1, MAX_RECEIVES)
        )
        if redrive.dead.fifo != queue.fifo:
            raise Refused("InvalidParameterValue", "A queue and its dead-letter queue must have one type.")
        dead: Queue | None = redrive.dead
        while dead is not None:
            if dead is queue:
                raise Refused("InvalidParameterValue", "A queue's dead letters cannot come back to it.")
            dead = dead.redrive.dead if dead.redrive else None
        return redrive

    def _sources(self, dead: Queue) -> list[Queue]:
        return [queue for queue in self.queues if queue.redrive and queue.redrive.dead is dead]

    def _named(self, name: str) -> Queue:
        if name not in self._queues:
            raise Refused("QueueDoesNotExist", "The specified queue does not exist.")
        return self._queues[name]


def _check_names(given: Collection[str], known: Collection[str]) -> None:
    for attribute in given:
        if attribute not in known:
            reason = f"This emulator has {', '.join(sorted(known))}."
            raise Refused("InvalidAttributeName", f"Unknown Attribute {attribute}. {reason}")


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MAX_TAGS:
        raise Refused("InvalidParameterValue", f"{len(tags)} tags are more than {MAX_TAGS}.")
    return tags


def _name(queue: Queue) -> str:
    return queue.arn.removeprefix(ARN)


def _path(name: str) -> str:
    return f"/{ACCOUNT}/{name}"
