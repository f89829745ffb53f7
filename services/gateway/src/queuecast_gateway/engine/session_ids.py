"""The ids of Engine.IO sessions: random, and cheap."""

import base64
import os
from collections.abc import Iterator

ID_BYTES = 15
"""Random bytes of an id."""

_IDS_PER_READ = 256


def session_ids() -> Iterator[str]:
    """Yield new ids, for ever; the kernel is asked for the randomness of many at once."""
    while True:
        text = base64.urlsafe_b64encode(os.urandom(ID_BYTES * _IDS_PER_READ)).decode()
        size = len(text) // _IDS_PER_READ
        yield from (text[start : start + size] for start in range(0, len(text), size))
