"""The settings for operators that every Queuecast process has: ports, logs, traces."""

import socket
from importlib.util import find_spec
from typing import Literal

from pydantic import BaseModel, Field, field_validator

TRACES_PACKAGES = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


class EdgeSettings(BaseModel, frozen=True, extra="forbid"):
    """Where operators reach a process, and what it tells them."""

    host: str = Field(default="0.0.0.0", description="Address to listen on")
    admin_port: int = Field(
        default=9000, ge=1, le=65535, description="Port of `/livez`, `/readyz` and `/metrics`"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest severity to log"
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Format of log lines")
    replica: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="Name of this replica (default: the host name)",
    )
    traces: Literal["none", "otlp"] = Field(
        default="none",
        description="`otlp`: send a trace of each message to an OpenTelemetry collector; see "
        "[Traces](traces.md)",
    )
    revision: str = Field(default="unknown", description="Source revision that this process was built from")

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
