"""Logging, set up once per process. One line per event, on standard error."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

QUIET_LOGGERS = (
    "aiobotocore",
    "aiohttp",
    "asyncio",
    "botocore",
    "engineio",
    "opentelemetry",
    "socketio",
    "urllib3",
    "uvicorn",
)
"""Libraries that are heard from warnings on only, whatever our own level is."""


def configure(level: str, style: str) -> None:
    """Send the process's log to standard error as `text` or `json`, from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        fields = ["asctime", "levelname", "name", "message"]
        handler.setFormatter(JsonFormatter(fields, rename_fields={"asctime": "time", "levelname": "level"}))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
