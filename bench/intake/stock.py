"""`python -m bench.intake.stock QUEUE_URL REDIS_URL`: aiobotocore and python-socketio, as in their docs.

A single loop receives, awaits an emit for each message, and deletes the batch.
"""

import asyncio
import json
import sys

import socketio
from aiobotocore.session import get_session

from bench.intake.stub import BATCH


async def consume(queue_url: str, redis_url: str) -> None:
    """Consume until the process is ended."""
    manager = socketio.AsyncRedisManager(redis_url, write_only=True)
    async with get_session().create_client("sqs") as sqs:
        while True:
            answer = await sqs.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=20,
                MessageAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            for message in messages:
                room = message["MessageAttributes"]["rooms"]["StringValue"]
                await manager.emit("item_added", json.loads(message["Body"]), namespace="/", room=room)
            if messages:
                entries = [
                    {"Id": str(place), "ReceiptHandle": message["ReceiptHandle"]}
                    for place, message in enumerate(messages)
                ]
                await sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2]))
