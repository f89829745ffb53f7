"""The gateway's settings: environment variables with the prefix `QUEUECAST_`, read once at the start."""

import math
import socket
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from queuecast_bus import BusSettings
from queuecast_bus.bounds import MAX_ATTACHMENTS
from queuecast_bus.connection import check_url
from queuecast_bus.names import check_namespace
from queuecast_bus.urls import split_url
from queuecast_edge.environment import Names, variable
from queuecast_edge.settings import EdgeSettings
from queuecast_gateway.access.api_settings import ApiSettings
from queuecast_gateway.access.board_settings import BoardSettings
from queuecast_gateway.access.hosts import Hosts, check_host, is_host
from queuecast_gateway.access.origins import Origins, normalized
from queuecast_gateway.access.presence_settings import PresenceSettings
from queuecast_gateway.access.relay_settings import RelaySettings
from queuecast_gateway.access.settings import AccessSettings
from queuecast_gateway.limits.settings import LimitSettings
from queuecast_gateway.limits.token_bucket import Rates
from queuecast_gateway.wire.protocol import BOARD_NAMESPACE

TRANSPORTS = ("polling", "websocket")
EMITTERS = ("python", "node")

MIN_INCOMING_BYTES = 1 << 20
"""How much unhandled input one connection may have here, if no single message may be larger."""

SEND_BUFFER_BYTES = 128 << 10
"""Enough for 2.5 MB a second to a browser that is 100 ms away."""


class Settings(
    BusSettings,
    EdgeSettings,
    AccessSettings,
    LimitSettings,
    RelaySettings,
    BoardSettings,
    PresenceSettings,
    ApiSettings,
):
    """Every setting of the gateway."""

    redis_read_url: SecretStr | None = Field(
        default=None,
        description="Where to follow the stream instead of at the primary: a reader endpoint, or sentinels "
        "or a cluster, which name replicas; written as `QUEUECAST_REDIS_URL`. See "
        "[reading from replicas](redis.md#reading-from-replicas)",
    )
    port: int = Field(
        default=8000,
        validate_default=True,
        ge=1,
        le=65535,
        description="Public port: Socket.IO and the live board",
    )
    path: str = Field(
        default="/socket.io",
        pattern=r"^(/[A-Za-z0-9._~-]+)+/?$",
        description="Path of Socket.IO, such as `/realtime/socket.io` behind an ingress that cannot rewrite. "
        "Clients have it as their option `path`; the stock JavaScript client is at `socket.io.js` and "
        "`socket.io.min.js` below it",
    )
    origins: Names | None = Field(
        default=None,
        description="Origins whose pages may connect: a comma-separated list such as `https://app.example`, "
        "`https://*.app.example` for its subdomains, `http://localhost:*` for all ports, "
        "`capacitor://localhost` for an app, `null`, `self` for the gateway's own, or `*` for all (default: "
        "`self`)",
    )
    hosts: Names | None = Field(
        default=None,
        description="Host names that browsers may use for the gateway, such as `gateway.example` or "
        "`*.example`; `*` allows any. IP addresses, `localhost`, the gateway's own host name and the hosts "
        "in `QUEUECAST_ORIGINS` are always allowed (default: no others if `QUEUECAST_AUTH=none`, otherwise "
        "any); see [Security](security.md#names)",
    )
    transports: Names = Field(default=TRANSPORTS, description="`polling`, `websocket` or both")
    namespaces: Names = Field(default=("/",), description="Namespaces that browsers may connect to")
    emitters: Names = Field(
        default=("python",),
        description="Whose emitters in other processes are heard on Redis's channels: `python` "
        "(python-socketio ≥ 5.14), `node` (`@socket.io/redis-emitter` and its relatives), or both; see "
        "[Emitters](emitters.md)",
    )
    acks: bool = Field(
        default=False,
        description="Whether browsers' acknowledgements of messages with the attribute `ack` are collected "
        "here. Set it for all gateways before `QUEUECAST_ACK_SECONDS` for the pollers; see "
        "[Acknowledged messages](acknowledged-messages.md)",
    )
    max_message_bytes: int = Field(
        default=100_000, ge=1_000, le=10_000_000, description="Largest message that a browser may send"
    )
    max_buffered_bytes: int = Field(
        default=4 << 20,
        validate_default=True,
        ge=64 << 10,
        description="How many bytes a browser may be behind before the gateway closes its connection (4008, "
        "`slow`). Its own unhandled input has the same limit, but at most 1 MiB or the size of one message "
        "with ten attachments, whichever is larger (1008)",
    )
    compress_bytes: int = Field(
        default=512,
        ge=0,
        description="Events of this many bytes or more are compressed, once for all browsers that offer "
        "`permessage-deflate`, as current ones do. 0 turns compression off, in both directions; see "
        "[Capacity](capacity.md#compression)",
    )
    write_delay_ms: float | None = Field(
        default=None,
        ge=0,
        le=50,
        description="How long events gather after each round of writes before the next one, in milliseconds. "
        "0 is the shortest latency, and more costs less CPU per delivery (default: 0 while each event can "
        "have a write of its own, and up to 20 ms beyond that); see [Capacity](capacity.md#how-many-pods)",
    )
    ping_interval_seconds: float = Field(
        default=25, ge=0.1, description="How often the gateway pings each browser"
    )
    ping_timeout_seconds: float = Field(
        default=20, ge=0.1, description="How long a browser may take to answer a ping"
    )
    connect_seconds: float = Field(
        default=10,
        ge=0.1,
        description="How long a request or a message may take to arrive, and how long a new connection may "
        "take to join a namespace",
    )
    max_lag_seconds: float = Field(
        default=3,
        ge=0,
        description="How far a gateway may be behind the bus before it asks the pollers to wait until it has "
        "caught up; 0 never asks",
    )
    max_rooms: int = Field(default=100, ge=1, description="Maximum number of rooms that one session may join")
    recovery_seconds: float = Field(
        default=120,
        validate_default=True,
        ge=0,
        le=86_400,
        description="How long a browser may be away and still receive every event it missed; 0 turns "
        "recovery off",
    )
    max_replay_events: int = Field(
        default=2_000,
        ge=1,
        description="Maximum number of missed events to replay; a browser that missed more starts over",
    )
    max_replay_bytes: int = Field(
        default=3 << 20,
        validate_default=True,
        ge=1_000,
        description="The same in bytes. Make it at least `QUEUECAST_MAX_RECORD_BYTES`, or the largest events "
        "cannot be replayed. It must be less than `QUEUECAST_MAX_BUFFERED_BYTES`",
    )
    history_bytes: int = Field(
        default=16 << 20,
        ge=1 << 20,
        description="Memory for the newest records, from which most reconnecting browsers are served",
    )
    drain_seconds: float = Field(
        default=15,
        ge=0,
        le=600,
        description="After SIGTERM, close the connections spread over this time, so that browsers do not all "
        "reconnect at once",
    )
    max_connection_seconds: float = Field(
        default=0,
        ge=0,
        description="Roughly how long a connection may last before its browser has to reconnect, to any "
        "replica. This spreads the load after a scale-out; 0 means no limit",
    )
    graceful_seconds: int = Field(
        default=5, ge=0, description="How long a stopping gateway waits for open connections to close"
    )

    pod_name: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="Name of this pod. If set, the gateway keeps the pod's deletion cost in Kubernetes equal "
        "to its connections; see `deploy/k8s/components/deletion-cost`",
    )
    pod_namespace: str | None = Field(
        default=None,
        validate_default=True,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Namespace of this pod; set it together with the name",
    )

    @field_validator("redis_read_url")
    @classmethod
    def _is_for_the_same_user(cls, url: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if url is not None:
            check_url(url.get_secret_value())
            has_password = split_url(url.get_secret_value()).password is not None
            for name in ("redis_password_file", "redis_iam"):
                if has_password and others.data.get(name) is not None:
                    raise ValueError(f"it has a password, but {variable(name)} is for it, too")
        return url

    @field_validator("port")
    @classmethod
    def _is_not_the_admin_port(cls, port: int, others: ValidationInfo) -> int:
        if port == others.data.get("admin_port"):
            raise ValueError(f"{port} is QUEUECAST_ADMIN_PORT too, and browsers need a port of their own")
        return port

    @field_validator("port")
    @classmethod
    def _is_not_the_port_of_the_api(cls, port: int, others: ValidationInfo) -> int:
        api = others.data.get("api_port")
        if api is not None and api in (port, others.data.get("admin_port")):
            raise ValueError(
                f"QUEUECAST_API_PORT: {api} is QUEUECAST_PORT or QUEUECAST_ADMIN_PORT too: who may publish "
                "is not who may connect, or read metrics"
            )
        return port

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if origins is None or origins == ("*",):
            return origins
        if "*" in origins:
            raise ValueError("`*` stands alone: it already allows every origin")
        if not origins:
            raise ValueError("an empty list would allow nobody: leave it unset for the page's own origin")
        return tuple(map(normalized, origins))

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if hosts is None or hosts == ("*",):
            return hosts
        if "*" in hosts:
            raise ValueError("`*` stands alone: it already allows every name")
        return tuple(map(check_host, hosts))

    @field_validator("transports")
    @classmethod
    def _are_transports(cls, transports: tuple[str, ...]) -> tuple[str, ...]:
        return _some_of(TRANSPORTS, transports)

    @field_validator("emitters")
    @classmethod
    def _are_emitters(cls, emitters: tuple[str, ...]) -> tuple[str, ...]:
        return _some_of(EMITTERS, emitters)

    @field_validator("namespaces")
    @classmethod
    def _are_namespaces(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in map(check_namespace, namespaces):
            if namespace == BOARD_NAMESPACE:
                raise ValueError(f"{namespace!r} belongs to the live board")
        if not namespaces:
            raise ValueError("expected at least one namespace")
        return namespaces

    @field_validator("recovery_seconds")
    @classmethod
    def _is_kept_on_the_stream(cls, seconds: float, others: ValidationInfo) -> float:
        kept = others.data.get("stream_max_seconds", math.inf)
        ping = others.data.get("ping_interval_seconds", 0) + others.data.get("ping_timeout_seconds", 0)
        if seconds and seconds + ping > kept:
            raise ValueError(
                f"{seconds:g} s, and {ping:g} s until a ping is found unanswered, are more than the stream "
                f"keeps: QUEUECAST_STREAM_MAX_SECONDS is {kept}"
            )
        return seconds

    @field_validator("max_buffered_bytes")
    @classmethod
    def _holds_any_event(cls, size: int, others: ValidationInfo) -> int:
        largest = others.data.get("max_record_bytes", 0)
        if size <= largest:
            raise ValueError(
                f"whoever is sent one event may be cut off: QUEUECAST_MAX_RECORD_BYTES is {largest}"
            )
        return size

    @field_validator("max_replay_bytes")
    @classmethod
    def _can_be_buffered(cls, size: int, others: ValidationInfo) -> int:
        most = others.data.get("max_buffered_bytes", math.inf)
        if size >= most:
            raise ValueError(f"who is sent so much would be cut off: QUEUECAST_MAX_BUFFERED_BYTES is {most}")
        return size

    @field_validator("pod_namespace")
    @classmethod
    def _goes_with_the_name(cls, namespace: str | None, others: ValidationInfo) -> str | None:
        if (namespace is None) != (others.data.get("pod_name", namespace) is None):
            raise ValueError("QUEUECAST_POD_NAME and QUEUECAST_POD_NAMESPACE go together")
        return namespace

    @property
    def page_origins(self) -> Origins | None:
        """The origins whose pages may connect; None allows all."""
        return None if self.origins == ("*",) else Origins(self.origins)

    @property
    def own_hosts(self) -> Hosts | None:
        """The host names of this gateway; None allows any.

        Without a list, any name is allowed if it gives a page nothing to read: if connections need a token,
        or if every page may connect anyway.
        """
        is_closed = self.auth != "none" or self.origins == ("*",)
        if self.hosts == ("*",) or (self.hosts is None and is_closed):
            return None
        origins = [urlsplit(origin).hostname for origin in self.origins or () if origin != "*"]
        known = [socket.gethostname(), self.host, self.pod_name, *origins]
        return Hosts([*(self.hosts or ()), *(name for name in known if name and is_host(name))])

    @property
    def send_buffer_bytes(self) -> int:
        """The send buffer of each socket. The kernel doubles it, socket(7). By default a socket buffers up to
        4 MiB, which no metric shows.
        """
        return min(SEND_BUFFER_BYTES, self.max_buffered_bytes // 8)

    @property
    def max_incoming_bytes(self) -> int:
        """How much unhandled input one connection may have here: one message with all its attachments, or
        more if messages are small. A browser sends little compared with what it may receive.
        """
        largest = (1 + MAX_ATTACHMENTS) * self.max_message_bytes
        return min(self.max_buffered_bytes, max(MIN_INCOMING_BYTES, largest))

    @property
    def write_delay_seconds(self) -> float | None:
        """The delay after each round of writes; None leaves it to the load."""
        return None if self.write_delay_ms is None else self.write_delay_ms / 1000

    @property
    def rates(self) -> Rates | None:
        """How much one connection may send."""
        events, size = self.max_events_per_second, self.max_bytes_per_second
        return Rates(events, size, self.max_message_bytes) if events or size else None

    @property
    def away_seconds(self) -> float:
        """The greatest age of the offset of a browser that was away for `recovery_seconds`.

        The browser last received an offset with its last ping, and silence takes a while to be noticed.
        """
        return self.recovery_seconds + self.silence_seconds

    @property
    def silence_seconds(self) -> float:
        """After so much silence, at most, a connection is taken for dead."""
        return self.ping_interval_seconds + self.ping_timeout_seconds


def _some_of(known: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise ValueError(f"expected {' or '.join(known)} or both, got {', '.join(unknown) or 'nothing'}")
    return names
