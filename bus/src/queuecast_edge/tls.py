"""TLS to servers whose certificates a private authority signed, as those of clusters and companies are.

From Python 3.13 on, a default context demands of an authority all that RFC 5280 does, such as a key usage.
Many private authorities lack that, Kubernetes' own among them. Chain and host name are verified all the same.
https://docs.python.org/3/whatsnew/3.13.html#ssl
"""

import ssl


def client_context(authorities: str | None = None) -> ssl.SSLContext:
    """Return a context for connecting to a server, which trusts the authorities in a file, or the system's.

    Raises `OSError` if the file cannot be read.
    """
    return lenient(ssl.create_default_context(cafile=authorities))


def lenient(context: ssl.SSLContext) -> ssl.SSLContext:
    """Take the strictness about authorities out of a context, and return it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
