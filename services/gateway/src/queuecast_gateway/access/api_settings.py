"""The settings of the HTTP API."""

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from queuecast_edge.schemas import NO_SCHEMAS, Schemas
from queuecast_edge.schemas.file import read_schemas
from queuecast_gateway.access.api_tokens import ApiTokens


class ApiSettings(BaseModel, frozen=True, extra="forbid"):
    """The HTTP API."""

    api_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of the HTTP API, by which back ends publish and operators' scripts ask (default: "
        "no API); see [HTTP API](api.md). It needs `QUEUECAST_API_TOKEN_FILE`",
    )
    api_token_file: str | None = Field(
        default=None,
        validate_default=True,
        description="Path of a file with the tokens for the HTTP API, one a line: a name, rights out of "
        "`publish,command,view,identities,history`, and the token. The gateway reads it again when it "
        "changes",
    )
    api_schemas: str | None = Field(
        default=None,
        description="Path of a JSON file with a JSON Schema for each event to validate that is published by "
        'the HTTP API: `{"price": {…}}`. Events without one may have any data',
    )
    api_max_body_bytes: int = Field(
        default=3 << 20,
        ge=1_000,
        le=16 << 20,
        description="Largest body of a request to the HTTP API. Reading 1 MiB of JSON takes about 10 ms, in "
        "which this gateway does nothing else",
    )
    api_max_batch: int = Field(
        default=100,
        ge=1,
        le=1_000,
        description="Maximum number of events in one request to the HTTP API; together they may have 2 MiB",
    )
    api_max_requests: int = Field(
        default=16,
        ge=1,
        le=1_000,
        description="Maximum number of requests to the HTTP API at a time; others are told to come back "
        "(503)",
    )
    api_max_events_per_second: float = Field(
        default=1_000,
        ge=0,
        description="Events per second that each holder of an API token may publish by this gateway, on "
        "average; a burst may be twice as large. Other requests count as one event. The rest is refused "
        "(429); 0 means no limit",
    )

    @field_validator("api_token_file")
    @classmethod
    def _goes_with_the_port(cls, path: str | None, others: ValidationInfo) -> str | None:
        # A port that is not valid is missing here, and has an error of its own.
        port = others.data.get("api_port", path)
        if path is None and port is not None:
            raise ValueError("QUEUECAST_API_PORT needs it: without a token, everybody could publish")
        if path is not None:
            ApiTokens(path)
        return path

    @field_validator("api_schemas")
    @classmethod
    def _are_schemas_of_the_api(cls, path: str | None) -> str | None:
        if path is not None:
            _load(path)
        return path

    @property
    def schemas_of_api(self) -> Schemas:
        """The JSON Schemas of events that the API publishes."""
        return NO_SCHEMAS if self.api_schemas is None else _load(self.api_schemas)


def _load(path: str) -> Schemas:
    try:
        return Schemas.compile(read_schemas(path))
    except ValueError as exc:
        raise ValueError(str(exc) if str(exc).startswith(path) else f"{path}: {exc}") from exc
