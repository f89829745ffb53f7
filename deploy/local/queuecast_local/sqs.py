"""The SQS emulator: how to start it, a client for it, and its queues."""

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import Session

QUEUE = "queuecast"
DEAD_LETTER_QUEUE = "queuecast-dlq"
MAX_RECEIVES = 5
IMPORTS_FROM: Mapping[str, str] = {"PYTHONPATH": str(Path(__file__).parents[1])}
"""What the emulator's process needs in its environment, as this package is not installed."""


def emulator(port: int) -> tuple[str, ...]:
    """Return the command that serves SQS on 127.0.0.1; it needs `IMPORTS_FROM` in its environment."""
    return (sys.executable, "-m", "queuecast_local.sqs_emulator", "--port", str(port))


def environment(port: int) -> dict[str, str]:
    """Return the AWS SDK's variables that send a process to the emulator and nowhere else."""
    return {
        "AWS_ENDPOINT_URL_SQS": f"http://127.0.0.1:{port}",
        "AWS_ENDPOINT_URL_SNS": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(port: int, host: str = "127.0.0.1") -> Any:
    """Return a client for an emulator like boto3's, with short timeouts and no retries."""
    config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1})
    return _session().create_client(
        "sqs",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator takes anything
        config=config,
    )


@cache
def _session() -> Session:
    """Return the session of this process: each new one reads the file of all AWS endpoints again."""
    return Session()


def create_queues(
    sqs: Any, *, queue: str = QUEUE, visibility_seconds: int = 30, max_receives: int = MAX_RECEIVES
) -> tuple[str, str]:
    """Create a queue with its dead-letter queue; return their URLs."""
    dead = sqs.create_queue(QueueName=f"{queue}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": max_receives}
    attributes = {"VisibilityTimeout": str(visibility_seconds), "RedrivePolicy": json.dumps(policy)}
    return sqs.create_queue(QueueName=queue, Attributes=attributes)["QueueUrl"], dead
