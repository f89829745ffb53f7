"""Passwords for ElastiCache and MemoryDB that are tokens of AWS IAM: a new one for each connection.

A token is a request, without its scheme, that AWS's Signature Version 4 has signed. It lives for 15 minutes,
and the connection that it opened for 12 hours. It is made here, without a call to AWS, from the AWS SDK's
credentials, which the SDK renews.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
https://docs.aws.amazon.com/memorydb/latest/devguide/auth-iam.html
"""

import asyncio
import os
import re
from dataclasses import dataclass
from typing import Any

from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as ConnectionLost

LIFETIME_SECONDS = 900
"""As long as AWS accepts a token at most."""

KINDS = {"elasticache": "elasticache", "elasticache-serverless": "elasticache", "memorydb": "memorydb"}
"""The kinds of caches, and the name of the service with which a token for each is signed."""

EXTRA = "it needs botocore: build the image with --build-arg IAM=1, or pip install queuecast-bus[iam]"


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache as its owner named it: for ElastiCache the replication group or the serverless cache, for
    MemoryDB the cluster.
    """

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Cache":
        """Read `kind:name`. Raises `ValueError`."""
        kind, _, name = text.partition(":")
        if kind not in KINDS:
            raise ValueError(f"expected KIND:NAME, and one of {', '.join(KINDS)} as the kind")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise ValueError(f"{name!r} is no name of a cache: lower-case letters, digits and hyphens")
        return cls(kind, name)

    def query(self, user: str) -> dict[str, str]:
        """Return the parameters of the request that is signed for a user."""
        serverless = {"ResourceType": "ServerlessCache"} if self.kind == "elasticache-serverless" else {}
        return {"Action": "connect", "User": user, **serverless}


class IamTokens(CredentialProvider):
    """Gives each new connection a token of its own for one user of a cache."""

    def __init__(self, cache: Cache, user: str | None = None) -> None:
        self._cache = cache
        self._user = user or ""
        self._credentials: Any = None
        self._making: asyncio.Future[tuple[str, str]] | None = None

    async def get_credentials_async(self) -> tuple[str, str]:
        """Return the user and a token. Raises redis-py's `ConnectionError` if there are no credentials.

        In a thread: the SDK may have to ask a service of AWS for new credentials, and waits for it. While it
        does, there is one thread, and not one for each try to connect.
        """
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(asyncio.to_thread(self.get_credentials))
            self._making.add_done_callback(lambda made: made.cancelled() or made.exception())
        return await asyncio.shield(self._making)

    def get_credentials(self) -> tuple[str, str]:
        """Do the same at once."""
        from botocore.exceptions import BotoCoreError  # only where it is installed and used

        try:
            return self._user, self._token()
        except (BotoCoreError, OSError, ValueError) as exc:
            what = f"no IAM token for {self._user} at {self._cache.name}"
            raise ConnectionLost(f"{what}: {type(exc).__name__}: {exc}") from exc

    def _token(self) -> str:
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        if self._credentials is None:
            self._credentials = _session().get_credentials()
        if self._credentials is None:
            raise ValueError("the AWS SDK finds no credentials")
        cache = self._cache
        request = AWSRequest("GET", f"http://{cache.name}/", params=cache.query(self._user))
        signer = SigV4QueryAuth(
            self._credentials.get_frozen_credentials(), KINDS[cache.kind], region(), LIFETIME_SECONDS
        )
        signer.add_auth(request)
        signed: str = request.url
        return signed.removeprefix("http://")


def region() -> str:
    """Return the region from the environment or the AWS SDK's profile.

    Raises `ValueError` if there is none, or no SDK.
    """
    # botocore itself reads only the second one, and AWS's platforms set the first one.
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    found = found or _session().get_config_variable("region")
    if not found:
        raise ValueError("no region is configured: set AWS_REGION")
    return str(found)


def check_sdk() -> None:
    """Raise `ValueError` if tokens could not be made here: without the SDK, or without a region."""
    _session()
    region()


def _session() -> Any:
    try:
        from botocore.session import get_session
    except ImportError:
        raise ValueError(EXTRA) from None
    return get_session()
