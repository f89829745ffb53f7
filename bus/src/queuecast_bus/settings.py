"""The settings of the bus, on which both services must agree."""

from functools import partial

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from queuecast_bus.bounds import MAX_CLIENT_BYTES
from queuecast_bus.connection import Credentials, check_url
from queuecast_bus.iam import Cache, IamTokens, check_sdk
from queuecast_bus.password_file import PasswordFile, read_password
from queuecast_bus.urls import split_url


class BusSettings(BaseModel, frozen=True, extra="forbid"):
    """Where the bus is and how much it keeps."""

    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis ≥ 6.2 or Valkey: `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://`, "
        "`redis+sentinel://host:port,host:port/db/service`, `rediss+sentinel://…`, "
        "`redis+cluster://host:port,host:port`, `rediss+cluster://…`; see [Redis](redis.md)",
    )
    redis_password_file: str | None = Field(
        default=None,
        description="File with the password for the user in `QUEUECAST_REDIS_URL`, which then has none; it "
        "is read again for each connection, so that the password may change. See "
        "[a password that changes](redis.md#a-password-that-changes)",
    )
    redis_iam: str | None = Field(
        default=None,
        description="`elasticache:NAME`, `elasticache-serverless:NAME` or `memorydb:NAME`: the password for "
        "the user in `QUEUECAST_REDIS_URL`, which then has none, is a token of AWS IAM for that cache, from "
        "the AWS SDK's credentials. See [tokens of AWS IAM](redis.md#tokens-of-aws-iam)",
    )
    channel: str = Field(
        default="socketio",
        min_length=1,
        pattern=r"^[^{}\s]+$",
        description="Pub/sub channel of the stock Socket.IO managers, and the name of this bus in Redis",
    )
    replicas_ack: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How many replicas of Redis must have a record before its message is deleted; 0 waits "
        "for none. See [failover](redis.md#failover)",
    )
    stream_max_records: int = Field(
        default=100_000, ge=1_000, description="Maximum number of records in the stream"
    )
    stream_max_seconds: int = Field(
        default=600, ge=10, description="Maximum age of a record in the stream, in seconds"
    )
    dedup_seconds: int = Field(
        default=600,
        ge=1,
        description="How long a message id is remembered, so that a redelivered message is not published "
        "again",
    )
    keep_latest_seconds: int = Field(
        default=0,
        ge=0,
        le=31 * 86_400,
        description="How long Redis keeps the newest event of each key of a room, for pages that subscribe "
        "with `latest`; 0 keeps none. Pollers and gateways need the same; see "
        "[Past events](past-events.md#latest)",
    )
    max_record_bytes: int = Field(
        default=2 << 20,
        validate_default=True,
        ge=1_000,
        le=MAX_CLIENT_BYTES,
        description="Largest event to put on the bus and to deliver from it. It must be at least the "
        "poller's `QUEUECAST_MAX_BODY_BYTES` (more, if a payload from an envelope gets longer as JSON of "
        "its own) and less than the gateway's `QUEUECAST_MAX_BUFFERED_BYTES`",
    )

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_url(cls, url: SecretStr) -> SecretStr:
        check_url(url.get_secret_value())
        return url

    @field_validator("redis_password_file")
    @classmethod
    def _has_the_only_password(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None:
            url = others.data.get("redis_url")
            if url is not None and split_url(url.get_secret_value()).password is not None:
                raise ValueError("QUEUECAST_REDIS_URL has a password, too: leave it out, or this setting")
            read_password(path)
        return path

    @field_validator("redis_iam")
    @classmethod
    def _makes_the_only_password(cls, cache: str | None, others: ValidationInfo) -> str | None:
        if cache is None:
            return None
        Cache.parse(cache)
        if others.data.get("redis_password_file") is not None:
            raise ValueError("QUEUECAST_REDIS_PASSWORD_FILE is set, too: leave one of them out")
        url = others.data.get("redis_url")
        if url is not None:
            parts = split_url(url.get_secret_value())
            if parts.password is not None:
                raise ValueError("QUEUECAST_REDIS_URL has a password, too: leave it out, or this setting")
            if not parts.username:
                raise ValueError("QUEUECAST_REDIS_URL needs the user: rediss://USER@…")
        check_sdk()
        return cache

    @property
    def redis_credentials(self) -> Credentials | None:
        """What gives each connection its password if the URL has none."""
        if self.redis_iam is not None:
            return partial(IamTokens, Cache.parse(self.redis_iam))
        if self.redis_password_file is not None:
            return partial(PasswordFile, self.redis_password_file)
        return None
