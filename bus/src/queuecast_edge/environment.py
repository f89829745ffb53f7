"""Reads the environment into one frozen object, or reports everything that is wrong with it."""

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

PREFIX = "QUEUECAST_"

NAMED = re.compile(rf"{PREFIX}\w+(, {PREFIX}\w+)*: ")
"""How a mistake begins that names its settings."""

Settings = TypeVar("Settings", bound=BaseModel)


class SettingsError(Exception):
    """The environment has mistakes; the message has a line for each, with the variable's name."""


def read(model: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Return `model` filled from the `QUEUECAST_` variables of `environ`.

    An empty variable counts as unset. Raises `SettingsError`, which names all mistakes at once and shows no
    secret.
    """
    values = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value != ""
    }
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        known = sorted(model.model_fields)
        lines = [_mistake(error, known) for error in exc.errors(include_url=False, include_input=False)]
        raise SettingsError("\n".join(lines)) from None


def variable(field: str) -> str:
    """Return the name of the variable that sets a field."""
    return PREFIX + field.upper()


def _mistake(error: Any, known: list[str]) -> str:
    field = str(error["loc"][0]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(field, known, n=1)
            hint = f": did you mean {variable(close[0])}?" if close else ""
            return f"{variable(field)} is not a setting of this service{hint}"
        case "missing":
            return f"{variable(field)} is missing: it has no default"
        case _:
            message: str = error["msg"].removeprefix("Value error, ")
            # A validator that compares settings names those that are wrong itself.
            return message if NAMED.match(message) else f"{variable(field)}: {message}"


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(item for part in value.split(",") if (item := part.strip()))


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""A variable with several values, separated by commas."""
