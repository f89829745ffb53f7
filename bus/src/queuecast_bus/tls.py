"""TLS to Redis and its sentinels: the parameters of a URL, and a timeout for the handshake."""

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from redis.asyncio.connection import URL_QUERY_ARGUMENT_PARSERS, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection

from queuecast_bus.lookup import ByAddress

TLS_SCHEMES = (
    *("rediss", "valkeys", "rediss+sentinel", "valkeys+sentinel"),
    *("rediss+cluster", "valkeys+cluster"),
)
TLS_PARAMETERS = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_check_hostname",
    "ssl_cert_reqs",
)
"""The parameters that a URL with TLS may have, with redis-py's names. Its other parameters would change
timeouts, retries, or the types of answers."""

HANDSHAKE_SECONDS = 2.0
"""How long a TLS handshake may take. A server without TLS would wait for its end for ever. It is shorter than
`connection.ANSWER_SECONDS`, so that the log says which of the two was exceeded."""


def tls_options(query: str) -> dict[str, Any]:
    """Return a URL's query as redis-py's connection options."""
    given = [(name, value) for name, value in parse_qsl(query) if name in TLS_PARAMETERS]
    options = {name: URL_QUERY_ARGUMENT_PARSERS.get(name, str)(value) for name, value in given}
    return {"ssl": True, **options}


class Tls(ByAddress, SSLConnection):
    """A TLS connection whose handshake has a timeout of its own, and that reads renewed certificates.

    Unlike Python's default since 3.13, it does not require the server's authority to follow RFC 5280 to the
    letter: private ones often lack a key usage. Chain and host name are verified all the same.
    """

    def __init__(self, **options: Any) -> None:
        # Where redis-py makes the pool by itself, it passes this option, as None.
        super().__init__(**{**options, "ssl_exclude_verify_flags": [ssl.VERIFY_X509_STRICT]})

    def _connection_arguments(self) -> Mapping[str, Any]:
        # Otherwise a reconnect would use the certificates that were read first, until the process ends.
        self.ssl_context.context = None
        return {**super()._connection_arguments(), "ssl_handshake_timeout": HANDSHAKE_SECONDS}


class TlsToPrimary(SentinelManagedConnection, Tls):
    """The same, to the primary that the sentinels name."""
