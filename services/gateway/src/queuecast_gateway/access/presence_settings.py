"""The settings of presence: which rooms may be asked who is in them, and its limits."""

from pydantic import BaseModel, Field, field_validator

from queuecast_edge.environment import Names
from queuecast_gateway.access.grant import patterns


class PresenceSettings(BaseModel, frozen=True, extra="forbid"):
    """Presence."""

    presence_rooms: Names | None = Field(
        default=None,
        description="Rooms whose pages may be told how many are there, such as `chat:*,lobby`; `*` for every "
        "room (default: none). The same for all gateways; see [Presence](presence.md)",
    )
    presence_namespaces: bool = Field(
        default=False, description="If true, pages may be told how many are in their whole namespace"
    )
    presence_seconds: float = Field(
        default=1,
        ge=0.5,
        le=60,
        description="The shortest time between two presence events of one room",
    )
    max_presence_rooms: int = Field(
        default=10_000,
        ge=1,
        description="Maximum number of rooms that one gateway announces. Who is in others is not counted, "
        "and all presence events then say `complete: false`",
    )
    max_presence_users: int = Field(
        default=1_000,
        ge=0,
        description="Maximum number of identities that one gateway announces for one room. Others are "
        "counted by connection, and the room's events then say `complete: false`",
    )
    presence_bytes: int = Field(
        default=32 << 20,
        ge=1 << 20,
        description="Memory for who is in the rooms that pages here watch, on all gateways. At the limit no "
        "page may watch another room (error `too_many_rooms`)",
    )
    max_presence_event_bytes: int = Field(
        default=16 << 10,
        ge=256,
        description="Largest list of identities in a presence event; the rest is left out, `complete: false`",
    )

    @field_validator("presence_rooms")
    @classmethod
    def _are_patterns(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names == ():
            raise ValueError("an empty list names no room: leave it unset to switch presence off")
        patterns(names or ())
        return names

    @property
    def has_presence(self) -> bool:
        """Whether anything may be asked."""
        return self.presence_rooms is not None or self.presence_namespaces
