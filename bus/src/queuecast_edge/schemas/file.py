"""A file of schemas, `{"event": {schema}, …}`, read but not checked."""

import json
from pathlib import Path
from typing import Any


def read_schemas(path: str) -> dict[str, Any]:
    """Return the schemas in a file, by event. Raises `ValueError` with the path and what is wrong."""
    try:
        schemas = json.loads(
            Path(path).read_text("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except OSError as exc:
        raise ValueError(f"{path}: {exc.strerror}") from exc
    except RecursionError as exc:
        raise ValueError(f"{path}: nested too deeply") from exc
    except ValueError as exc:
        raise ValueError(f"{path}: not JSON in UTF-8: {exc}") from exc
    if not isinstance(schemas, dict):
        raise ValueError(f"{path}: expected an object with a schema for each event")  # noqa: TRY004  # as above
    return schemas


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} appears twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")
