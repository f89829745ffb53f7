"""Sends requests over HTTP: one aiohttp session per queue, with the SDK's certificates and proxies.

It knows nothing of SQS. It follows no redirect, which would take the request, with its session token, to
another server.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from botocore.httpsession import ProxyConfiguration, create_urllib3_context, get_cert_path
from botocore.utils import get_environ_proxies
from yarl import URL

from queuecast_edge.tls import lenient
from queuecast_poller.sqs.response import Garbled, Response

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 12.0
"""SQS closes a connection after 20 s without a request. One that is about to be closed must not be used."""

MAX_ANSWER_BYTES = 64 * 1_048_576
"""More than ten messages of 1 MiB each, in which JSON takes six bytes for every byte. A longer answer is not
SQS's."""

_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Transport:
    """Posts to one endpoint. It must be made in the loop that uses it."""

    def __init__(self, url: str, context: ssl.SSLContext, most_connections: int) -> None:
        proxies = ProxyConfiguration(proxies=get_environ_proxies(url))
        self._url = URL(url if urlsplit(url).path else f"{url}/", encoded=True)
        self._proxy = proxies.proxy_url_for(url)
        self._proxy_headers = proxies.proxy_headers_for(url) if self._proxy else None
        self._session = ClientSession(
            connector=TCPConnector(
                # A connection for each call that can be under way, or deletes would queue behind long polls.
                limit=most_connections,
                ssl=context,
                keepalive_timeout=KEEPALIVE_SECONDS,
            ),
            # The caller knows how long an answer may take.
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_OWN_HEADERS,
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Return the whole response.

        Raises aiohttp's `ClientError`, `OSError`, and `Garbled` if the response is too long.
        """
        response = await self._session.post(
            self._url,
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )
        try:
            return Response(response.status, response.headers, await _bounded(response))
        finally:
            # Only a connection whose response was read to its end can be used again.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def open_transport(url: str, ca_bundle: str | None, most_connections: int) -> Transport:
    """Return a transport in the running loop. It reads the certificates in another thread."""
    return Transport(url, await asyncio.to_thread(_tls_context, ca_bundle), most_connections)


def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust what the SDK trusts: the configured file or directory, or the one that the SDK brings along."""
    context = lenient(create_urllib3_context())
    context.check_hostname = True
    context.load_verify_locations(get_cert_path(ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True))
    return context


async def _bounded(response: ClientResponse) -> bytes:
    length = response.content_length
    if length is not None and length <= MAX_ANSWER_BYTES:
        return await response.content.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Garbled(f"more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)
