"""SQS's answers: a received message, the confirmation of a sent one, a failed entry. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from queuecast_local.sqs_emulator.digests import md5_of_attributes
from queuecast_local.sqs_emulator.errors import query_code
from queuecast_local.sqs_emulator.groups import Message
from queuecast_local.sqs_emulator.queues import Sent
from queuecast_local.sqs_emulator.requests import TRACE_HEADER

Json = dict[str, Any]

SENDER = "AIDAIT2UOQQY3AUEKVGXU"
"""The sender of every message: the example in the API reference."""


def received(message: Message, request: Mapping[str, Any]) -> Json:
    """Return a received message with the attributes that the request asks for."""
    answer: Json = {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
    }
    names = {*(request.get("AttributeNames") or ()), *(request.get("MessageSystemAttributeNames") or ())}
    if names:
        answer["Attributes"] = selected(_system_attributes(message), names)
    if attributes := _attributes(message, request.get("MessageAttributeNames") or ()):
        answer["MessageAttributes"] = attributes
        # Only over the returned attributes, or a receiver that requested fewer could not check it.
        answer["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    return answer


def sent_answer(
    sent: Sent, body_md5: str, attributes: Mapping[str, Any], trace_header: str | None, *, fifo: bool
) -> Json:
    """Return the confirmation for the sender of a message."""
    answer = {"MessageId": sent.message_id, "MD5OfMessageBody": body_md5}
    if attributes:
        answer["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
    if trace_header is not None:
        system = {TRACE_HEADER: {"DataType": "String", "StringValue": trace_header}}
        answer["MD5OfMessageSystemAttributes"] = md5_of_attributes(system)
    if fifo:
        answer["SequenceNumber"] = _sequence(sent.sequence)
    return answer


def failure(entry_id: str, code: str, message: str, *, sender_fault: bool) -> Json:
    """Return an entry of a batch that failed."""
    return {"Id": entry_id, "SenderFault": sender_fault, "Code": query_code(code), "Message": message}


def selected(attributes: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the attributes with these names; `All` means all."""
    return {name: value for name, value in attributes.items() if name in names or "All" in names}


def _system_attributes(message: Message) -> dict[str, str]:
    attributes = {
        "SenderId": SENDER,
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }
    if message.group_id is not None:
        attributes["MessageGroupId"] = message.group_id
    if message.deduplication_id is not None:
        attributes["MessageDeduplicationId"] = message.deduplication_id
        attributes["SequenceNumber"] = _sequence(message.sequence)
    if message.trace_header is not None:
        attributes[TRACE_HEADER] = message.trace_header
    if message.source_arn is not None:
        attributes["DeadLetterQueueSourceArn"] = message.source_arn
    return attributes


def _attributes(message: Message, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    wanted = set(names)
    if not wanted:
        return {}
    prefixes = tuple(name.removesuffix(".*") for name in wanted if name.endswith(".*"))
    return {
        name: attribute
        for name, attribute in message.attributes.items()
        if name in wanted or "All" in wanted or name.startswith(prefixes)
    }


def _sequence(number: int) -> str:
    return f"{number:020}"
