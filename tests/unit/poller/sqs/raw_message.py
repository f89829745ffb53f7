"""A message as SQS writes it."""

from typing import Any

from queuecast_poller.sqs.digest import attributes_digest

URL = "https://sqs.eu-west-1.amazonaws.com/1/orders"
ATTRIBUTES = {
    "event": {"DataType": "String", "StringValue": "price"},
    "rooms": {"DataType": "Binary", "BinaryValue": "YQ=="},
    "trace": {"DataType": "Binary", "BinaryValue": "Yg=="},
}
RAW: dict[str, Any] = {
    "MessageId": "id",
    "ReceiptHandle": "handle",
    "Body": "1",
    "MD5OfBody": "md5",
    "Attributes": {"SentTimestamp": "5", "ApproximateReceiveCount": "2", "MessageGroupId": "group"},
    "MessageAttributes": ATTRIBUTES,
    "MD5OfMessageAttributes": attributes_digest(ATTRIBUTES),
}
