"""A document from a URL whose sender has to be who it seems: by TLS, small, in good time, or not at all.

What is in it is not looked at.
"""

import asyncio
import ipaddress

import aiohttp
from yarl import URL

ANSWER_SECONDS = 5.0
"""How long an answer may take, redirects and all."""

MAX_BYTES = 256 << 10
MAX_REDIRECTS = 3

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""What `download` raises: nobody there, not in time (a `TimeoutError` is an `OSError`), or not acceptable."""

_REDIRECTS = (301, 302, 303, 307, 308)


def check_url(address: str) -> None:
    """Raise `ValueError` unless what comes from there is what its owner sent: by TLS, or from this host."""
    url = URL(address)
    if url.user is not None or url.password is not None:
        raise ValueError("expected a URL without a user or a password: what is there is public")
    if not url.host:
        raise ValueError("expected https://host/path")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ValueError(f"{url.scheme}://{url.host}: expected https, or http from this host itself")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redirected(url: URL, location: str) -> URL:
    """Return where an answer sends us. Raises `ValueError` if that is less safe than where we are."""
    target = url.join(URL(location))
    check_url(str(target))
    if url.scheme == "https" and target.scheme != "https":
        raise ValueError("a redirect that leaves https")
    return target


async def download(url: str) -> bytes:
    """Return what is at a URL. Raises one of `FAILURES`."""
    # Not compressed: what is counted is what has to be held.
    headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            aiohttp.ClientSession(headers=headers, auto_decompress=False) as session,
        ):
            return await _get(session, URL(url))
    except TimeoutError:
        raise TimeoutError(f"no answer in {ANSWER_SECONDS:g} s") from None


async def _get(session: aiohttp.ClientSession, url: URL) -> bytes:
    for _ in range(1 + MAX_REDIRECTS):
        async with session.get(url, allow_redirects=False) as response:
            if response.status == 200:
                return await _body(response)
            if response.status not in _REDIRECTS:
                raise ValueError(f"HTTP {response.status}")
            url = redirected(url, response.headers.get("Location", ""))
    raise ValueError(f"more than {MAX_REDIRECTS} redirects")


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while chunk := await response.content.read(MAX_BYTES + 1 - len(body)):
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
    return bytes(body)
