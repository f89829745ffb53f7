"""Parses YAML or JSON to values that know their line and column. Pure.

Values follow YAML 1.2's core schema, which is JSON's: `on`, `no` and `12:30` are text. A duplicate key is a
mistake, and so is anything that could make a large document of a small file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_NODES = 100_000
"""Most values in a document. An aliased value counts each time."""

MAX_DEPTH = 50

_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at one place. `path` is the place in the document, such as `routes[0].when`."""

    line: int
    column: int
    path: str
    text: str


class BadDocument(ValueError):
    """The text cannot be used; `mistakes` has everything that is wrong with it."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: (mistake.line, mistake.column))
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass(frozen=True, slots=True)
class Node:
    """A value, or a dictionary or list of nodes, and where it begins, counted from 1."""

    value: Any
    line: int
    column: int
    path: str = ""

    def mistake(self, text: str) -> Mistake:
        """Return a mistake at this place."""
        return Mistake(self.line, self.column, self.path, text)

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """Yield the members of an object."""
        yield from self.value.items()

    def plain(self) -> Any:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_document(text: str) -> Node:
    """Return the document in a text. Raises `BadDocument`."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        text = _checked_json(text)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadDocument([Mistake(line, column, "", f"not YAML: {exc.problem or exc.context}")]) from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise BadDocument([Mistake(line, 1, "", f"not YAML: {exc.reason}")]) from exc
    if root is None:
        return Node({}, 1, 1)
    reading = _Reading()
    node = reading.node(root, "", 0)
    if reading.mistakes:
        raise BadDocument(reading.mistakes)
    return node


def _checked_json(text: str) -> str:
    """Return a JSON text that YAML can read, with each character in its old place. Raises `BadDocument`."""
    text = text.removeprefix("\ufeff")
    try:
        json.loads(text)
    except RecursionError:
        raise BadDocument([Mistake(1, 1, "", _TOO_DEEP)]) from None
    except json.JSONDecodeError as exc:
        if re.search(r'^\s*\{\s*"', text):
            raise BadDocument([Mistake(exc.lineno, exc.colno, "", f"not JSON: {exc.msg}")]) from exc
        return text  # YAML may begin with a brace too
    # JSON allows tabs outside strings, YAML does not. Inside strings, neither does.
    return text.replace("\t", " ")


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema; see https://yaml.org/spec/1.2.2/#103-core-schema."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        # Checked before composing: for nested brackets, the parser's time grows with the square of the depth.
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise BadDocument([Mistake(mark.line + 1, mark.column + 1, "", _TOO_DEEP)])
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Reading:
    """One pass over the nodes of a text. It collects the mistakes."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self._count = 0

    def node(self, raw: Any, path: str, depth: int) -> Node:
        line, column = raw.start_mark.line + 1, raw.start_mark.column + 1
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            excess = _TOO_DEEP if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
            raise BadDocument([Mistake(line, column, path, excess)])
        if not isinstance(raw, yaml.ScalarNode) and raw.tag not in _COLLECTIONS:
            self._mistake(raw, path, f"the tag {raw.tag!r} is not understood")
        if isinstance(raw, yaml.MappingNode):
            return Node(self._members(raw, path, depth), line, column, path)
        if isinstance(raw, yaml.SequenceNode):
            items = [self.node(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(raw.value)]
            return Node(items, line, column, path)
        return Node(self._scalar(raw, path), line, column, path)

    def _members(self, raw: Any, path: str, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for key, value in raw.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                self._mistake(key, path, "a key must be text")
                continue
            name = _text(key)
            inner = f"{path}.{name}" if path else name
            if name in members:
                self._mistake(key, inner, f"duplicate key, first on line {members[name].line}")
            members[name] = self.node(value, inner, depth + 1)
        return members

    def _scalar(self, raw: Any, path: str) -> Any:
        tag = raw.tag.removeprefix("tag:yaml.org,2002:")
        match tag:
            case "null":
                return None
            case "bool":
                return raw.value.lower() == "true"
            case "int":
                return int(raw.value) if len(raw.value) < 100 else float(raw.value)
            case "float":
                return float(raw.value)
            case "str":
                return _text(raw)
        self._mistake(raw, path, f"the tag {raw.tag!r} is not understood")
        return None

    def _mistake(self, raw: Any, path: str, text: str) -> None:
        self.mistakes.append(Mistake(raw.start_mark.line + 1, raw.start_mark.column + 1, path, text))


def _text(raw: Any) -> str:
    # JSON escapes a character beyond the first 65,536 as a surrogate pair, which YAML takes for two.
    text: str = raw.value
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if raw.style == '"' else text
