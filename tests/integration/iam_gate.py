"""A server that asks for tokens of AWS IAM, as ElastiCache does: it checks them and leads to a real Redis.

The signature is computed anew here, without the AWS SDK:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import asyncio
import contextlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlsplit

from .services import HOST

LIFETIME = timedelta(minutes=15)
REGION = "eu-central-1"


class Refused(Exception):
    """Why a token is not accepted."""


class IamGate:
    """Lets a user in at this cache whose token is signed with one of `secrets`, by their access keys.

    `refused` are the reasons so far. Each connection sends AUTH first. It then goes on to Redis as `user`,
    with `password`.
    """

    def __init__(self, redis: int, user: str, password: str, cache: str, service: str) -> None:
        self.secrets: dict[str, str] = {}
        self.refused: list[str] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._redis = redis
        self._user, self._password = user, password
        self._cache, self._service = cache, service
        self._links: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def check(self, user: str, token: str) -> None:
        """Raise `Refused` unless AWS would accept this token."""
        parts = urlsplit(f"http://{token}")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = query.pop("X-Amz-Signature", "")
        access_key, day, region, service, _ = query["X-Amz-Credential"].split("/")
        wanted = {"Action": "connect", "User": self._user, "X-Amz-SignedHeaders": "host"}
        if (parts.netloc, user) != (self._cache, self._user) or not wanted.items() <= query.items():
            raise Refused("it is for another cache, user or action")
        if (region, service) != (REGION, self._service):
            raise Refused("it is for another region or service")
        began = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if not began - LIFETIME <= self.clock() <= began + timedelta(seconds=int(query["X-Amz-Expires"])):
            raise Refused("it has expired")
        if access_key not in self.secrets:
            raise Refused("its access key is unknown")
        text = "&".join(f"{quote(name, safe='')}={quote(query[name], safe='')}" for name in sorted(query))
        empty = sha256(b"").hexdigest()
        request = f"GET\n/\n{text}\nhost:{parts.netloc}\n\nhost\n{empty}"
        scope = f"{day}/{region}/{service}/aws4_request"
        hashed = sha256(request.encode()).hexdigest()
        key = f"AWS4{self.secrets[access_key]}".encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        if _hmac(key, f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}").hex() != signature:
            raise Refused("its signature is wrong")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._let_in(reader, writer)
        finally:
            self._links.discard(task)
            writer.close()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, user, token = await _command(reader)
        assert name == "AUTH", name
        try:
            self.check(user, token)
        except Refused as exc:
            self.refused.append(str(exc))
            writer.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection(HOST, self._redis)
        try:
            far_writer.write(_packed("AUTH", self._user, self._password))
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _command(reader: asyncio.StreamReader) -> list[str]:
    """Read one command in Redis's protocol."""
    count = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(count):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2].decode())
    return words


def _packed(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
