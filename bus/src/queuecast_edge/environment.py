"""The environment becomes one frozen object here, or a list of everything that is wrong with it."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

PREFIX = "QUEUECAST_"

Settings = TypeVar("Settings", bound=BaseModel)


class SettingsError(Exception):
    """The environment is wrong; the message has a line per mistake, each with the variable's name."""


def read(model: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Return `model` filled from the `QUEUECAST_` variables of `environ`.

    An empty variable counts as unset. Raises `SettingsError` that names all mistakes at once and shows no
    value of a secret.
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
            return f"{variable(field)}: {error['msg'].removeprefix('Value error, ')}"


def _split(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(item for part in value.split(",") if (item := part.strip()))


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Several values in one variable, separated by commas."""
