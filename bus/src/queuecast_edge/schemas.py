"""What the data of relayed events must look like: one JSON Schema per event, all read from one file.

Nothing is fetched, ever: a schema refers to its own parts only. https://json-schema.org/draft/2020-12
"""

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import (
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from queuecast_edge.patterns import ecma_pattern

MAX_VALUES = 1_000
"""Values of an event that are checked, with those inside others. A value costs 15 µs, and three times that
when it is wrong in an `anyOf`: the 50,000 that fit into a message would hold up everyone for two seconds.
"""

MAX_MISTAKE = 200
"""Characters of a mistake. It goes into an acknowledgement."""

MAX_PLACE = 100
"""Characters of it that say where: property names, which may be the browser's own."""

MAX_NAME = 40
"""Characters of a name that should not be there."""

DIALECTS: dict[str, type[Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "http://json-schema.org/draft-07/schema": Draft7Validator,
    "http://json-schema.org/draft-06/schema": Draft6Validator,
    "http://json-schema.org/draft-04/schema": Draft4Validator,
}
"""What `$schema` may be; the first is what a schema without it is."""

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

_CHECKED_ELSEWHERE = ("date", "email", "ipv4", "ipv6", "uuid")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

FORMATS = FormatChecker(_CHECKED_ELSEWHERE)
"""The formats that are checked. Others would be passed over: the library knows them only if the packages are
there that read them, which an image is not to depend on.
"""


@FORMATS.checks("date-time", ValueError)
def _is_date_time(value: object) -> bool:
    """https://www.rfc-editor.org/rfc/rfc3339#section-5.6, without leap seconds."""
    if not isinstance(value, str):
        return True
    return bool(_DATE_TIME.fullmatch(value) and datetime.fromisoformat(value.upper()))


class Schemas:
    """The schemas of some events, ready for use. An event that has none may carry anything."""

    def __init__(self, validators: Mapping[str, Validator], max_values: int = MAX_VALUES) -> None:
        self._validators = validators
        self._max_values = max_values

    def __len__(self) -> int:
        return len(self._validators)

    @classmethod
    def load(cls, path: str, events: Iterable[str]) -> "Schemas":
        """Read `{"event": {schema}, …}`. Raises `ValueError`: which file, which event, and what is wrong."""
        known = sorted(events)
        schemas = _read(path)
        for event in schemas:
            if event not in known:
                raise ValueError(
                    f"{path}: {event!r} is no event that is relayed; those are: {', '.join(known) or 'none'}"
                )
        try:
            return cls.of(schemas)
        except ValueError as exc:
            raise ValueError(f"{path}: {exc}") from exc

    @classmethod
    def of(cls, schemas: Mapping[str, Any], max_values: int = MAX_VALUES) -> "Schemas":
        """Make them ready for use. Raises `ValueError`: which event, and what is wrong."""
        validators = {}
        for event, schema in schemas.items():
            try:
                validators[event] = _validator(schema)
            except ValueError as exc:
                raise ValueError(f"the schema of {event!r}: {exc}") from exc
            except RecursionError as exc:
                raise ValueError(
                    f"the schema of {event!r} is nested too deep, or refers to itself without end"
                ) from exc
        return cls(validators, max_values)

    def mistake(self, event: str, arguments: list[Any]) -> str | None:
        """Return what is wrong with an event's arguments, for the browser's author, or None."""
        validator = self._validators.get(event)
        if validator is None:
            return None
        if len(arguments) != 1:
            return f"expected one argument, its data, and got {len(arguments)}"
        if _has_more(arguments[0], self._max_values):
            return f"data: has more than {self._max_values} values"
        try:
            # The first error is enough; to find them all would be work that a stranger can make long.
            error = next(validator.iter_errors(arguments[0]), None)
            return None if error is None else _sentence(best_match([error]) or error)
        except RecursionError:
            return "data: nested too deep"
        except (ArithmeticError, ValueError):
            return "data: has a number that cannot be checked"  # 1e999, or an integer that no float can be


NO_SCHEMAS = Schemas({})


def _has_more(data: Any, most: int) -> bool:
    """Say whether there are more values in a value than this."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        most -= len(inner)
        if most < 0:
            return True
        waiting += inner
    return False


def _read(path: str) -> dict[str, Any]:
    try:
        schemas = json.loads(
            Path(path).read_text("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except OSError as exc:
        raise ValueError(f"{path}: {exc.strerror}") from exc
    except RecursionError as exc:
        raise ValueError(f"{path}: nested too deep") from exc
    except ValueError as exc:
        raise ValueError(f"{path}: not JSON in UTF-8: {exc}") from exc
    if not isinstance(schemas, dict):
        raise ValueError(f"{path}: expected an object with a schema for each event")  # noqa: TRY004  # as above
    return schemas


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _validator(schema: Any) -> Validator:
    dialect = _dialect(schema)
    _check(dialect, schema, "$")
    schema = deepcopy(schema)
    _settle_parts(dialect, schema)
    validator = dialect(schema, registry=Registry(), format_checker=FORMATS)
    validator.is_valid(None)  # a RecursionError is to come now if it refers to itself and to nothing else
    return validator


def _dialect(schema: Any) -> type[Validator]:
    if not isinstance(schema, dict | bool):
        raise ValueError("expected an object")  # noqa: TRY004  # it is a value of the file
    if isinstance(schema, bool) or "$schema" not in schema:
        return Draft202012Validator
    name = str(schema["$schema"])
    dialect = DIALECTS.get(name.removesuffix("#"))
    if dialect is None:
        raise ValueError(f"$schema {name[:MAX_PLACE]!r} is none of {', '.join(DIALECTS)}")
    return dialect


def _check(dialect: type[Validator], schema: Any, root: str) -> None:
    try:
        # Without the format `regex`, which would be Python's: patterns are looked at below.
        dialect.check_schema(schema, format_checker=FORMATS)  # type: ignore[call-arg]  # the stubs lack it
    except SchemaError as exc:
        raise ValueError(f"{exc.message[:MAX_MISTAKE]}, at {_place(root, exc.absolute_path)}") from exc


def _settle_parts(dialect: type[Validator], schema: Any) -> None:
    """Check what the metaschema says nothing of: that references lead to schemas, and formats are checked.

    Patterns are written as Python means them.
    """
    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    parts = [(root, Registry().resolver_with_root(root))]
    seen = set()
    while parts:
        part, resolver = parts.pop()
        contents = part.contents
        if not isinstance(contents, dict) or id(contents) in seen:
            continue
        seen.add(id(contents))
        name = contents.get("format")
        if isinstance(name, str) and name not in FORMATS.checkers:
            known = ", ".join(sorted(FORMATS.checkers))
            raise ValueError(
                f"format {name!r} is none that is checked ({known}), at {_place_of(contents, schema)}"
            )
        _translate_patterns(contents, schema)
        for keyword in REFERENCES:
            if keyword not in contents:
                continue
            reference = contents[keyword]
            try:
                resolved = resolver.lookup(reference)
            except (Unresolvable, ValueError) as exc:
                raise ValueError(
                    f"{keyword} {reference!r} leads to nothing in this schema, and nothing is fetched, "
                    f"at {_place_of(contents, schema)}"
                ) from exc
            # It may lead to where the metaschema expects no schema, and has looked for none.
            _check(dialect, resolved.contents, reference)
            target = Resource.from_contents(resolved.contents, default_specification=DRAFT202012)
            parts.append((target, resolved.resolver))
        parts += [(inner, resolver.in_subresource(inner)) for inner in part.subresources()]


def _translate_patterns(part: dict[str, Any], schema: Any) -> None:
    try:
        if isinstance(part.get("pattern"), str):
            part["pattern"] = ecma_pattern(part["pattern"])
        if isinstance(named := part.get("patternProperties"), dict):
            part["patternProperties"] = {ecma_pattern(name): inner for name, inner in named.items()}
    except ValueError as exc:
        raise ValueError(f"{exc}, at {_place_of(part, schema)}") from exc


def _place_of(part: Any, schema: Any) -> str:
    return _place("$", _path(part, schema) or [])


def _path(part: Any, whole: Any) -> list[Any] | None:
    if whole is part:
        return []
    inner = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    for key, value in inner:
        path = _path(part, value)
        if path is not None:
            return [key, *path]
    return None


def _sentence(error: ValidationError) -> str:
    """Say where and what. The library's own text would repeat the data, which may be 100 kB of it."""
    return f"{_place('data', error.absolute_path)}: {_expected(error)}"[:MAX_MISTAKE]


def _place(root: str, path: Iterable[Any]) -> str:
    place = root + "".join(map(_step, path))
    return place if len(place) <= MAX_PLACE else place[: MAX_PLACE - 1] + "…"


def _step(key: Any) -> str:
    if isinstance(key, str) and key.isascii() and key.isidentifier():
        return f".{key}"
    return f"[{key[:MAX_PLACE]!r}]" if isinstance(key, str) else f"[{key}]"


def _expected(error: ValidationError) -> str:
    keyword, value, data = error.validator, cast(Any, error.validator_value), cast(Any, error.instance)
    if not isinstance(keyword, str):
        return "it, or something in it, may not be there"  # the schema is `false`; its place is not told
    if keyword == "type":
        return "expected " + " or ".join(map(str, value if isinstance(value, list) else [value]))
    if keyword == "required":
        missing = next(name for name in value if name not in data)
        return f"expected a property {missing!r}"
    if keyword == "additionalProperties":
        return f"expected no property {_additional(error)[:MAX_NAME]!r}"
    if isinstance(value, dict | bool) or keyword in ("allOf", "anyOf", "oneOf"):
        return f"does not fit `{keyword}` of its schema"
    return f"expected {keyword} {json.dumps(getattr(value, 'written', value))}"


def _additional(error: ValidationError) -> str:
    schema: Any = error.schema
    names = cast(dict[str, Any], error.instance)
    patterns = schema.get("patternProperties", {})
    return next(
        name
        for name in names
        if name not in schema.get("properties", {}) and not any(re.search(text, name) for text in patterns)
    )
