"""The SQS emulator (moto's server) and the queues on it."""

import json
import sys
from typing import Any

import boto3
from botocore.config import Config

QUEUE = "queuecast"
DEAD_LETTER_QUEUE = "queuecast-dlq"
MAX_RECEIVES = 5


def emulator(port: int) -> tuple[str, ...]:
    """Return the command that serves SQS on 127.0.0.1."""
    return (sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port))


def environment(port: int) -> dict[str, str]:
    """Return the AWS SDK's variables that lead a process to the emulator, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(port: int) -> Any:
    """Return a boto3 client of the emulator, which gives up soon when nothing is there."""
    config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1})
    return boto3.client(
        "sqs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator takes anything
        config=config,
    )


def create_queues(
    sqs: Any, *, queue: str = QUEUE, visibility_seconds: int = 30, max_receives: int = MAX_RECEIVES
) -> tuple[str, str]:
    """Create a queue with its dead-letter queue; return their URLs."""
    dead = sqs.create_queue(QueueName=f"{queue}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}
    attributes = {"VisibilityTimeout": str(visibility_seconds), "RedrivePolicy": json.dumps(policy)}
    return sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"], dead
