"""One input of the campaign, and the text file in which it is kept.

The file has comments that say what the input is, then its kind, then one read per line as a Python literal,
which may be repeated: `b'[' * 3000`. In hand-written seeds the masks are zero, so that people can read them.
"""

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"

FRAMES = "frames"
"""Reads of a WebSocket. An empty read lets the server finish what it has begun."""
COMPRESSED = "compressed"
"""The same on a WebSocket that has agreed on compression."""
BODY = "body"
"""Bodies of long-polling POSTs, one after the other."""
HEAD = "head"
"""A request: its target, then header names and values in turn."""
WEBSOCKET = (FRAMES, COMPRESSED)
KINDS = (*WEBSOCKET, BODY, HEAD)

_READ = re.compile(r"(b'.*'|b\".*\")(?:\s*\*\s*(\d+))?")


@dataclass(frozen=True, slots=True)
class Case:
    """What a peer sends."""

    kind: str
    reads: tuple[bytes, ...]
    note: str = ""

    @property
    def size(self) -> int:
        return sum(map(len, self.reads))

    def with_reads(self, reads: list[bytes]) -> "Case":
        return replace(self, reads=tuple(reads))

    def to_text(self) -> str:
        comments = [f"# {line}".rstrip() for line in self.note.splitlines()]
        return "\n".join([*comments, self.kind, *map(_literal, self.reads)]) + "\n"

    @classmethod
    def from_text(cls, text: str) -> "Case":
        """Return the case in a file. Raises `ValueError`."""
        lines = text.splitlines()
        note = "\n".join(line[1:].strip() for line in lines if line.startswith("#"))
        kind, *reads = [line for line in lines if line.strip() and not line.startswith("#")]
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        return cls(kind, tuple(map(_read, reads)), note)


def seeds(folder: Path = SEEDS) -> dict[str, Case]:
    """Return all kept cases by their files' names."""
    return {path.stem: Case.from_text(path.read_text("ascii")) for path in sorted(folder.glob("*.txt"))}


def _literal(read: bytes) -> str:
    if len(read) > 8 and len(set(read)) == 1:
        return f"{read[:1]!r} * {len(read)}"
    return repr(read)


def _read(line: str) -> bytes:
    found = _READ.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"{line[:80]!r} is no bytes literal")
    literal, times = found.groups()
    read: bytes = ast.literal_eval(literal)
    return read * int(times or 1)
