"""Patterns of JSON Schema, which are regular expressions of ECMA-262, as Python understands them. Pure.

What both write alike and mean differently is written anew; what Python does not know it refuses itself.
https://json-schema.org/draft/2020-12/json-schema-core#section-6.4
"""

import re

_SPACES = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SETS = {"d": "0-9", "w": "0-9A-Za-z_", "s": _SPACES}

_TOKEN = re.compile(r"\\.|\[\^?\]?|\]|[.$]|\(\?<(?=\w)", re.DOTALL)


_MEANINGS = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]", "(?<": "(?P<", "[]": "(?!)", "[^]": r"[\s\S]"}
"""Python's `$` matches before a trailing newline too."""


class Pattern(str):
    """A pattern for Python's `re`; `written` is what stands in the schema."""

    __slots__ = ("written",)

    written: str


def ecma_pattern(written: str) -> Pattern:
    """Return the pattern that means for Python what this means for ECMA-262, with its flag `u`.

    Raises `ValueError` for one that cannot be written so, and for one that is none.
    """
    in_class = False

    def anew(found: re.Match[str]) -> str:
        nonlocal in_class
        token = found[0]
        if token[0] == "\\":
            return _escape(token[1], in_class)
        if in_class:
            in_class = "]" not in token
            return token.replace("[", r"\[")
        in_class = token in ("[", "[^")
        return _MEANINGS.get(token, token)

    # ASCII: `\b` is between letters of that, and no letter of another alphabet is ignored in its case.
    pattern = Pattern("(?a:" + _TOKEN.sub(anew, written) + ")")
    pattern.written = written
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as exc:
        raise ValueError(f"{written[:80]!r} is no pattern that can be checked here: {exc}") from exc
    return pattern


def _escape(letter: str, in_class: bool) -> str:
    if letter in _SETS:
        return _SETS[letter] if in_class else f"[{_SETS[letter]}]"
    if letter.lower() in _SETS:
        if in_class:
            raise ValueError(rf"\{letter} within [] cannot be checked here: write it beside them, with |")
        return f"[^{_SETS[letter.lower()]}]"
    if letter == "Z" or letter == "A":
        raise ValueError(rf"\{letter} is no part of ECMA-262: expected ^ or $")
    return letter if letter == "/" else f"\\{letter}"
