"""The settings of the bus: the part of a service's environment that both services must agree on."""

from pydantic import BaseModel, Field, SecretStr, field_validator

from queuecast_bus.bounds import MAX_CLIENT_BYTES
from queuecast_bus.connection import check_url


class BusSettings(BaseModel, frozen=True, extra="forbid"):
    """Where the bus is and how much it keeps."""

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis ≥ 6.2 or Valkey: `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://`, "
        "`redis+sentinel://host:port,host:port/db/service`, `rediss+sentinel://…`; see [Redis](redis.md)",
    )
    channel: str = Field(
        default="socketio",
        min_length=1,
        pattern=r"^[^{}\s]+$",
        description="Pub/sub channel of the stock Socket.IO managers, and the name of this bus on its Redis",
    )
    stream_max_records: int = Field(default=100_000, ge=1_000, description="Longest stream, in records")
    stream_max_seconds: int = Field(default=600, ge=10, description="Oldest record in the stream, in seconds")
    dedup_seconds: int = Field(
        default=600, ge=1, description="How long a message id is remembered, so that it is published once"
    )
    max_record_bytes: int = Field(
        default=2 << 20,
        validate_default=True,
        ge=1_000,
        le=MAX_CLIENT_BYTES,
        description="Largest event that is put on the bus, and delivered from it: at least the poller's "
        "`QUEUECAST_MAX_BODY_BYTES`, and more where what is taken from an envelope is longer as JSON of its "
        "own; less than the gateway's `QUEUECAST_MAX_BUFFERED_BYTES`",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_url(cls, url: SecretStr) -> SecretStr:
        check_url(url.get_secret_value())
        return url
