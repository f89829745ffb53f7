"""Download a small document, over TLS and within a deadline. It does not read what is in it."""

import asyncio
import ipaddress

import aiohttp
from yarl import URL

from queuecast_edge.tls import client_context

ANSWER_SECONDS = 5.0
"""How long an answer may take, with its redirects."""

MAX_BYTES = 256 << 10
MAX_REDIRECTS = 3

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""What `download` raises: no connection, too late (`TimeoutError` is an `OSError`), or not acceptable."""

_REDIRECTS = (301, 302, 303, 307, 308)


def check_url(address: str) -> None:
    """Raise `ValueError` unless a URL is safe from tampering: `https`, or `http` on this host itself."""
    url = URL(address)
    if url.user is not None or url.password is not None:
        raise ValueError("expected a URL without a user or a password: the document is public")
    if not url.host:
        raise ValueError("expected https://host/path")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise ValueError(f"{url.scheme}://{url.host}: expected https, or http on this host itself")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redirected(url: URL, location: str) -> URL:
    """Return the target of a redirect. Raises `ValueError` if it is less safe than the URL before."""
    target = url.join(URL(location))
    check_url(str(target))
    if url.scheme == "https" and target.scheme != "https":
        raise ValueError("a redirect that leaves https")
    return target


async def download(url: str) -> bytes:
    """Return the document at a URL. Raises one of `FAILURES`."""
    # Not compressed, so that the bytes that are counted are those that have to be held.
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
    # The system's authorities take some 20 ms to read, in which no event would be delivered.
    tls = await asyncio.to_thread(client_context)
    for _ in range(1 + MAX_REDIRECTS):
        async with session.get(url, allow_redirects=False, ssl=tls) as response:
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
