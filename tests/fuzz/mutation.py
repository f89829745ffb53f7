"""Changes an input a little: bits, lengths, order, and how its bytes are split into reads."""

from itertools import pairwise
from random import Random

from tests.fuzz.case import WEBSOCKET, Case

MAX_SIZE = 24_000
"""The most bytes of an input: several times a message's limit, but few enough to try many inputs."""

MAX_READS = 400

BYTES = (
    0x00,
    0x01,
    0x02,
    0x08,
    0x09,
    0x0A,
    0x1E,
    0x30,
    0x34,
    0x7E,
    0x7F,
    0x80,
    0x81,
    0x82,
    0x88,
    0x89,
    0xFE,
    0xFF,
)
TOKENS = (
    b"\x81\x80" + bytes(4), b"\x01\x80" + bytes(4), b"\x00\x80" + bytes(4), b"\x80\x80" + bytes(4),
    b"\x88\x80" + bytes(4), b"\x89\x80" + bytes(4), b"\x82\xff" + bytes(5) + b"\x01" + bytes(6),
    b"40", b"41", b'42["', b"451-", b'"_placeholder":true', b'"num":', b"\x1e", b"[", b"]", b"{", b"}", b'"',
    b",", b"-", b"/", b"\\ud800", b"\xed\xa0\x80", b"\xff\xff\xff\xff", b"1e400", b"NaN", b"\r\n",
)  # fmt: skip


class Mutator:
    """Draws each change from a list, with a single source of randomness."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._inside = (self._flip, self._set, self._cut_off, self._drop, self._repeat, self._insert)

    def changed(self, case: Case, other: Case) -> Case:
        """Return a case with a few changes; it may be spliced with `other`."""
        reads = list(case.reads)
        for _ in range(self._random.choice((1, 1, 2, 3, 6))):
            choice = self._random.random()
            if choice < 0.6:
                self._change_a_read(reads)
            elif choice < 0.75:
                self._reorder(reads)
            elif choice < 0.85 and other.kind == case.kind:
                at, start = self._place(len(reads)), self._place(len(other.reads))
                reads[at:] = other.reads[start:]
            elif case.kind in WEBSOCKET:
                reads = self.split(reads)
        return bounded(case.with_reads(reads))

    def split(self, reads: list[bytes]) -> list[bytes]:
        """Split the same bytes into different reads."""
        data = b"".join(reads)
        if self._random.random() < 0.1 and len(data) < MAX_READS:
            return [data[at : at + 1] for at in range(len(data))]
        edges = sorted({0, len(data), *(self._place(len(data)) for _ in range(self._random.randrange(12)))})
        return [data[start:end] for start, end in pairwise(edges)]

    def _change_a_read(self, reads: list[bytes]) -> None:
        if reads:
            at = self._random.randrange(len(reads))
            reads[at] = self._random.choice(self._inside)(reads[at])

    def _reorder(self, reads: list[bytes]) -> None:
        random = self._random
        at, to = self._place(len(reads)), self._place(len(reads))
        match random.randrange(4):
            case 0:
                del reads[at : at + 1]
            case 1:
                reads[to:to] = reads[at : at + 1] * random.choice((1, 2, 70))
            case 2:
                reads[to:to] = [reads.pop(at)] if at < len(reads) else []
            case _:
                reads.insert(at, b"")

    def _place(self, length: int) -> int:
        return self._random.randrange(length + 1)

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        # The first bytes are usually a header.
        at = self._random.randrange(min(len(data), 14) if self._random.random() < 0.5 else len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._random.randrange(8),)) + data[at + 1 :]

    def _set(self, data: bytes) -> bytes:
        at = self._place(min(len(data), 14) if self._random.random() < 0.5 else len(data))
        return data[:at] + bytes((self._random.choice(BYTES),)) + data[at + 1 :]

    def _cut_off(self, data: bytes) -> bytes:
        return data[: self._place(len(data))]

    def _drop(self, data: bytes) -> bytes:
        at = self._place(len(data))
        return data[:at] + data[at + self._random.choice((1, 1, 2, 4, 50)) :]

    def _repeat(self, data: bytes) -> bytes:
        start, end = sorted((self._place(len(data)), self._place(len(data))))
        return data[:end] + data[start:end] * self._random.choice((1, 2, 50)) + data[end:]

    def _insert(self, data: bytes) -> bytes:
        at = self._place(len(data))
        return data[:at] + self._random.choice(TOKENS) + data[at:]


def bounded(case: Case) -> Case:
    """Return the case, cut to the maximum size."""
    reads: list[bytes] = []
    left = MAX_SIZE
    for read in case.reads[:MAX_READS]:
        reads.append(read[:left])
        left -= len(reads[-1])
        if left == 0:
            break
    return case.with_reads(reads)
