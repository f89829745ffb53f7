"""The settings of how many may connect and how much they may say."""

from pydantic import BaseModel, Field, field_validator

from queuecast_edge.environment import Names
from queuecast_gateway.limits.address import MAX_HOPS, networks


class LimitSettings(BaseModel, frozen=True, extra="forbid"):
    """Limits of connections and of what comes over them."""

    max_connections: int = Field(
        default=20_000, ge=1, description="Connections of this replica; it is not ready when it has them"
    )
    max_connections_per_address: int = Field(
        default=1_000,
        ge=0,
        description="Connections of one address (IPv6: of one /64 network) to this replica; 0 is no limit",
    )
    max_connects_per_second: float = Field(
        default=20,
        ge=0,
        description="New connections of one address a second in the long run; as many as it may have come "
        "at once; 0 is no limit",
    )
    max_relay_bytes_per_address: float = Field(
        default=250_000,
        ge=0,
        description="Bytes a second that browsers of one address may send on to everyone, in the long run; "
        "ten times as many at once. Redis keeps them for a while; what is beyond is refused, `rate_limited`; "
        "0 is no limit",
    )
    max_session_bytes_per_address: int = Field(
        default=4 << 20,
        ge=0,
        description="What sessions of one address may take in Redis, those that may come back included; one "
        "beyond that is not kept, and begins anew when it comes back; 0 is no limit",
    )
    trusted_proxies: Names = Field(
        default=(),
        description="Addresses and networks of proxies whose `X-Forwarded-For` says who a client is, such as "
        "`10.0.0.0/8`",
    )
    trusted_hops: int = Field(
        default=MAX_HOPS,
        ge=1,
        le=MAX_HOPS,
        description="How many of these proxies in a row are believed, from the one that is connected itself",
    )
    max_events_per_second: float = Field(
        default=50,
        ge=0,
        description="Packets that a browser may send in the long run; who sends more is told so by "
        "acknowledgement, then cut off (close code 4029); 0 is no limit",
    )
    max_bytes_per_second: float = Field(default=100_000, ge=0, description="The same in bytes; 0 is no limit")

    max_room_bytes: int = Field(
        default=8_192,
        ge=256,
        description="Bytes of UTF-8 that the names of a session's rooms may have in all",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        networks(names)
        return names
