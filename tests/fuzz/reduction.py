"""Makes a failing input smaller as long as it still fails: greedily, whole reads first, then bytes."""

from collections.abc import Callable
from typing import TypeVar

from tests.fuzz.case import FRAMES, Case

MAX_TRIES = 3_000

Line = TypeVar("Line", list[bytes], bytes)


def reduced(case: Case, fails: Callable[[Case], bool], tries: int = MAX_TRIES) -> Case:
    """Return the smallest failing case that was found; `fails` tests a case."""
    left = tries

    def passes(reads: list[bytes]) -> bool:
        nonlocal left
        left -= 1
        return left < 0 or not fails(case.with_reads(reads))

    reads, before = list(case.reads), None
    while reads != before and left > 0:
        before = reads
        if case.kind == FRAMES and len(reads) > 1 and not passes([b"".join(reads)]):
            reads = [b"".join(reads)]
        reads = _shorter(reads, passes)
        for at in range(len(reads)):
            first, last = reads[:at], reads[at + 1 :]

            def is_needed(read: bytes, first: list[bytes] = first, last: list[bytes] = last) -> bool:
                return passes([*first, read, *last])

            reads = [*first, _plainer(_shorter(reads[at], is_needed), is_needed), *last]
    return case.with_reads(reads)


def _shorter(line: Line, passes: Callable[[Line], bool]) -> Line:
    """Leave out what is not needed, in parts that are halved each time."""
    size = len(line)
    while size:
        at = 0
        while at < len(line):
            without = line[:at] + line[at + size :]
            if passes(without):
                at += size
            else:
                line = without
        size //= 2
    return line


def _plainer(read: bytes, passes: Callable[[bytes], bool]) -> bytes:
    """Replace each byte that does not matter with a zero."""
    for at, byte in enumerate(read):
        changed = read[:at] + b"\x00" + read[at + 1 :]
        if byte not in b"\x000" and not passes(changed):
            read = changed
    return read
