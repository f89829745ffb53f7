"""The settings of relayed events: what browsers may send to everyone."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from queuecast_bus.names import check_published_event
from queuecast_edge.environment import Names
from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_gateway.wire.protocol import HANDLED_EVENTS


class RelaySettings(BaseModel, frozen=True, extra="forbid"):
    """Relayed events."""

    relay_events: Names = Field(
        default=("item_removed",), description="Events that a browser may send to everyone"
    )
    volatile_relay_events: Names = Field(
        default=(),
        description="Those of `QUEUECAST_RELAY_EVENTS` that are volatile, such as `cursor,typing`: only for "
        "browsers that are connected at that moment, never replayed; see [Messages](messages.md#volatile)",
    )
    relay_schemas: str | None = Field(
        default=None,
        description="Path of a JSON file with a JSON Schema for each relayed event to validate: "
        '`{"item_removed": {…}}`',
    )

    @field_validator("relay_events")
    @classmethod
    def _can_be_relayed(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        for event in map(check_published_event, events):
            if event in HANDLED_EVENTS:
                raise ValueError(f"{event!r} cannot be relayed: the gateway answers it itself")
            if event == "*":
                raise ValueError("`*` is no event: name each that may be relayed")
        return events

    @field_validator("volatile_relay_events")
    @classmethod
    def _are_relayed(cls, events: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        relayed = others.data.get("relay_events", events)
        if unknown := [event for event in events if event not in relayed]:
            raise ValueError(f"{unknown[0]!r} is not in QUEUECAST_RELAY_EVENTS")
        return events

    @field_validator("relay_schemas")
    @classmethod
    def _are_schemas(cls, path: str | None, others: ValidationInfo) -> str | None:
        if path is not None:
            Schemas.load(path, others.data.get("relay_events", ()))
        return path

    @property
    def schemas(self) -> Schemas:
        """The JSON Schemas of relayed events."""
        return (
            NO_SCHEMAS if self.relay_schemas is None else Schemas.load(self.relay_schemas, self.relay_events)
        )
