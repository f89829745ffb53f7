"""JMESPath expressions on a message, checked as far as possible when they are read, and fast. Pure.

The parser is that of the package `jmespath`. The most frequent constructs are compiled to closures: 1.3 µs
for `eventbridge.source == 'shop'` instead of 6.8. The package's interpreter evaluates all others.
https://jmespath.org/specification.html
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

MAX_LENGTH = 2_000

_Tree = Mapping[str, Any]
_Evaluate = Callable[[Any], Any]

_FAILURES = (
    JMESPathError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)
"""What the package raises for values that an expression cannot handle."""

_FUNCTIONS = Functions()
_INTERPRETER = TreeInterpreter()
_NESTED = frozenset(
    {"projection", "value_projection", "filter_projection", "subexpression", "pipe", "index_expression"}
)
"""Nodes of which only the first child is applied to the message; the others are applied to its result."""


class BadExpression(ValueError):
    """The text is not an expression that can be used on a message; the error's message says why."""


class Failed(ValueError):
    """An expression cannot be applied to this message; the error's message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """An expression. `is_constant` means that its value is the same for every message."""

    text: str
    is_constant: bool
    _evaluate: _Evaluate

    def __call__(self, message: Mapping[str, Any]) -> Any:
        """Return its value for a message. Raises `Failed`."""
        try:
            return self._evaluate(message)
        except _FAILURES as exc:
            raise Failed(f"{self.text}: {str(exc)[:200]}") from exc


def compile_expression(text: str, known: Mapping[str, Any] | frozenset[str]) -> Expression:
    """Compile an expression for messages with these parts. Raises `BadExpression`."""
    if len(text) > MAX_LENGTH:
        raise BadExpression(f"longer than {MAX_LENGTH} characters")
    try:
        tree = _parse(text)
        names = list(_names(tree))
        _check_functions(tree)
    except PendingDeprecationWarning as exc:
        raise BadExpression("not JMESPath: backticks enclose JSON; text is quoted: 'text'") from exc
    except ParseError as exc:
        raise BadExpression(f"not JMESPath: {_first_line(exc)}") from exc
    except (JMESPathError, ValueError) as exc:
        raise BadExpression(f"not JMESPath: {exc}") from exc
    except RecursionError as exc:
        raise BadExpression("not usable JMESPath: nested too deeply") from exc
    for name in names:
        if name is not None and name not in known:
            parts = ", ".join(sorted(known))
            raise BadExpression(f"a message has no part {name!r}, only {parts}; text is quoted: \"'{name}'\"")
    return Expression(text, not names, _compile(tree))


def _parse(text: str) -> _Tree:
    with warnings.catch_warnings():
        # The package takes `text` for text, and announces that this will change.
        warnings.simplefilter("error", PendingDeprecationWarning)
        tree: _Tree = jmespath.compile(text).parsed
        return tree


def is_true(value: Any) -> bool:
    """Return whether JMESPath takes a value for true; 0 is true."""
    return not (value is None or value is False or (isinstance(value, str | list | dict) and not value))


def _names(tree: _Tree) -> Iterator[str | None]:
    """Yield the parts of a message that an expression reads, and None if it reads the whole message."""
    kind, children = tree["type"], tree["children"]
    if kind == "field":
        yield tree["value"]
    elif kind in ("current", "identity"):
        yield None
    elif kind in _NESTED:
        yield from _names(children[0])
        if kind in ("subexpression", "pipe") and children[0]["type"] in ("current", "identity"):
            yield from _names(children[1])
    elif kind not in ("literal", "expref", "slice", "index"):
        for child in children:
            yield from _names(child)


def _check_functions(tree: _Tree) -> None:
    """Raise `ValueError` for an unknown function or a wrong number of arguments. The package would later."""
    children = [child for child in tree["children"] if isinstance(child, Mapping)]
    if tree["type"] == "function_expression":
        name = tree["value"]
        spec = Functions.FUNCTION_TABLE.get(name)
        if spec is None:
            raise ValueError(f"there is no function {name}()")
        signature = spec["signature"]
        variadic = bool(signature) and bool(signature[-1].get("variadic"))
        if len(children) < len(signature) or (len(children) > len(signature) and not variadic):
            least = "at least " if variadic else ""
            raise ValueError(f"{name}() takes {least}{len(signature)} arguments, not {len(children)}")
    for child in children:
        _check_functions(child)


def _compile(tree: _Tree) -> _Evaluate:
    kind, children = tree["type"], tree["children"]
    match kind:
        case "literal":
            value = tree["value"]
            return lambda message: value
        case "field":
            return _field(tree["value"])
        case "current" | "identity":
            return lambda message: message
        case "subexpression" | "index_expression" | "pipe":
            return _chain([_compile(child) for child in children])
        case "comparator" if tree["value"] in ("eq", "ne"):
            compare = TreeInterpreter.COMPARATOR_FUNC[tree["value"]]
            left, right = map(_compile, children)
            return lambda message: compare(left(message), right(message))
        case "comparator":
            return _order(TreeInterpreter.COMPARATOR_FUNC[tree["value"]], *map(_compile, children))
        case "and_expression":
            return _and(*map(_compile, children))
        case "or_expression":
            return _or(*map(_compile, children))
        case "multi_select_list":
            return _list([_compile(child) for child in children])
        case "function_expression" if all(child["type"] != "expref" for child in children):
            return _call(tree["value"], [_compile(child) for child in children])
    return lambda message: _INTERPRETER.visit(tree, message)


def _field(name: str) -> _Evaluate:
    def field(message: Any) -> Any:
        return message.get(name) if isinstance(message, dict) else None

    return field


def _chain(steps: list[_Evaluate]) -> _Evaluate:
    first, second, *rest = steps
    if rest:
        return _chain([_chain([first, second]), *rest])
    return lambda message: second(first(message))


def _order(compare: Callable[[Any, Any], Any], left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def compared(message: Any) -> Any:
        one, other = left(message), right(message)
        # For values without an order JMESPath's result is null, and `true` is not a number.
        return compare(one, other) if type(one) in _ORDERED and type(other) in _ORDERED else None

    return compared


_ORDERED = frozenset({int, float, str})


def _and(left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def both(message: Any) -> Any:
        found = left(message)
        return right(message) if is_true(found) else found

    return both


def _or(left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def either(message: Any) -> Any:
        found = left(message)
        return found if is_true(found) else right(message)

    return either


def _list(steps: list[_Evaluate]) -> _Evaluate:
    return lambda message: None if message is None else [step(message) for step in steps]


def _call(name: str, arguments: list[_Evaluate]) -> _Evaluate:
    call = _FUNCTIONS.call_function

    def with_package(message: Any) -> Any:
        return call(name, [argument(message) for argument in arguments])

    # These make rooms of ids: 3.1 µs for `join(':', ['order', to_string(data.id)])` instead of 11.9, most of
    # which goes into the package's checks of arguments.
    if name == "to_string":
        return _to_string(arguments[0], with_package)
    if name == "join":
        return _join(arguments[0], arguments[1], with_package)
    return with_package


def _to_string(argument: _Evaluate, with_package: _Evaluate) -> _Evaluate:
    def to_string(message: Any) -> Any:
        value = argument(message)
        if type(value) is str:
            return value
        return str(value) if type(value) is int else with_package(message)

    return to_string


def _join(glue: _Evaluate, parts: _Evaluate, with_package: _Evaluate) -> _Evaluate:
    def join(message: Any) -> Any:
        found, between = parts(message), glue(message)
        if type(between) is str and type(found) is list and all(type(part) is str for part in found):
            return between.join(found)
        return with_package(message)

    return join


def _first_line(exc: ParseError) -> str:
    """Return the package's error message without the drawing that points at the place."""
    return str(exc).partition("\n")[0].removesuffix(", for expression:").rstrip(":")[:200]
