"""The settings that every Queuecast process has for its edge."""

import socket
from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, Field, field_validator

TRACES_PACKAGES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class EdgeSettings(BaseModel, frozen=True, extra="forbid"):
    """Where a process is reached by its operators and how it speaks to them."""

    host: str = Field(default="0.0.0.0", description="Address that the ports are opened on")
    admin_port: int = Field(
        default=9000, ge=1, le=65535, description="Port of `/livez`, `/readyz` and `/metrics`"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is shown"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="One log line as text or as JSON")
    replica: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="Name of this process among its replicas (default: the host's name)",
    )
    traces: Literal["none", "otlp"] = Field(
        default="none",
        description="`otlp`: an OpenTelemetry collector is told the way of each message; see "
        "[Traces](traces.md)",
    )
    revision: str = Field(default="unknown", description="Revision of the source this process was built from")

    @field_validator("traces")
    @classmethod
    def _can_be_made(cls, traces: str) -> str:
        if traces != "none" and not all(map(_is_installed, TRACES_PACKAGES)):
            raise ValueError(
                "the packages for it are not installed: build the image with --build-arg TRACES=1, "
                "or install requirements/traces.txt"
            )
        return traces


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it is in
        return False
