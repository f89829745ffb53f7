"""The settings that every Queuecast process has for its edge."""

import socket
from typing import Literal

from pydantic import BaseModel, Field


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
    revision: str = Field(default="unknown", description="Revision of the source this process was built from")
