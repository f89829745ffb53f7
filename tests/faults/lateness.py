"""The delivery latencies of all clients. Pure."""

from collections import Counter
from collections.abc import Sequence

from tests.faults.books import Ledger, Page


def latencies_ms(ledger: Ledger, pages: Sequence[Page]) -> Counter[int]:
    """Return the number of deliveries by latency, from the send to the delivery."""
    late: Counter[int] = Counter()
    for page in pages:
        pairs = zip(page.numbers, page.times_ms, strict=True)
        late.update(time_ms - ledger.messages[number].sent_ms for number, time_ms in pairs)
    return late


def quantile(counts: Counter[int], share: float) -> int:
    """Return the least value that at least this share does not exceed. Raises if nothing was counted."""
    rest = share * counts.total()
    for value in sorted(counts):
        rest -= counts[value]
        if rest <= 0:
            return value
    raise ValueError("nothing was counted")
