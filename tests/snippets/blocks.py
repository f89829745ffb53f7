"""The blocks of code in every page of the documentation: where each is, and its language.

A block that no test runs has its reason in a comment above it: `<!-- not run: it needs an account -->`. The
info string may name a file, which other blocks of the page import: ```` ```ts file=live.ts ````.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOREIGN = {"node_modules", "build", "dist", "target", "vendor"}
"""Folders whose pages are others', or made."""

LANGUAGES = {
    "acl": "Redis sets up the user",
    "console": "the commands write what is shown",
    "html": "its scripts are compiled, and run in Chromium",
    "js": "compiled with the types of the client, and run in Chromium or Node",
    "json": "read, and compared with what it shows",
    "python": "run",
    "sh": "each command exists, with its options, targets, settings and files",
    "text": "no code: a picture",
    "ts": "compiled with the types of the client, and run in Chromium",
    "tsx": "compiled with the types of the client, and run in Chromium",
    "vue": "compiled with the types of the client, and run in Chromium",
    "yaml": "read, and validated as what it is",
}
"""What the tests do with a block of each language."""

_FENCE = re.compile(r"^( *)(`{3,})(.*)$")
_REASON = re.compile(r"^ *<!-- not run: (.+) -->$")
_FILE = re.compile(r"\bfile=(\S+)")


@dataclass(frozen=True)
class Block:
    """A block of code. `line` is that of its first line of code; `name` is its file, if it names one.

    `reason` is why no test runs it.
    """

    page: str
    line: int
    language: str
    name: str | None
    text: str
    reason: str | None

    @property
    def at(self) -> str:
        """Where it is, for people and as the name of a test."""
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Return every page of the repository, as paths from its root, sorted."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in FOREIGN and not name.startswith(".")]
        found += [
            (Path(folder) / name).relative_to(ROOT).as_posix() for name in files if name.endswith(".md")
        ]
    return sorted(found)


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Return the blocks of a page, in their order."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opened = _FENCE.match(lines[number])
        number += 1
        if not opened:
            continue
        indent, ticks, info = opened.groups()
        first = number
        while number < len(lines) and lines[number].strip() != ticks:
            number += 1
        if number == len(lines):
            raise ValueError(f"{page}:{first}: the block is not closed")
        reason = _REASON.match(lines[first - 2]) if first > 1 else None
        name = _FILE.search(info)
        yield Block(
            page,
            first + 1,
            info.split(" ", 1)[0],
            name[1] if name else None,
            "".join(f"{line.removeprefix(indent)}\n" for line in lines[first:number]),
            reason[1] if reason else None,
        )
        number += 1


def blocks(*languages: str) -> list[Block]:
    """Return the blocks that are to be run, of all pages; only those in these languages if there are any."""
    return [
        block
        for block in all_blocks()
        if block.reason is None and (not languages or block.language in languages)
    ]


def all_blocks() -> list[Block]:
    """Return all blocks of all pages."""
    return [block for page in pages() for block in blocks_of(page, (ROOT / page).read_text("utf-8"))]
