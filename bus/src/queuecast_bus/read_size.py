"""How many records one question to Redis asks for: as many as fit a budget of bytes. Pure.

What is small is read by the hundreds, and of the largest two at a time; a link that does not carry an answer
in time is asked for less.
"""

MOST_RECORDS = 400
"""With half as many, a record that nobody here wants costs an eighth more."""

READ_BYTES = 2 << 20
"""What one answer should bring: two of the largest messages of SQS, half of what a browser may be behind by
default (`QUEUECAST_MAX_BUFFERED_BYTES`), and 5 KiB for each of `MOST_RECORDS`."""

SLOW_SECONDS = 1.5
"""An answer that takes longer was nearly too late: it may take 3 s (`connection.ANSWER_SECONDS`)."""


class ReadSize:
    """Adapts `count` to what the last answers were like: from 1 to `MOST_RECORDS`."""

    def __init__(self) -> None:
        self.count = MOST_RECORDS

    def came(self, asked: int, records: int, size: int, seconds: float) -> None:
        """An answer came: so many of the records that were asked for, in so many bytes, after so long."""
        fits = max(1, records * READ_BYTES // max(size, 1))
        if size > READ_BYTES:
            self.count = min(self.count, fits)
        elif records >= asked:
            # More is waiting, so this was the time of reading, and not of waiting for something to come.
            if seconds > SLOW_SECONDS:
                self.count = max(1, asked // 2)
            else:
                self.count = max(self.count, min(2 * asked, fits, MOST_RECORDS))

    def failed(self, asked: int) -> None:
        """No answer came in time, or it was too long."""
        self.count = max(1, min(self.count, asked // 4))
