"""Sets up logging, once per process: one line per event, on standard error."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from queuecast_edge.printable import printable

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
"""Libraries whose log lines below warning are never shown, whatever our own level is."""


class LineFormatter(logging.Formatter):
    """One line for each event, whatever it quotes; only a traceback has more."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        return printable(super().formatMessage(record))


def configure(level: str, style: str) -> None:
    """Log to standard error as `text` or `json`, from `level` upwards."""
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        fields = ["asctime", "levelname", "name", "message"]
        handler.setFormatter(JsonFormatter(fields, rename_fields={"asctime": "time", "levelname": "level"}))
    else:
        handler.setFormatter(LineFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
