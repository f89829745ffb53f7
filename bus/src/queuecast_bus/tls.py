"""TLS to Redis and its sentinels: what a URL may say about it, and a limit to its handshake."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection

TLS_SCHEMES = ("rediss", "valkeys", "rediss+sentinel", "valkeys+sentinel")
TLS_PARAMETERS = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
    "ssl_cert_reqs",
)
"""What the query of a URL with TLS may say, in redis-py's words. Whatever else redis-py reads there would
change how the bus waits and tries again, or which types it gets."""

HANDSHAKE_SECONDS = 2.0
"""How long a TLS handshake may take: a server without TLS waits for the rest of it for ever. Shorter than
`connection.ANSWER_SECONDS`, so that the log says which of the two it was."""


def tls_options(query: str) -> dict[str, Any]:
    """Return a query's parameters as redis-py wants them, without a URL around them."""
    options = {name: URL_QUERY_ARGUMENT_PARSERS.get(name, str)(value) for name, value in parse_qsl(query)}
    return {"ssl": True, **options}


class Tls(SSLConnection):
    """A connection with TLS whose handshake has a limit of its own, and that sees renewed certificates."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        # A connection that is made again would use what it has read at first, until the process ends.
        self.ssl_context.context = None
        return {**super()._connection_arguments(), "ssl_handshake_timeout": HANDSHAKE_SECONDS}


class TlsToPrimary(SentinelManagedConnection, Tls):
    """The same, to the server that the sentinels name."""
