"""`make send`: puts sample items, or a message of your own, on the local queue."""

import json
import os
import random
import sys
import uuid
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from queuecast_local import sqs
from queuecast_local.ports import SQS_PORT, BadVariable, port_from

KINDS = ("kettle", "lamp", "teapot", "chair", "clock", "vase", "stool", "mug", "radio", "blanket")
LOOKS = ("Blue", "Oak", "Copper", "Linen", "Glass", "Green", "Marble", "Walnut", "Yellow", "Black")
BATCH = 10


def main() -> None:
    """Send N messages. Exits with 2 if a variable is wrong, with 1 if no queue answers."""
    try:
        bodies, attributes = messages_from(os.environ)
        port = port_from(os.environ, "SQS_PORT", SQS_PORT)
    except BadVariable as exc:
        sys.exit(_complain(str(exc), 2))
    try:
        sent = send(sqs.client(port), bodies, attributes)
    except (BotoCoreError, ClientError) as exc:
        sys.exit(_complain(f"no queue at 127.0.0.1:{port} ({exc}): is `make run` up in another terminal?", 1))
    print(f"sent {sent} message{'' if sent == 1 else 's'} to {sqs.QUEUE}")


def messages_from(environ: Mapping[str, str]) -> tuple[Iterator[str], dict[str, Any]]:
    """Return the bodies to send and their attributes, from N, DATA, EVENT, ROOM and NAMESPACE."""
    count = environ.get("N", "") or "1"
    if not count.isdecimal() or int(count) < 1:
        raise BadVariable(f"N: {count!r} is not a number of messages, expected 1 or more")
    data = environ.get("DATA", "")
    if data:
        try:
            json.loads(data)
        except ValueError as exc:
            raise BadVariable(f"DATA: {data[:80]!r} is not JSON: {exc}") from exc
    names = {"event": "EVENT", "rooms": "ROOM", "namespace": "NAMESPACE"}
    attributes = {
        name: {"DataType": "String", "StringValue": environ[variable]}
        for name, variable in names.items()
        if environ.get(variable)
    }
    return (data or json.dumps(_item()) for _ in range(int(count))), attributes


def send(client: Any, bodies: Iterator[str], attributes: dict[str, Any]) -> int:
    """Send all bodies in batches; return how many SQS accepted. Raises boto's errors."""
    url = client.get_queue_url(QueueName=sqs.QUEUE)["QueueUrl"]
    sent = 0
    while batch := list(islice(bodies, BATCH)):
        entries = [
            {"Id": str(index), "MessageBody": body, "MessageAttributes": attributes}
            for index, body in enumerate(batch)
        ]
        answer = client.send_message_batch(QueueUrl=url, Entries=entries)
        for failed in answer.get("Failed", ()):
            _complain(f"SQS refused a message: {failed['Code']}: {failed.get('Message', '')}", 1)
        sent += len(answer.get("Successful", ()))
    return sent


def _item() -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex[:8],
        "title": f"{random.choice(LOOKS)} {random.choice(KINDS)}",
        "price": round(random.uniform(4, 90), 2),
    }


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
