"""The schemas of some events, and whether an event's data is valid."""

from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator

from queuecast_edge.schemas.compiling import compile_schema
from queuecast_edge.schemas.file import read_schemas
from queuecast_edge.schemas.wording import describe

MAX_VALUES = 1_000
"""Most values of an event that are checked, nested ones included. A value costs 15 µs, and three times that
if it is wrong in an `anyOf`: the 50,000 that fit into a message would block everyone else for two seconds.
"""


class Schemas:
    """The compiled schemas of some events. An event without one may carry any data."""

    def __init__(self, validators: Mapping[str, Validator], max_values: int = MAX_VALUES) -> None:
        self._validators = validators
        self._max_values = max_values

    def __len__(self) -> int:
        return len(self._validators)

    @classmethod
    def load(cls, path: str, events: Iterable[str]) -> "Schemas":
        """Read `{"event": {schema}, …}`. Raises `ValueError` with the file, the event and what is wrong."""
        known = sorted(events)
        schemas = read_schemas(path)
        for event in schemas:
            if event not in known:
                raise ValueError(
                    f"{path}: {event!r} is not a relayed event; those are: {', '.join(known) or 'none'}"
                )
        try:
            return cls.compile(schemas)
        except ValueError as exc:
            raise ValueError(f"{path}: {exc}") from exc

    @classmethod
    def compile(cls, schemas: Mapping[str, Any], max_values: int = MAX_VALUES) -> "Schemas":
        """Compile the schemas of some events. Raises `ValueError` with the event and what is wrong."""
        validators = {}
        for event, schema in schemas.items():
            try:
                validators[event] = compile_schema(schema)
            except ValueError as exc:
                raise ValueError(f"the schema of {event!r}: {exc}") from exc
            except RecursionError as exc:
                raise ValueError(
                    f"the schema of {event!r} is nested too deeply, or refers to itself without end"
                ) from exc
        return cls(validators, max_values)

    def mistake(self, event: str, arguments: list[Any]) -> str | None:
        """Return what is wrong with an event's arguments, in words for its sender, or None."""
        validator = self._validators.get(event)
        if validator is None:
            return None
        if len(arguments) != 1:
            return f"expected one argument, its data, and got {len(arguments)}"
        if _has_more(arguments[0], self._max_values):
            return f"data: has more than {self._max_values} values"
        try:
            # The first error is enough. Finding all of them would be work that a stranger can prolong.
            error = next(validator.iter_errors(arguments[0]), None)
            return None if error is None else describe(best_match([error]) or error)
        except RecursionError:
            return "data: nested too deeply"
        except (ArithmeticError, ValueError):
            return "data: has a number that cannot be checked"  # 1e999, or an integer beyond any float


NO_SCHEMAS = Schemas({})


def _has_more(data: Any, limit: int) -> bool:
    """Return whether data contains more values than the limit."""
    pending = [data]
    while pending:
        value = pending.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        limit -= len(inner)
        if limit < 0:
            return True
        pending += inner
    return False
