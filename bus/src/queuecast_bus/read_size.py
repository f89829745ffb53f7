"""How many records one read requests: as many as fit into a budget of bytes. Pure.

Small records are read in hundreds, the largest in twos. Over a link that is too slow for an answer in time,
fewer are requested.
"""

MOST_RECORDS = 400
"""With half as many, a record that is for no session of this replica costs an eighth more."""

READ_BYTES = 2 << 20
"""What one answer should bring: two of the largest messages of SQS, half of what a browser may be behind by
default (`QUEUECAST_MAX_BUFFERED_BYTES`), or 5 KiB for each of `MOST_RECORDS`."""

SLOW_SECONDS = 1.5
"""An answer that takes longer was nearly too late: the limit is 3 s (`connection.ANSWER_SECONDS`)."""


class ReadSize:
    """Adapts `count` to the last answers, between 1 and `MOST_RECORDS`."""

    def __init__(self) -> None:
        self.count = MOST_RECORDS

    def observe(self, requested: int, records: int, size: int, seconds: float) -> None:
        """Note an answer: how many records were requested and came, their bytes, and how long it took."""
        fits = max(1, records * READ_BYTES // max(size, 1))
        if size > READ_BYTES:
            self.count = min(self.count, fits)
        elif records >= requested:
            # More records are waiting, so the time was spent on reading, not on waiting for new ones.
            if seconds > SLOW_SECONDS:
                self.count = max(1, requested // 2)
            else:
                self.count = max(self.count, min(2 * requested, fits, MOST_RECORDS))

    def failed(self, requested: int) -> None:
        """Note that no answer came in time, or that it was too long."""
        self.count = max(1, min(self.count, requested // 4))
