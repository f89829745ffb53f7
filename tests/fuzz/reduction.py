"""Makes an input that fails smaller, as long as it fails: greedily, whole reads first, then their bytes."""

from collections.abc import Callable, Iterator

from tests.fuzz.case import FRAMES, Case

MAX_TRIES = 3_000


def reduced(case: Case, fails: Callable[[Case], bool], tries: int = MAX_TRIES) -> Case:
    """Return the smallest case that was found; `fails` says whether one still does."""
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _smaller(case):
            if tries == 0:
                return case
            tries -= 1
            if fails(smaller):
                case, is_smaller = smaller, True
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    reads = list(case.reads)
    if case.kind == FRAMES and len(reads) > 1:
        yield case.with_reads([b"".join(reads)])
    for start, end in _spans(len(reads)):
        yield case.with_reads(reads[:start] + reads[end:])
    for at, read in enumerate(reads):
        for start, end in _spans(len(read)):
            yield case.with_reads([*reads[:at], read[:start] + read[end:], *reads[at + 1 :]])
    for at, read in enumerate(reads):
        for place, byte in enumerate(read):
            if byte not in b"\x000":
                for plain in (b"\x00", b"0"):
                    changed = read[:place] + plain + read[place + 1 :]
                    yield case.with_reads([*reads[:at], changed, *reads[at + 1 :]])


def _spans(length: int) -> Iterator[tuple[int, int]]:
    """Yield parts of a sequence, the long ones first."""
    size = length
    while size:
        for start in range(0, length, size):
            yield start, min(start + size, length)
        size //= 2
