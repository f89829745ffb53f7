"""JMESPath on messages: compiled closures give the results of the package's interpreter."""

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from queuecast_poller.route.expression import (
    MAX_LENGTH,
    BadExpression,
    Failed,
    compile_expression,
    is_true,
)

KNOWN = frozenset({"data", "attributes"})

EXPRESSIONS = [
    "data",
    "data.a",
    "data.a.b",
    "data.a[0]",
    "data.a[-1].b",
    "data.a[1:]",
    "data.a[*].b",
    "data.a[?b == `1`].c",
    "data.a[]",
    "data.*.b",
    "data.a == 'x'",
    "data.a != data.b",
    "data.a < `3`",
    "data.a && data.b",
    "data.a || data.b || 'none'",
    "!data.a",
    "data.a | b",
    "@",
    "@.data.a",
    "[data.a, 'x']",
    "{a: data.a, b: attributes.b}",
    "data.{a: a}",
    "data.a.[b, c]",
    "join(':', ['sku', to_string(data.a)])",
    "data.a > `0`",
    "data.a < data.b",
    "data.a >= 'x'",
    "data.a <= `1.5`",
    "contains(data.a, 'x')",
    "starts_with(data.a, 'x')",
    "length(data.a)",
    "sort_by(data.a, &b)",
    "not_null(data.a, data.b)",
    "sum(data.a)",
    "'literal'",
    '`{"a": 1}`',
]

leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "xy"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("text", EXPRESSIONS)
@given(data=values, attributes=st.dictionaries(st.sampled_from("ab"), st.text(max_size=3)))
def test_an_expression_finds_what_the_package_finds(text: str, data: Any, attributes: dict[str, str]) -> None:
    """The language is JMESPath, not almost JMESPath; and what fails there fails here."""
    message = {"data": data, "attributes": attributes}
    expression = compile_expression(text, KNOWN)
    try:
        expected = jmespath.search(text, message)
    except (JMESPathError, TypeError, ValueError, ArithmeticError, AttributeError):
        with pytest.raises(Failed):
            expression(message)
        return
    assert expression(message) == expected


@pytest.mark.parametrize(
    ("text", "constant"),
    [
        ("'x'", True),
        ("`[1]`", True),
        ("join('-', ['a', 'b'])", True),
        ("data.a", False),
        ("@", False),
        ("[data.a]", False),
        ("{a: `1`}", True),
    ],
)
def test_what_is_the_same_for_every_message_is_known_to_be(text: str, constant: bool) -> None:
    """So that it can be checked at the start."""
    assert compile_expression(text, KNOWN).is_constant is constant


@pytest.mark.parametrize(
    "text",
    [
        "data.a[?b == 'x']",
        "data.sku",
        "data | sku",
        "data.*.sku",
        "sort_by(data, &sku)",
        "data[0:2].sku",
        "data.{s: sku}",
    ],
)
def test_what_is_inside_a_part_may_have_any_name(text: str) -> None:
    """Only the parts of a message are known in advance."""
    assert compile_expression(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    ["sku", "sku.a", "[data, sku]", "{a: sku}", "join(sku, data)", "@.sku", "!sku", "sku[0]", "sku[?data]"],
)
def test_a_part_that_no_message_has_is_a_mistake(text: str) -> None:
    """Most often it is text that somebody forgot to quote."""
    with pytest.raises(BadExpression, match=r"no part 'sku'.*quoted: \"'sku'\""):
        compile_expression(text, KNOWN)


@pytest.mark.parametrize(
    "text", ["", " ", "data.", "'", "`{`", "a" * (MAX_LENGTH + 1), "(" * 1_500, "data[?", "data ==", "\ud800"]
)
def test_what_is_no_expression_is_refused_in_a_line(text: str) -> None:
    """The package's message draws a picture of the place, over several lines."""
    with pytest.raises(BadExpression) as refusal:
        compile_expression(text, KNOWN)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@given(
    st.text(max_size=30)
    | st.lists(st.sampled_from(["data", ".", "[", "]", "?", "*", "'x'", "|", "&", "(", "@", "=="])).map(
        "".join
    )
)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    """Another exception would end a poller whose file somebody edits."""
    try:
        expression = compile_expression(text, KNOWN)
    except BadExpression:
        return
    try:
        expression({"data": {}, "attributes": {}})
    except Failed:
        return


@pytest.mark.parametrize("value", [0, 0.0, "x", [0], {"a": 0}, True])
def test_these_are_true(value: Any) -> None:
    """JMESPath defines it so: 0 too."""
    assert is_true(value)


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_these_are_false(value: Any) -> None:
    """Missing values and empty ones."""
    assert not is_true(value)
