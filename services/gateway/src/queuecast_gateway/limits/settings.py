"""The settings of limits: how many may connect, and how much they may send."""

from pydantic import BaseModel, Field, field_validator

from queuecast_edge.environment import Names
from queuecast_gateway.limits.client_address import MAX_HOPS, networks


class LimitSettings(BaseModel, frozen=True, extra="forbid"):
    """Limits on connections and on what they send."""

    max_connections: int = Field(
        default=20_000,
        ge=1,
        description="Maximum number of connections on this replica; at the limit it is not ready",
    )
    max_connections_per_address: int = Field(
        default=1_000,
        ge=0,
        description="Maximum number of connections from one address (IPv6: one /64 network) to this "
        "replica; 0 means no limit",
    )
    max_connects_per_second: float = Field(
        default=20,
        ge=0,
        description="New connections per second from one address, on average. A burst may be as large as "
        "`QUEUECAST_MAX_CONNECTIONS_PER_ADDRESS`; 0 means no limit",
    )
    max_relay_bytes_per_address: float = Field(
        default=250_000,
        ge=0,
        description="Bytes per second that browsers at one address may send to everyone, on average; a burst "
        "may be ten times as large. The gateway refuses the rest (`rate_limited`), because Redis has to keep "
        "relayed events for a while; 0 means no limit",
    )
    max_session_bytes_per_address: int = Field(
        default=4 << 20,
        ge=0,
        description="Maximum bytes in Redis for the sessions of one address, including those that may still "
        "come back. A session beyond that is not kept, and starts over when it comes back; 0 means no limit",
    )
    trusted_proxies: Names = Field(
        default=(),
        description="Addresses and networks of proxies whose `X-Forwarded-For` is trusted for the client's "
        "address, such as `10.0.0.0/8`",
    )
    trusted_hops: int = Field(
        default=MAX_HOPS,
        ge=1,
        le=MAX_HOPS,
        description="How many of these proxies in a row are trusted, counted from the one that connects to "
        "the gateway",
    )
    max_events_per_second: float = Field(
        default=50,
        ge=0,
        description="Packets per second that a browser may send, on average. A browser that sends more first "
        "gets errors in acknowledgements, then loses its connection (close code 4029); 0 means no limit",
    )
    max_bytes_per_second: float = Field(
        default=100_000, ge=0, description="The same in bytes; 0 means no limit"
    )

    max_room_bytes: int = Field(
        default=8_192,
        ge=256,
        description="Maximum total size of a session's room names, in bytes of UTF-8",
    )

    max_past_events: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Maximum number of past events in the answer to `subscribe` with `last` or `since`; 0 "
        "gives none. Browsers that may join a room may have its past events, also those from before their "
        "token; see [Past events](past-events.md)",
    )
    max_past_bytes: int = Field(
        default=256 << 10, ge=1_000, description="The same in bytes; larger answers have fewer events"
    )
    max_past_seconds: float = Field(
        default=600,
        gt=0,
        description="Maximum age of a past event. `QUEUECAST_STREAM_MAX_SECONDS` and "
        "`QUEUECAST_STREAM_MAX_RECORDS` limit what Redis still has",
    )
    past_bytes: int = Field(
        default=32 << 20,
        ge=1 << 20,
        description="Memory for finding the past events of a room; half of it for an index of the stream, "
        "half for events that were read from Redis. None is used before the first browser asks",
    )
    max_past_bytes_per_address: float = Field(
        default=2_000_000,
        ge=0,
        description="Bytes per second of past events that browsers at one address may be sent, on average; a "
        "burst may be ten times as large. The rest is refused (`rate_limited`); 0 means no limit",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        networks(names)
        return names
