"""A message's body on the queue: plain, or in an SNS or EventBridge envelope. Pure.

`routes.yaml` beside this file addresses messages without attributes. Each body ends with the message's
number: if an emulator alters the last digit of a body, the number changes, and the books show it.
"""

import json
from typing import Any

FORMS = ("plain", "sns", "eventbridge")
"""The messages have these forms in turn, by number."""


def form_of(number: int) -> str:
    """Return the form of the message with this number."""
    return FORMS[number % len(FORMS)]


def entry(number: int, group: int, room: str | None) -> dict[str, Any]:
    """Return an entry of SendMessageBatch; no room means everyone."""
    data = {"group": group, "n": number}
    form = form_of(number)
    if form == "sns":
        return {"Id": str(number), "MessageBody": json.dumps(_notification(data, room))}
    if form == "eventbridge":
        return {"Id": str(number), "MessageBody": json.dumps(_event(data, room))}
    plain: dict[str, Any] = {"Id": str(number), "MessageBody": json.dumps(data)}
    if room is not None:
        plain["MessageAttributes"] = {"rooms": {"DataType": "String", "StringValue": room}}
    return plain


def _notification(data: Any, room: str | None) -> dict[str, Any]:
    attributes = {} if room is None else {"rooms": {"Type": "String", "Value": room}}
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:items",
        "Timestamp": "2026-11-29T12:00:00.000Z",
        "MessageAttributes": attributes,
        "Message": json.dumps(data),
    }


def _event(data: Any, room: str | None) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "ItemAdded",
        "source": "shop.items",
        "account": "123456789012",
        "time": "2026-11-29T12:00:00Z",
        "region": "us-east-1",
        "resources": [] if room is None else [room],
        "detail": data,
    }
