"""The poller's settings: environment variables with the prefix `QUEUECAST_`, read once at the start.

Where and as whom to call AWS is the SDK's own business (`AWS_REGION`, `AWS_ENDPOINT_URL_SQS`, …).
"""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from queuecast_bus import BusSettings
from queuecast_bus.names import check_published_event
from queuecast_edge.environment import Names
from queuecast_edge.settings import EdgeSettings
from queuecast_poller.queue_address import parse_queue
from queuecast_poller.route.loading import load_routes
from queuecast_poller.route.model import RoutesFile
from queuecast_poller.routing import Address
from queuecast_poller.rules import Rules


class Settings(BusSettings, EdgeSettings):
    """Everything the poller can be told."""

    queues: Names = Field(
        min_length=1, description="Names, URLs or ARNs of the queues, comma separated; a thread each"
    )
    queues_with_timers: Names = Field(
        default=(),
        description="Those of the queues, as they are named there, whose senders set message timers "
        "(`DelaySeconds` of a message): their messages count in no latency, since nobody tells how long they "
        "were meant to wait",
    )
    event: str = Field(default="item_added", description="Event of a message that names none")
    wait_seconds: int = Field(
        default=20, ge=0, le=20, description="How long one receive waits for messages (long polling)"
    )
    max_receives: int = Field(
        default=8, ge=1, le=64, description="Most receives under way per queue; busy queues get more than one"
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        validate_default=True,
        ge=1,
        le=1_048_576,
        description="Largest message body that is published; by default the largest that SQS takes",
    )
    unaddressed: Literal["broadcast", "leave"] = Field(
        default="broadcast",
        description="A message that names no room: `broadcast` shows it to everyone in the namespace, "
        "`leave` leaves it on the queue",
    )
    routes: str | None = Field(
        default=None,
        description="Path of a YAML or JSON file that says which messages go to whom, and settings of single "
        "queues; see [Messages](messages.md#routes)",
    )
    envelopes: Literal["auto", "none"] = Field(
        default="auto",
        description="`auto`: the payload is taken out of the envelopes of SNS, EventBridge, S3, CloudEvents "
        "and the extended clients; `none`: bodies pass as they are; see [Messages](messages.md)",
    )
    payload_buckets: Names = Field(
        default=(),
        description="Buckets from which a payload is fetched that an extended client has stored in S3 "
        "(default: none, such messages are left); needs `s3:GetObject`",
    )
    payload_seconds: float = Field(
        default=5,
        gt=0,
        le=60,
        description="How long one such payload may take; at most half the queue's visibility timeout is used",
    )

    rate: float = Field(
        default=0,
        ge=0,
        description="Most events a second from each queue in each poller; the others wait on the queue; "
        "0 is no limit",
    )
    latest_seconds: float = Field(
        default=1,
        ge=0,
        le=60,
        description="While a queue has a backlog, how long messages of a route with `latest` may wait for "
        "newer ones, at most a quarter of the visibility timeout; 0 compares those of one receive only",
    )
    commands: bool = Field(
        default=False,
        description="Whether a message may be a command to sessions (attribute `queuecast.command`); "
        "see [Messages](messages.md#commands)",
    )
    canary_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="How often a message of the poller's own goes through each queue to all gateways, which "
        "say how old the newest is; needs `sqs:SendMessage`; 0 sends none",
    )

    @field_validator("event")
    @classmethod
    def _is_an_event(cls, event: str) -> str:
        return check_published_event(event)

    @field_validator("max_body_bytes")
    @classmethod
    def _fits_into_a_record(cls, size: int, others: ValidationInfo) -> int:
        most = others.data.get("max_record_bytes", size)
        if size > most:
            raise ValueError(f"no gateway would deliver it: QUEUECAST_MAX_RECORD_BYTES is {most}")
        return size

    @field_validator("queues")
    @classmethod
    def _are_queues(cls, queues: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({queue for queue in queues if queues.count(queue) > 1})
        if repeated:
            raise ValueError(f"named twice: {', '.join(repeated)}")
        for queue in queues:
            parse_queue(queue)
        return queues

    @field_validator("queues_with_timers")
    @classmethod
    def _are_among_the_queues(cls, timed: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        if unknown := set(timed).difference(others.data.get("queues", timed)):
            raise ValueError(f"not named in QUEUECAST_QUEUES: {', '.join(sorted(unknown))}")
        return timed

    @field_validator("routes")
    @classmethod
    def _are_routes(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None:
            load_routes(path, others.data.get("queues"))
        return path

    @field_validator("payload_buckets")
    @classmethod
    def _are_buckets(cls, buckets: tuple[str, ...]) -> tuple[str, ...]:
        for name in buckets:
            if not _BUCKET.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a bucket: expected names, no URLs or ARNs")
        return buckets

    @property
    def rules(self) -> Rules:
        """How messages are read and addressed where no file says otherwise."""
        return Rules(
            default=Address(self.event),
            max_body_bytes=self.max_body_bytes,
            max_record_bytes=self.max_record_bytes,
            unwraps=self.envelopes == "auto",
            broadcasts=self.unaddressed == "broadcast",
            commands=self.commands,
            rate=self.rate or None,
        )

    def rules_of(self, queue: str) -> Rules:
        """How the messages of a queue are read and addressed, as the file is now. Raises `ValueError`."""
        file = RoutesFile() if self.routes is None else load_routes(self.routes, self.queues)
        return self.rules.with_file(file, queue)


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
