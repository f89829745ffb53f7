"""The poller's settings: environment variables with the prefix `QUEUECAST_`, read once at the start.

Region, endpoint and credentials for AWS are not here: the SDK has its own variables for them (`AWS_REGION`,
`AWS_ENDPOINT_URL_SQS`, …).
"""

import re
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from queuecast_bus import BusSettings
from queuecast_bus.names import check_published_event
from queuecast_edge.environment import Names
from queuecast_edge.settings import EdgeSettings
from queuecast_poller.route.address import Address
from queuecast_poller.route.loading import load_routes
from queuecast_poller.route.model import MAX_HOLD_SECONDS, RoutesFile
from queuecast_poller.route.rules import Rules
from queuecast_poller.sqs.queue_address import parse_queue


class Settings(BusSettings, EdgeSettings):
    """Every setting of the poller."""

    queues: Names = Field(
        description="Names, URLs or ARNs of the queues, comma separated; each queue gets a thread",
    )
    queues_with_timers: Names = Field(
        default=(),
        description="Those of the queues, under the same names, whose senders set message timers "
        "(`DelaySeconds` on a message). Latency metrics leave their messages out, because SQS does not say "
        "how long a message was meant to wait",
    )
    event: str = Field(default="item_added", description="Event name for messages that have none")
    wait_seconds: int = Field(
        default=20, ge=0, le=20, description="How long one receive waits for messages (long polling)"
    )
    max_receives: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Maximum number of receives under way at once per queue; only busy queues get more than "
        "one",
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        validate_default=True,
        ge=1,
        le=1_048_576,
        description="Largest message body to publish; the default is the largest that SQS accepts",
    )
    unaddressed: Literal["broadcast", "leave"] = Field(
        default="broadcast",
        description="What to do with a message that names no room: `broadcast` sends it to everyone in the "
        "namespace, `leave` leaves it on the queue",
    )
    routes: str | None = Field(
        default=None,
        description="Path of a YAML or JSON file that defines which messages go to whom, and settings for "
        "single queues; see [Messages](messages.md#routes)",
    )
    envelopes: Literal["auto", "none"] = Field(
        default="auto",
        description="`auto`: take the payload out of envelopes by SNS, EventBridge, S3, CloudEvents and the "
        "extended clients; `none`: pass bodies on as they are; see [Messages](messages.md)",
    )
    payload_buckets: Names = Field(
        default=(),
        description="S3 buckets from which the poller may fetch payloads that an extended client has stored "
        "(default: none; such messages are left on the queue); needs `s3:GetObject`",
    )
    payload_seconds: float = Field(
        default=5,
        gt=0,
        le=60,
        description="How long fetching one such payload may take; never more than half the queue's "
        "visibility timeout",
    )

    rate: float = Field(
        default=0,
        ge=0,
        description="Maximum events per second from each queue, in each poller; the rest waits on the "
        "queue; 0 means no limit",
    )
    latest_seconds: float = Field(
        default=1,
        ge=0,
        le=60,
        description="While a queue has a backlog, how long messages of a route with `latest` may wait for "
        "newer ones; never more than a quarter of the visibility timeout; 0 compares only messages of the "
        "same receive",
    )
    volatile: bool = Field(
        default=False,
        description="If true, the message attribute `volatile` counts: such an event is only for browsers "
        "that are connected when it is delivered; see [Messages](messages.md#volatile)",
    )
    ack_seconds: float = Field(
        default=0,
        ge=0,
        le=300,
        description="How long browsers have to acknowledge a message with the attribute `ack`; never more "
        "than four fifths of the visibility timeout. 0 waits for none, and leaves such messages on the "
        "queue; see [Acknowledged messages](acknowledged-messages.md)",
    )
    max_awaited: int = Field(
        default=1_000,
        ge=1,
        le=10_000,
        description="How many messages of each queue may wait for acknowledgements at once, in each poller; "
        "receiving waits while there are more",
    )
    hold_seconds: float = Field(
        default=0,
        ge=0,
        le=MAX_HOLD_SECONDS,
        description="How long after it was sent a message with the attribute `hold` may wait while nobody is "
        "in its rooms; 0 holds none, and leaves such messages on the queue. Needs `QUEUECAST_ACKS` of all "
        "gateways; see [Held messages](held-messages.md)",
    )
    max_held: int = Field(
        default=10_000,
        ge=1,
        le=100_000,
        description="How many messages of each queue may be held at once, in each poller; more are left and "
        "come back after their visibility timeout",
    )
    hold_expired: Literal["leave", "drop", "forward"] = Field(
        default="leave",
        description="What becomes of a held message for which nobody came in time: `leave` leaves it for the "
        "dead-letter queue, `drop` deletes it, `forward` sends it to `QUEUECAST_HOLD_QUEUE`",
    )
    hold_queue: str | None = Field(
        default=None,
        validate_default=True,
        description="Name, URL or ARN of the queue to which held messages are forwarded, in the same region; "
        "needs `sqs:SendMessage` and `sqs:GetQueueUrl` there",
    )
    board_sends: bool = Field(
        default=False,
        description="If true, people with the right `send` on a gateway's [live board](board.md) may put "
        "messages on the queues, by these pollers; needs `sqs:SendMessage`",
    )
    commands: bool = Field(
        default=False,
        description="If true, a message may be a command to sessions (attribute `queuecast.command`); see "
        "[Messages](messages.md#commands)",
    )
    canary_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="How often the poller sends a test message through each queue to all gateways, which "
        "report the age of the newest one; needs `sqs:SendMessage`; 0 sends none",
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
        if not queues:
            raise ValueError("expected at least one queue, got none")
        if repeated := sorted({queue for queue in queues if queues.count(queue) > 1}):
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

    @field_validator("hold_queue")
    @classmethod
    def _is_forwarded_to(cls, queue: str | None, others: ValidationInfo) -> str | None:
        if (others.data.get("hold_expired") == "forward") != (queue is not None):
            raise ValueError("set it together with QUEUECAST_HOLD_EXPIRED=forward, and only then")
        if queue is not None:
            parse_queue(queue)
            if queue in others.data.get("queues", ()):
                raise ValueError(f"{queue} is in QUEUECAST_QUEUES: its messages would go round in a circle")
        return queue

    @property
    def rules(self) -> Rules:
        """How messages are read and addressed, unless the routes file says otherwise."""
        return Rules(
            default=Address(self.event),
            max_body_bytes=self.max_body_bytes,
            max_record_bytes=self.max_record_bytes,
            unwraps=self.envelopes == "auto",
            broadcasts=self.unaddressed == "broadcast",
            commands=self.commands,
            payload_buckets=frozenset(self.payload_buckets),
            rate=self.rate or None,
            keeps_latest=self.keep_latest_seconds > 0,
            has_volatile=self.volatile,
            acks=self.ack_seconds > 0,
            hold_seconds=self.hold_seconds,
        )

    def rules_of(self, queue: str) -> Rules:
        """How messages of a queue are read and addressed, by the routes file as it is now.

        Raises `ValueError`.
        """
        file = RoutesFile() if self.routes is None else load_routes(self.routes, self.queues)
        return self.rules.with_file(file, queue)


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
