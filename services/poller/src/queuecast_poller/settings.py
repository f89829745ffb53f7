"""The poller's settings: environment variables with the prefix `QUEUECAST_`, read once at the start.

Where and as whom to call AWS is the SDK's own business (`AWS_REGION`, `AWS_ENDPOINT_URL_SQS`, …).
"""

from pydantic import Field, field_validator

from queuecast_bus import BusSettings
from queuecast_bus.names import check_event
from queuecast_edge.environment import Names
from queuecast_edge.settings import EdgeSettings


class Settings(BusSettings, EdgeSettings):
    """Everything the poller can be told."""

    queues: Names = Field(
        min_length=1, description="Names, URLs or ARNs of the queues, comma separated; a thread each"
    )
    event: str = Field(default="item_added", description="Event of a message that names none")
    wait_seconds: int = Field(
        default=20, ge=0, le=20, description="How long one receive waits for messages (long polling)"
    )
    max_receives: int = Field(
        default=8, ge=1, le=64, description="Most receives under way per queue; busy queues get more than one"
    )
    max_body_bytes: int = Field(
        default=262_144, ge=1, le=1_048_576, description="Largest message body that is published"
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
        return check_event(event)

    @field_validator("queues")
    @classmethod
    def _are_different(cls, queues: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({queue for queue in queues if queues.count(queue) > 1})
        if repeated:
            raise ValueError(f"named twice: {', '.join(repeated)}")
        return queues
