"""Splits the URLs of Redis, which may name several hosts."""

import re
from urllib.parse import SplitResult, urlsplit

MISPLACED = (
    "a host that no URL can have: '[' and ']' belong around an IPv6 address, and in a password they are "
    "written %5B, %5D"
)


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises `ValueError`, which never shows a password.

    Since CPython 3.13.2, 3.12.9 and 3.11.12, `urlsplit` refuses an IPv6 address that is not the only host.
    https://github.com/python/cpython/issues/105704
    """
    scheme, mark, rest = url.partition("://")
    end = re.search("[/?#]|$", rest)
    assert end is not None  # noqa: S101  # a text has an end
    access, at, hosts = rest[: end.start()].rpartition("@")
    try:
        if "," not in hosts:
            return urlsplit(url)
        for host in hosts.split(","):
            urlsplit(f"//{host}")
        quoted = hosts.replace("[", "%5B").replace("]", "%5D")
        parts = urlsplit(f"{scheme}{mark}{access}{at}{quoted}{rest[end.start() :]}")
    except ValueError:
        # The message would show the text between the brackets, or all before the path.
        raise ValueError(MISPLACED) from None
    access, at, hosts = parts.netloc.rpartition("@")
    return parts._replace(netloc=access + at + hosts.replace("%5B", "[").replace("%5D", "]"))
