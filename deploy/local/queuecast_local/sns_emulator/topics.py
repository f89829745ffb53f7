"""Topics and their subscriptions: the actions of SNS's API, a request in, an answer out.

A published message goes at once to every queue that is subscribed: without retries and without dead letters,
because nothing lies between, and without a signature, because there is no key. https://docs.aws.amazon.com/sns/latest/api/API_Operations.html
"""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from queuecast_local.sns_emulator.query import mapping_of
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.requests import attributes_of, size

Json = dict[str, Any]
Deliver = Callable[[str, Json], None]
"""Puts a message on the queue with an ARN. Raises `Refused`."""

ARN = "arn:aws:sns:us-east-1:123456789012:"
MAX_BYTES = 262_144
"""Largest message with its attributes."""
MAX_TOPICS = 1_000
MAX_SUBSCRIPTIONS = 100
"""Most subscriptions of a topic: each message is copied for each."""
BATCH = 10
RAW = "RawMessageDelivery"


@dataclass
class Subscription:
    """A queue that gets what is published on a topic, in an envelope or raw."""

    arn: str
    queue_arn: str
    raw: bool


@dataclass
class Topic:
    """A standard topic."""

    arn: str
    subscriptions: dict[str, Subscription] = field(default_factory=dict)


class Topics:
    """All topics of one server. `is_queue` says whether a queue has this ARN; `clock` returns Unix time."""

    def __init__(self, deliver: Deliver, is_queue: Callable[[str], bool], clock: Callable[[], float]) -> None:
        self._deliver = deliver
        self._is_queue = is_queue
        self._clock = clock
        self._topics: dict[str, Topic] = {}
        self._actions: dict[str, tuple[Callable[[Json], Json], set[str]]] = {
            "CreateTopic": (self._create, {"Name"}),
            "DeleteTopic": (self._delete, {"TopicArn"}),
            "ListTopics": (self._list, set()),
            "Subscribe": (
                self._subscribe,
                {"TopicArn", "Protocol", "Endpoint", "Attributes", "ReturnSubscriptionArn"},
            ),
            "Unsubscribe": (self._unsubscribe, {"SubscriptionArn"}),
            "ListSubscriptionsByTopic": (self._list_subscriptions, {"TopicArn"}),
            "Publish": (
                self._publish,
                {"TopicArn", "TargetArn", "Message", "Subject", "MessageAttributes"},
            ),
            "PublishBatch": (self._publish_batch, {"TopicArn", "PublishBatchRequestEntries"}),
        }

    def do(self, action: str, request: Json) -> Json:
        """Return the answer to a request. Raises `Refused`, also for a parameter that the emulator lacks."""
        if action not in self._actions:
            known = ", ".join(sorted(self._actions))
            raise Refused("InvalidAction", f"{action} is not an action of this emulator, which has {known}.")
        verb, parameters = self._actions[action]
        if unknown := request.keys() - parameters:
            raise _invalid(f"{min(unknown)} is not a parameter of {action} in this emulator.")
        return verb(request)

    def _create(self, request: Json) -> Json:
        name = _required(request, "Name")
        if not re.fullmatch(r"[\w-]{1,256}", name, re.ASCII):
            raise _invalid(
                f"Topic Name {name}: letters, digits, hyphens, underscores; FIFO topics are missing here."
            )
        if ARN + name not in self._topics and len(self._topics) >= MAX_TOPICS:
            raise Refused(
                "TopicLimitExceeded", f"This emulator has {MAX_TOPICS} topics at most: delete some."
            )
        topic = self._topics.setdefault(ARN + name, Topic(ARN + name))
        return {"TopicArn": topic.arn}

    def _delete(self, request: Json) -> Json:
        self._topics.pop(_required(request, "TopicArn"), None)
        return {}

    def _list(self, _: Json) -> Json:
        return {"Topics": [{"TopicArn": arn} for arn in sorted(self._topics)]}

    def _subscribe(self, request: Json) -> Json:
        topic = self._topic(request)
        queue_arn = str(request.get("Endpoint") or "")
        if request.get("Protocol") != "sqs":
            raise _invalid("Protocol: this emulator delivers to sqs only.")
        if not self._is_queue(queue_arn):
            raise _invalid(f"Endpoint: there is no queue {queue_arn} here.")
        if queue_arn.endswith(".fifo"):
            raise _invalid("Endpoint: FIFO SQS Queues can not be subscribed to standard SNS topics.")
        attributes = mapping_of(request.get("Attributes"), "key", "value")
        if unknown := attributes.keys() - {RAW}:
            raise _invalid(
                f"Attributes: {min(unknown)} is not an attribute of this emulator, which has {RAW}."
            )
        raw = attributes.get(RAW, "false")
        if raw not in ("true", "false"):
            raise _invalid(f"Attributes: {RAW} is true or false, not {raw}.")
        for known in topic.subscriptions.values():
            if known.queue_arn == queue_arn:
                if known.raw != (raw == "true"):
                    raise _invalid("Attributes: Subscription already exists with different attributes.")
                return {"SubscriptionArn": known.arn}
        if len(topic.subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Refused("SubscriptionLimitExceeded", f"A topic has {MAX_SUBSCRIPTIONS} subscriptions here.")
        made = Subscription(f"{topic.arn}:{uuid.uuid4()}", queue_arn, raw == "true")
        topic.subscriptions[made.arn] = made
        return {"SubscriptionArn": made.arn}

    def _unsubscribe(self, request: Json) -> Json:
        arn = _required(request, "SubscriptionArn")
        for topic in self._topics.values():
            topic.subscriptions.pop(arn, None)
        return {}

    def _list_subscriptions(self, request: Json) -> Json:
        topic = self._topic(request)
        shown = [
            {
                "SubscriptionArn": each.arn,
                "Owner": ARN.split(":")[4],
                "Protocol": "sqs",
                "Endpoint": each.queue_arn,
                "TopicArn": topic.arn,
            }
            for each in topic.subscriptions.values()
        ]
        return {"Subscriptions": shown}

    def _publish(self, request: Json) -> Json:
        topic = self._topic(request, "TopicArn" if "TopicArn" in request else "TargetArn")
        return {"MessageId": self._send(topic, request)}

    def _publish_batch(self, request: Json) -> Json:
        topic = self._topic(request)
        entries = request.get("PublishBatchRequestEntries") or []
        if not 1 <= len(entries) <= BATCH:
            raise _invalid(f"PublishBatchRequestEntries: {len(entries)} entries, expected 1 to {BATCH}.")
        successful, failed = [], []
        for entry in entries:
            name = _required(entry, "Id")
            try:
                successful.append({"Id": name, "MessageId": self._send(topic, entry)})
            except Refused as refused:
                reason = {"Code": refused.code, "Message": refused.message, "SenderFault": "true"}
                failed.append({"Id": name, **reason})
        return {"Successful": successful, "Failed": failed}

    def _send(self, topic: Topic, request: Json) -> str:
        """Deliver a message to every queue of a topic; return its id."""
        text = _required(request, "Message")
        raw_attributes = mapping_of(request.get("MessageAttributes"), "Name", "Value")
        attributes = attributes_of({"MessageAttributes": raw_attributes})
        if size({"MessageBody": text, "MessageAttributes": attributes}) > MAX_BYTES:
            raise _invalid(f"Message too long: more than {MAX_BYTES} bytes.")
        message_id = str(uuid.uuid4())
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        for each in topic.subscriptions.values():
            if not self._is_queue(each.queue_arn):
                continue  # as when AWS has tried for long enough
            if each.raw:
                self._deliver(each.queue_arn, {"MessageBody": text, "MessageAttributes": attributes})
            else:
                envelope = {
                    "Type": "Notification",
                    "MessageId": message_id,
                    "TopicArn": topic.arn,
                    **({"Subject": request["Subject"]} if request.get("Subject") else {}),
                    "Message": text,
                    "Timestamp": moment.replace("+00:00", "Z"),
                    **({"MessageAttributes": _shown(attributes)} if attributes else {}),
                }
                self._deliver(each.queue_arn, {"MessageBody": json.dumps(envelope, indent=2)})
        return message_id

    def _topic(self, request: Json, name: str = "TopicArn") -> Topic:
        arn = _required(request, name)
        if arn not in self._topics:
            raise Refused("NotFound", f"Topic {arn} does not exist.")
        return self._topics[arn]


def _shown(attributes: Json) -> Json:
    """Return message attributes as a notification has them. A binary value is base64 text here already."""
    return {
        name: {"Type": each["DataType"], "Value": each.get("StringValue", each.get("BinaryValue"))}
        for name, each in attributes.items()
    }


def _required(request: Json, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(f"The request must contain the parameter {name}.")
    return value


def _invalid(text: str) -> Refused:
    return Refused("InvalidParameter", f"Invalid parameter: {text}")
