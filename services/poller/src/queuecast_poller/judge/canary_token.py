"""The token in a canary's body: proof that a poller of this bus sent it. Pure.

Any sender to the queue can set any attribute, but does not know the key, which is in Redis.
"""

import hashlib
import hmac
import json

MAX_DELAY_MS = 300_000
"""Largest difference between the token's time and the time when SQS accepted the message: clocks differ, and
a copy of an old canary must not pass for a new one."""

MAX_BODY_CHARACTERS = 100


def canary_body(key: bytes, issued_ms: int) -> str:
    """Return the body of a canary that is issued at this Unix time in milliseconds."""
    return json.dumps(f"{issued_ms}.{_signature(key, issued_ms)}")


def is_genuine(body: str, key: bytes | None, sent_ms: int | None) -> bool:
    """Return whether a poller with this key made the body, about when SQS accepted the message."""
    if key is None or sent_ms is None or len(body) > MAX_BODY_CHARACTERS or not body.isascii():
        return False
    issued, _, signature = body.strip('"').partition(".")
    if not issued.isdecimal() or abs(int(issued) - sent_ms) > MAX_DELAY_MS:
        return False
    return hmac.compare_digest(signature, _signature(key, int(issued)))


def _signature(key: bytes, issued_ms: int) -> str:
    return hmac.new(key, b"canary %d" % issued_ms, hashlib.sha256).hexdigest()
