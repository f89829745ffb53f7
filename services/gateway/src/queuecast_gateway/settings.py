"""The gateway's settings: environment variables with the prefix `QUEUECAST_`, read once at the start."""

import math
import socket
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from queuecast_bus import BusSettings
from queuecast_bus.bounds import MAX_ATTACHMENTS
from queuecast_bus.names import check_namespace, check_published_event
from queuecast_edge.environment import Names
from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_edge.settings import EdgeSettings
from queuecast_gateway.access.hosts import Hosts, check_host, is_host
from queuecast_gateway.access.settings import AccessSettings
from queuecast_gateway.board import BOARD_NAMESPACE
from queuecast_gateway.handlers import HANDLED_EVENTS
from queuecast_gateway.limits.pace import Rates
from queuecast_gateway.limits.settings import LimitSettings

TRANSPORTS = ("polling", "websocket")

MIN_INCOMING_BYTES = 1 << 20
"""What one connection may have sent that waits here, where no single message may be as large."""

SEND_BUFFER_BYTES = 128 << 10
"""Enough for 2.5 MB a second to a browser that is 100 ms away."""


class Settings(BusSettings, EdgeSettings, AccessSettings, LimitSettings):
    """Everything the gateway can be told."""

    port: int = Field(default=8000, ge=1, le=65535, description="Public port: Socket.IO and the live board")
    origins: Names | None = Field(
        default=None,
        description="Origins whose pages may connect: exact ones, comma separated, or `*` for all "
        "(default: the page's own origin only)",
    )
    hosts: Names | None = Field(
        default=None,
        description="Names by which browsers may call the gateway, such as `gateway.example` or `*.example`, "
        "beside addresses, `localhost`, its own host's name and those in `QUEUECAST_ORIGINS`; `*` for any "
        "(default: these alone where `QUEUECAST_AUTH=none`, else any); see [Security](security.md#names)",
    )
    transports: Names = Field(default=TRANSPORTS, description="`polling`, `websocket` or both")
    namespaces: Names = Field(default=("/",), description="Namespaces that browsers may connect to")
    relay_events: Names = Field(
        default=("item_removed",), description="Events that a browser may send on to everyone"
    )
    relay_schemas: str | None = Field(
        default=None,
        description="Path of a JSON file with a JSON Schema for each relayed event that is to have one: "
        '`{"item_removed": {…}}`',
    )
    max_message_bytes: int = Field(
        default=100_000, ge=1_000, le=10_000_000, description="Largest message that a browser may send"
    )
    max_buffered_bytes: int = Field(
        default=4 << 20,
        validate_default=True,
        ge=64 << 10,
        description="How far a browser may be behind before it is cut off (close code 4008, `slow`). What it "
        "has sent that waits may be as much, but no more than 1 MiB or a message with ten attachments (1008)",
    )
    ping_interval_seconds: float = Field(
        default=25, ge=0.1, description="How often a browser is asked whether it is there"
    )
    ping_timeout_seconds: float = Field(default=20, ge=0.1, description="How long its answer may take")
    connect_seconds: float = Field(
        default=10,
        ge=0.1,
        description="How long a request or a message may take to arrive, and a connection to join its first "
        "namespace",
    )
    max_lag_seconds: float = Field(
        default=3,
        ge=0,
        description="How far behind the bus a gateway may be before the pollers are asked to wait until it "
        "has caught up; 0 asks never",
    )
    max_rooms: int = Field(default=100, ge=1, description="Most rooms that one session may be in")
    recovery_seconds: float = Field(
        default=120,
        validate_default=True,
        ge=0,
        le=86_400,
        description="How long a browser may be away and still get exactly what it missed; 0 turns this off",
    )
    max_replay_events: int = Field(
        default=2_000, ge=1, description="Most events that a browser may have missed; beyond, it starts anew"
    )
    max_replay_bytes: int = Field(
        default=3 << 20,
        validate_default=True,
        ge=1_000,
        description="The same in bytes; `QUEUECAST_MAX_RECORD_BYTES` at least, or the largest events are not "
        "replayed, and less than `QUEUECAST_MAX_BUFFERED_BYTES`",
    )
    history_bytes: int = Field(
        default=16 << 20,
        ge=1 << 20,
        description="Memory for the newest records, from which most browsers that come back are served",
    )
    drain_seconds: float = Field(
        default=15,
        ge=0,
        le=600,
        description="Over how long SIGTERM closes the connections, so that they do not all come back at once",
    )
    max_connection_seconds: float = Field(
        default=0,
        ge=0,
        description="About how long a connection lasts before its browser has to come back, to any replica: "
        "spreads load after a scale-out; 0 is for ever",
    )
    graceful_seconds: int = Field(
        default=5, ge=0, description="How long stopping waits for open connections to close"
    )

    pod_name: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="Name of this pod, whose deletion cost at Kubernetes is to be its connections; see "
        "`deploy/k8s/components/deletion-cost`",
    )
    pod_namespace: str | None = Field(
        default=None,
        validate_default=True,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="The pod's namespace, which goes with its name",
    )

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if origins is None or origins == ("*",):
            return origins
        for origin in origins:
            parts = urlsplit(origin)
            if origin == "*":
                raise ValueError("`*` stands alone: it already allows every origin")
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
                raise ValueError(f"{origin!r} is not an origin: expected scheme://host or scheme://host:port")
        if not origins:
            raise ValueError("an empty list would allow nobody: leave it unset for the page's own origin")
        return origins

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
        unknown = [name for name in transports if name not in TRANSPORTS]
        if unknown or not transports:
            raise ValueError(
                f"expected {' or '.join(TRANSPORTS)} or both, got {', '.join(unknown) or 'nothing'}"
            )
        return transports

    @field_validator("namespaces")
    @classmethod
    def _are_namespaces(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        for namespace in map(check_namespace, namespaces):
            if namespace == BOARD_NAMESPACE:
                raise ValueError(f"{namespace!r} belongs to the live board")
        if not namespaces:
            raise ValueError("expected at least one namespace")
        return namespaces

    @field_validator("relay_events")
    @classmethod
    def _can_be_relayed(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        for event in map(check_published_event, events):
            if event in HANDLED_EVENTS:
                raise ValueError(f"{event!r} cannot be relayed: the gateway answers it itself")
            if event == "*":
                raise ValueError("`*` is no event: name each that may be relayed")
        return events

    @field_validator("relay_schemas")
    @classmethod
    def _are_schemas(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None:
            Schemas.load(path, others.data.get("relay_events", ()))
        return path

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
    def allowed_origins(self) -> str | list[str] | None:
        """The same as python-engineio has them: never an empty list, which would turn the check off."""
        if self.origins is None:
            return None
        return "*" if self.origins == ("*",) else list(self.origins)

    @property
    def own_hosts(self) -> Hosts | None:
        """The names of this gateway, None for any.

        Without a list any name will do where nobody could read anything by it: without a token, or where
        every page may connect anyway.
        """
        is_closed = self.auth != "none" or self.origins == ("*",)
        if self.hosts == ("*",) or (self.hosts is None and is_closed):
            return None
        origins = [urlsplit(origin).hostname for origin in self.origins or () if origin != "*"]
        known = [socket.gethostname(), self.host, self.pod_name, *origins]
        return Hosts([*(self.hosts or ()), *(name for name in known if name and is_host(name))])

    @property
    def send_buffer_bytes(self) -> int:
        """What a socket is told to keep of what is sent: the kernel takes twice that, socket(7). Without a
        word it takes up to 4 MiB, which no figure shows.
        """
        return min(SEND_BUFFER_BYTES, self.max_buffered_bytes // 8)

    @property
    def max_incoming_bytes(self) -> int:
        """What one connection may have sent that waits here: one message with all its attachments, or more
        where messages are small. What a browser sends is small beside what it may be sent.
        """
        largest = (1 + MAX_ATTACHMENTS) * self.max_message_bytes
        return min(self.max_buffered_bytes, max(MIN_INCOMING_BYTES, largest))

    @property
    def rates(self) -> Rates | None:
        """How much one connection may say."""
        events, size = self.max_events_per_second, self.max_bytes_per_second
        return Rates(events, size, self.max_message_bytes) if events or size else None

    @property
    def schemas(self) -> Schemas:
        """What relayed events must look like."""
        return (
            NO_SCHEMAS if self.relay_schemas is None else Schemas.load(self.relay_schemas, self.relay_events)
        )

    @property
    def away_seconds(self) -> float:
        """How old the offset can be of a browser that was away for `recovery_seconds`.

        It was told one with its last ping, and it takes a while until silence is noticed.
        """
        return self.recovery_seconds + self.ping_interval_seconds + self.ping_timeout_seconds
