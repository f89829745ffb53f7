"""Amazon SNS's envelope, as a subscription without raw message delivery sends it. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html
"""

from typing import Any

from queuecast_poller.unwrap.contents import Confirmation, Layer

_CONFIRMATIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
_STRINGS = ("MessageId", "TopicArn", "Message", "Timestamp")
_READABLE = ("String", "Number")


def open_sns(body: dict[str, Any]) -> Layer | None:
    """Open a notification; None if the body is not one.

    It need not have a signature, a subject or a sequence number, which some senders leave out.
    """
    if not all(isinstance(body.get(name), str) for name in _STRINGS) or not _is_topic(body["TopicArn"]):
        return None
    kind = body.get("Type")
    if kind in _CONFIRMATIONS and isinstance(body.get("Token"), str):
        return Layer("sns", Confirmation(body["TopicArn"]))
    if kind != "Notification":
        return None
    attributes, unreadable = _attributes(body.get("MessageAttributes"))
    metadata = {name: value for name, value in body.items() if name not in ("Message", "MessageAttributes")}
    return Layer("sns", body["Message"], metadata, attributes, unreadable)


def _is_topic(arn: str) -> bool:
    parts = arn.split(":")
    return len(parts) == 6 and parts[0] == "arn" and parts[2] == "sns"


def _attributes(raw: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    attributes: dict[str, str] = {}
    unreadable = []
    for name, attribute in raw.items() if isinstance(raw, dict) else ():
        kind = attribute.get("Type") if isinstance(attribute, dict) else None
        if isinstance(kind, str) and kind.startswith(_READABLE) and isinstance(attribute.get("Value"), str):
            attributes[name] = attribute["Value"]
        else:
            unreadable.append(name)
    return attributes, tuple(unreadable)
