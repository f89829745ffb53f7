"""Loads the routes file and checks it."""

from collections.abc import Collection
from pathlib import Path

from queuecast_poller.route.document import BadDocument, Mistake
from queuecast_poller.route.model import RoutesFile
from queuecast_poller.route.reading import read_routes

MAX_BYTES = 1 << 20
"""Largest file: that of a ConfigMap."""


def load_routes(path: str, queues: Collection[str] | None = None) -> RoutesFile:
    """Return the routes file at a path, for a poller of these queues (None: of any).

    Raises `ValueError` with a line for each mistake: file, line and column, and place in the document.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"{path}: more than {MAX_BYTES} bytes")
        return read_routes(data.decode("utf-8-sig"), queues)
    except OSError as exc:
        raise ValueError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"{path}: not UTF-8: {exc.reason} at byte {exc.start}") from exc
    except BadDocument as exc:
        raise ValueError("\n".join(_line(path, mistake) for mistake in exc.mistakes)) from exc


def _line(path: str, mistake: Mistake) -> str:
    where = f"{path}:{mistake.line}:{mistake.column}"
    return f"{where}: {mistake.path}: {mistake.text}" if mistake.path else f"{where}: {mistake.text}"
