"""Patterns of JSON Schema, which are regular expressions of ECMA-262, translated to Python's. Pure.

Syntax that both have with different meanings is rewritten. Syntax that Python lacks is an error of `re`.
https://json-schema.org/draft/2020-12/json-schema-core#section-6.4
"""

import re

_SPACES = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SETS = {"d": "0-9", "w": "0-9A-Za-z_", "s": _SPACES}

_TOKEN = re.compile(r"\\.|\[\^?\]?|\]|[.$]|\(\?<(?=\w)", re.DOTALL)


_TRANSLATIONS = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]", "(?<": "(?P<", "[]": "(?!)", "[^]": r"[\s\S]"}
"""Python's `$` matches before a trailing newline too."""


class Pattern(str):
    """A pattern for Python's `re`; `written` is the text in the schema."""

    __slots__ = ("written",)

    written: str


def ecma_pattern(written: str) -> Pattern:
    """Return the Python pattern with the meaning that this one has in ECMA-262 with the flag `u`.

    Raises `ValueError` if there is none, or if this is not a pattern.
    """
    in_class = False

    def translate(found: re.Match[str]) -> str:
        nonlocal in_class
        token = found[0]
        if token[0] == "\\":
            return _escape(token[1], in_class)
        if in_class:
            in_class = "]" not in token
            return token.replace("[", r"\[")
        in_class = token in ("[", "[^")
        return _TRANSLATIONS.get(token, token)

    # ASCII: `\b` is a boundary of ASCII words, and only ASCII letters are equal regardless of case.
    pattern = Pattern("(?a:" + _TOKEN.sub(translate, written) + ")")
    pattern.written = written
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as exc:
        raise ValueError(f"{written[:80]!r} is not a pattern that can be checked here: {exc}") from exc
    return pattern


def _escape(letter: str, in_class: bool) -> str:
    if letter in _SETS:
        return _SETS[letter] if in_class else f"[{_SETS[letter]}]"
    if letter.lower() in _SETS:
        if in_class:
            raise ValueError(
                rf"\{letter} within [] cannot be checked here: write it as an alternative, with |"
            )
        return f"[^{_SETS[letter.lower()]}]"
    if letter == "Z" or letter == "A":
        raise ValueError(rf"\{letter} is not part of ECMA-262: expected ^ or $")
    return letter if letter == "/" else f"\\{letter}"
