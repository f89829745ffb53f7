"""An SQS endpoint without a socket: what the client is told by the SDK, and what carries its requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from queuecast_poller.sqs.client import Client
from queuecast_poller.sqs.credentials import Access
from queuecast_poller.sqs.response import Response

URL = "https://sqs.eu-west-1.amazonaws.com"


@dataclass(frozen=True)
class Keys:
    """Credentials, and where they come from: they never expire."""

    access_key: str = "AKID"
    secret_key: str = "secret"
    token: str | None = None

    async def get_frozen_credentials(self) -> "Keys":
        return self


class FakeEndpoint:
    """Gives one answer to everything, or raises it, and keeps what it was asked."""

    def __init__(self, answer: dict[str, Any] | Response | Exception) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}
        self.headers: list[Mapping[str, str]] = []
        self.closed = 0

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        self.asked = json.loads(body)
        self.headers.append(headers)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, Response):
            return self.answer
        return Response(200, {}, json.dumps(self.answer).encode())

    async def close(self) -> None:
        self.closed += 1

    def client(self, queue: str = "orders") -> Client:
        """Return a client that calls it."""

        async def find() -> Access:
            return Access(URL, "eu-west-1", Keys(), None, public=True)

        async def transport(_: Access) -> FakeEndpoint:
            return self

        return Client(queue, find, transport)


def refusal(code: str, status: int = 400, message: str = "", **headers: str) -> Response:
    """Return SQS's reply that refuses a request."""
    body = {"__type": f"com.amazonaws.sqs#{code}", "message": message}
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )
