"""Reads shell commands as the documentation shows them: words, and the variables that are set. Pure."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_SEPARATORS = {";", "|", "||", "&&", "&", "{", "}", "do", "then", "else"}
_CLOSERS = {"done", "fi", "esac"}
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A simple command: the variables set for it, the program, and its arguments."""

    variables: dict[str, str]
    words: list[str]

    @property
    def program(self) -> str:
        """The program, by the last part of its path; empty if the command only sets variables."""
        return self.words[0].rpartition("/")[2] if self.words else ""


def commands(text: str) -> list[Command]:
    """Return the commands of a script. Raises `ValueError` if a quotation does not end."""
    return [
        command
        for line in _logical_lines(text)
        for words in _simple(line)
        if (command := _command(words)).words or command.variables
    ]


def _logical_lines(text: str) -> Iterator[str]:
    held = ""
    for line in text.splitlines():
        held += line
        if held.endswith("\\"):
            held = held[:-1]
            continue
        try:
            _words(held)
        except ValueError:
            held += "\n"  # a quotation goes on in the next line
            continue
        yield held
        held = ""
    if held:
        raise ValueError(f"a quotation does not end: {held!r}")


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words = []
    for word in lexer:
        if word.startswith("#"):
            break
        words.append(word)
    return words


def _simple(line: str) -> Iterator[list[str]]:
    words: list[str] = []
    for word in [*_words(line), ";"]:
        if word in _SEPARATORS:
            yield words
            words = []
        elif word not in _CLOSERS:
            words.append(word)


def _command(words: list[str]) -> Command:
    if words[:1] == ["for"] or words[1:2] == ["()"]:
        return Command({}, [])  # the loop's head, or a function's
    variables = {}
    rest = [word for word in words if word != "!"]
    while rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
        variables[found[1]] = found[2]
        rest = rest[1:]
    if rest[:1] == ["export"]:
        variables |= dict(found.groups() for word in rest[1:] if (found := _ASSIGNMENT.fullmatch(word)))
        rest = []
    return Command(variables, rest)
