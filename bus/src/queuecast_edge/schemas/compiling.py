"""One schema, checked and compiled to a validator.

A schema may refer to its own parts only. Whatever could fail or be ignored later, when data is validated, is
an error here.
"""

import re
from copy import deepcopy
from datetime import datetime
from typing import Any

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError
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

from queuecast_edge.schemas.patterns import ecma_pattern
from queuecast_edge.schemas.wording import MAX_MISTAKE, MAX_PLACE, place

DIALECTS: dict[str, type[Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "http://json-schema.org/draft-07/schema": Draft7Validator,
    "http://json-schema.org/draft-06/schema": Draft6Validator,
    "http://json-schema.org/draft-04/schema": Draft4Validator,
}
"""The values that `$schema` may have. The first is the dialect of a schema without it."""

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

_CHECKED_BY_LIBRARY = ("date", "email", "ipv4", "ipv6", "uuid")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

FORMATS = FormatChecker(_CHECKED_BY_LIBRARY)
"""The formats that are checked. A schema with any other is refused: the library checks those only if further
packages are installed, and would ignore them otherwise.
"""


@FORMATS.checks("date-time", ValueError)
def _is_date_time(value: object) -> bool:
    """https://www.rfc-editor.org/rfc/rfc3339#section-5.6, without leap seconds."""
    if not isinstance(value, str):
        return True
    return bool(_DATE_TIME.fullmatch(value) and datetime.fromisoformat(value.upper()))


def compile_schema(schema: Any) -> Validator:
    """Return the validator of a schema.

    Raises `ValueError` that says what is wrong, and `RecursionError` for a schema that is nested too deeply
    or refers to nothing but itself.
    """
    dialect = _dialect(schema)
    _check(dialect, schema, "$")
    schema = deepcopy(schema)
    _prepare_parts(dialect, schema)
    validator = dialect(schema, registry=Registry(), format_checker=FORMATS)
    validator.is_valid(None)  # so that a schema which refers only to itself fails now
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
        # Without the format `regex`, which would check for Python's syntax: patterns are translated below.
        dialect.check_schema(schema, format_checker=FORMATS)  # type: ignore[call-arg]  # the stubs lack it
    except SchemaError as exc:
        raise ValueError(f"{exc.message[:MAX_MISTAKE]}, at {place(root, exc.absolute_path)}") from exc


def _prepare_parts(dialect: type[Validator], schema: Any) -> None:
    """Check what the metaschema leaves open: that references lead to schemas, and that formats are known.

    Translates patterns to Python's syntax in place.
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
                f"format {name!r} is not one that can be checked ({known}), at {_place_of(contents, schema)}"
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
            # It may lead to a place where the metaschema expects no schema, and has not looked for one.
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
    return place("$", _path(part, schema) or [])


def _path(part: Any, whole: Any) -> list[Any] | None:
    if whole is part:
        return []
    inner = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    for key, value in inner:
        path = _path(part, value)
        if path is not None:
            return [key, *path]
    return None
