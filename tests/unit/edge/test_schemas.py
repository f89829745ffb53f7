import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecast_edge.schemas import MAX_MISTAKE, MAX_VALUES, NO_SCHEMAS, Schemas

EVENTS = ("item_removed", "item_moved")

ITEM = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "integer"], "minLength": 2},
        "at": {"format": "date-time"},
        "state": {"enum": ["sold", "lost"]},
        "price": {"multipleOf": 0.01, "maximum": 500},
        "tree": {"$ref": "#/$defs/tree"},
        "to": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["room"]}]},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "secret": False,
    },
    "patternProperties": {"^x-": {}},
    "required": ["id"],
    "additionalProperties": False,
    "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
}

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.just(10**400)
    | st.text(st.characters(codec=None), max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*ITEM["properties"], "x-y", "room", "\ud800"]), inner, max_size=4)
    ),
    max_leaves=12,
)

Read = Callable[[Any], Schemas]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that writes a file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "schemas.json"
        path.write_text(text, "utf-8")
        return str(path)

    return write


@pytest.fixture
def read(written: Callable[[str], str]) -> Read:
    """Return a function that reads a file with this schema for `item_removed`."""
    return lambda schema: Schemas.load(written(json.dumps({"item_removed": schema})), EVENTS)


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    """`ITEM` for `item_removed`."""
    path = tmp_path_factory.mktemp("schemas") / "schemas.json"
    path.write_text(json.dumps({"item_removed": ITEM}), "utf-8")
    return Schemas.load(str(path), EVENTS)


def nested(depth: int) -> list[Any]:
    tree: list[Any] = []
    for _ in range(depth):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    "data",
    [
        {"id": "ab"},
        {"id": 1, "at": "2026-11-25T10:00:00Z"},
        {"id": 1, "at": "2026-11-25t10:00:00.123456+01:00"},
        {"id": 1, "at": "2026-11-25t10:00:00z"},
        {"id": 1, "at": 5},  # a format is about texts
        {"id": 1, "price": 12.34, "tree": [[], [[]]], "to": {"room": "a"}, "tags": ["a", "b"], "x-y": b"1"},
    ],
)
def test_data_that_fits_has_no_mistake(item: Schemas, data: Any) -> None:
    """It is relayed as it came."""
    assert item.mistake("item_removed", [data]) is None


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        (None, "data: expected object"),
        (b"\x00", "data: expected object"),
        ({}, "data: expected a property 'id'"),
        ({"id": None}, "data.id: expected string or integer"),
        ({"id": b"ab"}, "data.id: expected string or integer"),
        ({"id": "a"}, "data.id: expected minLength 2"),
        ({"id": 1, "at": "yesterday"}, 'data.at: expected format "date-time"'),
        ({"id": 1, "at": "2026-02-30T10:00:00Z"}, 'data.at: expected format "date-time"'),
        ({"id": 1, "at": "2026-11-25T10:00:00"}, 'data.at: expected format "date-time"'),
        ({"id": 1, "at": "20261125T100000Z"}, 'data.at: expected format "date-time"'),
        ({"id": 1, "state": "new"}, 'data.state: expected enum ["sold", "lost"]'),
        ({"id": 1, "price": 501}, "data.price: expected maximum 500"),
        ({"id": 1, "price": 10**400}, "data: has a number that cannot be checked"),
        ({"id": 1, "price": float("inf")}, "data: has a number that cannot be checked"),
        ({"id": 1, "to": {}}, "data.to: expected a property 'room'"),
        ({"id": 1, "to": 1}, "data.to: does not fit `anyOf` of its schema"),
        ({"id": 1, "tags": ["a", 1]}, "data.tags[1]: expected string"),
        ({"id": 1, "tags": ["a", "a"]}, "data.tags: does not fit `uniqueItems` of its schema"),
        ({"id": 1, "x-y": 1, "nr": 1}, "data: expected no property 'nr'"),
        ({"id": 1, "secret": 1}, "data: it, or something in it, is not allowed"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_was_expected(item: Schemas, data: Any, mistake: str) -> None:
    """Its reader is the author of a page, who has no log of the gateway."""
    assert item.mistake("item_removed", [data]) == mistake


@pytest.mark.parametrize("arguments", [[], [{"id": 1}, {"id": 1}]])
def test_an_event_with_a_schema_takes_one_argument(item: Schemas, arguments: list[Any]) -> None:
    """Further arguments would not be checked."""
    assert item.mistake("item_removed", arguments) == (
        f"expected one argument, its data, and got {len(arguments)}"
    )


def test_an_event_without_a_schema_may_carry_anything(item: Schemas) -> None:
    """Schemas are for those who want them."""
    assert item.mistake("item_moved", [1, 2]) is None
    assert NO_SCHEMAS.mistake("item_removed", []) is None
    assert (len(item), len(NO_SCHEMAS)) == (1, 0)


@given(st.lists(anything, max_size=2))
def test_any_arguments_fit_or_have_a_short_mistake(item: Schemas, arguments: list[Any]) -> None:
    """They come from outside, and an acknowledgement has to be UTF-8."""
    mistake = item.mistake("item_removed", arguments)
    assert mistake is None or (mistake.encode() and len(mistake) <= MAX_MISTAKE)


@pytest.mark.parametrize("depth", [900, 50_000])
def test_data_that_is_nested_deep_is_a_mistake(item: Schemas, depth: int) -> None:
    """It must not overflow the stack."""
    mistake = item.mistake("item_removed", [{"id": 1, "tree": nested(depth)}])
    assert mistake == ("data: nested too deeply" if depth < MAX_VALUES else "data: has more than 1000 values")


def test_data_of_many_values_is_not_looked_at(read: Read) -> None:
    """A stranger's longest message could block everyone for seconds."""
    schemas = read({"items": {"anyOf": [{"type": "string"}, {"type": "object"}]}})
    assert schemas.mistake("item_removed", [["a"] * MAX_VALUES]) is None
    for many in (["a"] * (MAX_VALUES + 1), {"a": ["b"] * MAX_VALUES}, [["a"] * 500, {"b": ["c"] * 500}]):
        assert schemas.mistake("item_removed", [many]) == "data: has more than 1000 values"
    assert schemas.mistake("item_removed", ["a" * 100_000]) is None


def test_little_of_the_data_comes_back(item: Schemas, read: Read) -> None:
    """A mistake must not make the gateway send 100 kB back."""
    long = "y" * 100_000
    for mistake in (
        item.mistake("item_removed", [long]),
        item.mistake("item_removed", [{"id": 1, long: 1}]),
        read({"additionalProperties": {"type": "null"}}).mistake("item_removed", [{long: 1}]),
        read({"additionalProperties": {"type": "null"}}).mistake("item_removed", [{"%" + long: 1}]),
    ):
        assert mistake is not None
        assert "expected" in mistake
        assert len(mistake) <= MAX_MISTAKE
        assert mistake.count("y") <= 101  # one is of "may" or the like


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "not JSON in UTF-8: Expecting property name"),
        ('{"item_removed": {"minimum": NaN}}', "not JSON in UTF-8: NaN is not a number"),
        ('{"item_removed": {}, "item_removed": {}}', "'item_removed' appears twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "expected an object with a schema for each event"),
        ('{"item_remove": {}}', "'item_remove' is not a relayed event; those are: item_moved"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_with_its_path(
    written: Callable[[str], str], text: str, wrong: str
) -> None:
    """It fails the start: a schema that is not used would check nothing, unnoticed."""
    path = written(text)
    with pytest.raises(ValueError, match=r"schemas\.json: ") as caught:
        Schemas.load(path, EVENTS)
    assert str(caught.value).startswith(f"{path}: ")
    assert wrong in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path is a setting and may be wrong; a folder is not a file."""
    with pytest.raises(ValueError, match=r"missing\.json: No such file or directory"):
        Schemas.load(str(tmp_path / "missing.json"), EVENTS)
    with pytest.raises(ValueError, match="Is a directory"):
        Schemas.load(str(tmp_path), EVENTS)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """An editor may have written another encoding. A byte order mark is allowed."""
    path = tmp_path / "schemas.json"
    path.write_bytes(b'{"item_removed": {"const": "\xe4"}}')
    with pytest.raises(ValueError, match=r"schemas\.json: not JSON in UTF-8"):
        Schemas.load(str(path), EVENTS)
    path.write_text('{"item_removed": {"const": "ä"}}', "utf-8-sig")
    assert Schemas.load(str(path), EVENTS).mistake("item_removed", ["ä"]) is None


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        (3, "expected an object"),
        ({"type": "strin"}, "'strin' is not valid under any of the given schemas, at $.type"),
        ({"properties": {"a": {"minLength": -1}}}, "the minimum of 0, at $.properties.a.minLength"),
        ({"properties": {"a": {"pattern": "("}}}, "'(' is not a pattern that can be checked here: missing )"),
        ({"$schema": "http://example.com/own"}, "$schema 'http://example.com/own' is none of https://json-schema"),
        ({"$schema": ["x"]}, "is none of https://json-schema"),
        ({"items": [{"format": "uri"}, 1]}, "is not of type 'object', 'boolean', at $.items"),
        ({"items": {"format": "uri"}}, "format 'uri' is not one that can be checked (date, date-time,"),
        ({"allOf": [{}, {"$ref": "#/$defs/a"}], "$defs": {"a": {"format": "uri"}}}, "at $['$defs'].a"),
        ({"allOf": [{}, {"$ref": "other.json"}]}, "$ref 'other.json' leads to nothing in this schema, "),
        ({"allOf": [{}, {"$ref": "other.json"}]}, "nothing is fetched, at $.allOf[1]"),
        ({"$ref": "http://example.com/schema.json"}, "nothing is fetched, at $"),
        ({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "nothing is fetched, at $"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched, at $"),
        ({"$ref": "http://["}, "nothing is fetched, at $"),
        ({"$ref": "#/$defs/b", "$defs": {"a": {}}}, "$ref '#/$defs/b' leads to nothing"),
        ({"$ref": "#anchor"}, "$ref '#anchor' leads to nothing"),
        ({"$ref": "#/allOf/x", "allOf": [{}]}, "$ref '#/allOf/x' leads to nothing"),
        ({"$dynamicRef": "other.json#a"}, "$dynamicRef 'other.json#a' leads to nothing"),
        ({"$ref": "#/own/a", "own": {"a": {"type": "strin"}}}, "at #/own/a.type"),
        ({"$ref": "#/own/a", "own": {"a": {"$ref": "b.json"}}}, "$ref 'b.json' leads to nothing"),
        ({"$ref": "#"}, "refers to itself without end"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused_with_its_place(read: Read, schema: Any, wrong: str) -> None:
    """At the start, not at the first event."""
    with pytest.raises(ValueError, match="the schema of 'item_removed'") as caught:
        read(schema)
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$ref": "#here", "$defs": {"a": {"$anchor": "here", "type": "string"}}},
        {"$dynamicRef": "#here", "$defs": {"a": {"$dynamicAnchor": "here", "type": "string"}}},
        {"$id": "http://example.com/s", "$ref": "t", "$defs": {"a": {"$id": "t", "type": "string"}}},
        {"$ref": "#/own/a", "own": {"a": {"type": "string"}}},
        {"allOf": [{"$id": "http://example.com/t", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}]},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"a": {"type": "string"}},
            "allOf": [{"$ref": "#/definitions/a"}],
        },
    ],
)
def test_references_within_a_schema_are_followed(read: Read, schema: Any) -> None:
    """Whatever form they have."""
    schemas = read(schema)
    assert schemas.mistake("item_removed", ["text"]) is None
    assert schemas.mistake("item_removed", [1]) == "data: expected string"


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("^a$", ["a"], ["a\n", "ab", "b\na"]),
        ("a|b$", ["b", "a\n"], ["b\n"]),
        (r"^\d$", ["1"], ["\u0661"]),
        (r"^[\d.]+$", ["1.2"], ["\u0661", "1a"]),
        (r"^\w\W$", ["a-"], ["\u0431-", "aa"]),
        (r"^\s\S$", ["\u3000a", "\ufeffa"], ["\x1ca", " \u3000"]),
        (r"^[\s]$", ["\u2029"], ["\x1c"]),
        ("^.$", ["x", "\x0b"], ["\r", "\u2028"]),
        (r"^[$.]\$\.$", ["$$.", ".$."], ["a$.", "$$a"]),
        (r"^[^\]]$", ["a", "["], ["]"]),
        ("^[[]$", ["["], ["a"]),
        ("^[^]$", ["\n"], [""]),
        ("[]", [], ["", "a"]),
        (r"^\/$", ["/"], ["\\/"]),
        (r"^(?<digit>\d)(?!x)(?<=1)$", ["1"], ["2", "1\n"]),
    ],
)
def test_a_pattern_means_what_json_schema_says(
    read: Read, pattern: str, fits: list[str], others: list[str]
) -> None:
    """Patterns are ECMA-262's. Python's differ: their `$` accepts a trailing newline."""
    schemas = read({"pattern": pattern})
    for text in fits:
        assert schemas.mistake("item_removed", [text]) is None, text
    for text in others:
        assert schemas.mistake("item_removed", [text]) == f"data: expected pattern {json.dumps(pattern)}"


@pytest.mark.parametrize(
    "schema",
    [
        {"patternProperties": {"^a$": True}, "additionalProperties": False},
        {"patternProperties": {"^a$": True}, "unevaluatedProperties": False},
        {"propertyNames": {"pattern": "^a$"}},
        {"$ref": "#/own/a", "own": {"a": {"propertyNames": {"pattern": "^a$"}}}},
        {"allOf": [{"not": {"patternProperties": {"^a$": False}, "minProperties": 1}}, {"required": ["a"]}]},
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "patternProperties": {"^a$": {}},
            "additionalProperties": False,
        },
    ],
)
def test_a_pattern_means_the_same_wherever_it_stands(read: Read, schema: Any) -> None:
    """Also as the name of properties, and in a referenced schema."""
    schemas = read(schema)
    assert schemas.mistake("item_removed", [{"a": 1}]) is None
    assert schemas.mistake("item_removed", [{"a\n": 1}]) is not None


@pytest.mark.parametrize(
    ("pattern", "wrong"),
    [(r"[\D]", "within []"), (r"a\Z", "not part of ECMA-262"), (r"\Aa", "not part of ECMA-262")],
)
def test_a_pattern_that_cannot_be_checked_here_is_refused(read: Read, pattern: str, wrong: str) -> None:
    """At the start, with its place."""
    with pytest.raises(ValueError, match=r"at \$\.properties\.a") as caught:
        read({"properties": {"a": {"pattern": pattern}}})
    assert wrong in str(caught.value)


def test_what_only_looks_like_a_pattern_is_left_as_it_is(read: Read) -> None:
    """A property may have this name, and a value may contain it."""
    schemas = read({"properties": {"pattern": {"const": {"pattern": "^a$"}}}})
    assert schemas.mistake("item_removed", [{"pattern": {"pattern": "^a$"}}]) is None


def test_the_version_of_a_schema_is_its_own(read: Read) -> None:
    """2020-12 has `prefixItems` for what the drafts before it say with a list of `items`."""
    items = {"items": [{"type": "string"}]}
    assert read({"$schema": "http://json-schema.org/draft-07/schema#", **items}).mistake(
        "item_removed", [[1]]
    ) == ("data[0]: expected string")
    with pytest.raises(ValueError, match="is not of type 'object', 'boolean'"):
        read(items)


def test_what_only_looks_like_a_reference_or_a_format_is_none(read: Read) -> None:
    """A property may have this name, and a value may contain it."""
    schemas = read(
        {
            "properties": {"$ref": {"type": "string"}, "format": {"const": {"$ref": "x", "format": "uri"}}},
            "required": ["$ref"],
        }
    )
    assert schemas.mistake("item_removed", [{"$ref": "a", "format": {"$ref": "x", "format": "uri"}}]) is None
    assert schemas.mistake("item_removed", [{"$ref": 1}]) == "data['$ref']: expected string"


def test_a_schema_may_allow_nothing_or_everything(read: Read) -> None:
    """`true` and `false` are schemas."""
    assert read(True).mistake("item_removed", [1]) is None
    assert read(False).mistake("item_removed", [1]) is not None
