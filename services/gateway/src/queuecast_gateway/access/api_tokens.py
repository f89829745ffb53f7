"""The tokens of the HTTP API, in a file: who holds each, and what it allows.

A line has a name for the holder, what it may do, and the token: `shop publish 4f8c…`. Two lines may have the
same name, so that a token can be replaced without a pause.
"""

import hashlib
import hmac
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from queuecast_gateway.access.reread_file import RereadFile, read_lines

API_RIGHTS = ("publish", "command", "view", "identities", "history")
"""What a token may allow: to publish events; to disconnect sessions and move them between rooms; to see rooms
and how many are there; to see who is there; to read past events."""

MAX_TOKENS = 100
MIN_TOKEN_CHARACTERS, MAX_TOKEN_CHARACTERS = 32, 512

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
"""https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""


class ApiToken(NamedTuple):
    """The holder's name, its rights, and the SHA-256 of the token."""

    name: str
    rights: frozenset[str]
    digest: bytes


class ApiTokens:
    """The tokens in a file, which is read again when it changes."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = RereadFile(path, read_tokens, "API tokens", clock)

    def find(self, presented: str) -> ApiToken | None:
        """Return the token that was presented, None for one that is not in the file.

        It takes the same time whatever is presented: all are compared, by their digests.
        """
        digest = digest_of(presented)
        found = None
        for token in self._file.content():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def read_tokens(path: Path) -> tuple[ApiToken, ...]:
    """Return the tokens in a file. Raises `ValueError`, whose text never has one of them."""
    tokens = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.startswith(b"#"):
            try:
                tokens.append(_read_line(line))
            except ValueError as exc:
                raise ValueError(f"{path}, line {number} of those that are not empty: {exc}") from None
    if not 0 < len(tokens) <= MAX_TOKENS:
        raise ValueError(f"{path} has {len(tokens)} tokens: expected 1 to {MAX_TOKENS}, one a line")
    if any(times > 1 for times in Counter(token.digest for token in tokens).values()):
        raise ValueError(f"{path} has a token twice: each says what one holder may do")
    return tuple(tokens)


def _read_line(line: bytes) -> ApiToken:
    try:
        parts = line.decode("ascii").split()
    except UnicodeDecodeError:
        raise ValueError("expected ASCII") from None
    if len(parts) != 3:
        raise ValueError(
            f"{len(parts)} words instead of three: a name, rights ({','.join(API_RIGHTS)}) and a token"
        )
    name, rights, token = parts
    if not _NAME.fullmatch(name):
        # It may be a token in the wrong place, so it is not shown.
        raise ValueError("the name: expected up to 64 letters, digits, '.', '_' and '-'")
    given = rights.split(",")
    if not set(given) <= set(API_RIGHTS):
        raise ValueError(f"the rights of {name}: expected some of {','.join(API_RIGHTS)}")
    if not MIN_TOKEN_CHARACTERS <= len(token) <= MAX_TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise ValueError(
            f"the token of {name}: expected {MIN_TOKEN_CHARACTERS} to {MAX_TOKEN_CHARACTERS} characters at "
            "random, letters, digits and '-._~+/': openssl rand -hex 32"
        )
    return ApiToken(name, frozenset(given), digest_of(token))
