"""Payloads in S3, from a scripted client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from queuecast_poller.judge.payloads import NoPayload, S3Payloads
from queuecast_poller.unwrap import Pointer

PLACE = Pointer("big", "k")


class Body:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.closed = False

    async def __aenter__(self) -> "Body":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def read(self, most: int) -> bytes:
        return self.data[:most]


class Client:
    """The part of the SDK's client that is used: it answers, raises, or never ends."""

    def __init__(self, answer: bytes | Exception | None, length: int | None = None) -> None:
        self.answer = answer
        self.length = length
        self.requests: list[dict[str, str]] = []
        self.made = self.closed = 0
        self.body = Body(answer if isinstance(answer, bytes) else b"")

    @asynccontextmanager
    async def make(self) -> AsyncIterator["Client"]:
        self.made += 1
        yield self
        self.closed += 1

    async def get_object(self, **request: str) -> dict[str, Any]:
        self.requests.append(request)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": self.body, "ContentLength": self.body.data and (self.length or len(self.body.data))}


def payloads(client: Client, seconds: float = 5) -> S3Payloads:
    return S3Payloads(10, seconds, client.make)


async def test_a_payload_is_fetched_from_its_bucket_with_one_client() -> None:
    """Making one takes longer than a fetch; without pointers there is none."""
    client = Client(b'{"a":1}')
    fetching = payloads(client)
    assert client.made == 0
    assert [await fetching.fetch(PLACE), await fetching.fetch(PLACE)] == ['{"a":1}'] * 2
    assert client.requests == [{"Bucket": "big", "Key": "k"}] * 2
    assert client.body.closed
    await fetching.aclose()
    assert (client.made, client.closed) == (1, 1)


@pytest.mark.parametrize("key", ["../secrets/k", "a/../../secrets/k", "./k", ".."])
async def test_a_key_does_not_lead_out_of_its_bucket(key: str) -> None:
    """A message must not choose another bucket, whatever resolves paths between the poller and the object."""
    client = Client(b"1")
    with pytest.raises(NoPayload, match="another bucket"):
        await payloads(client).fetch(Pointer("big", key))
    assert client.requests == []


@pytest.mark.parametrize("length", [None, 1])
async def test_a_payload_of_the_largest_size_is_fetched_and_a_larger_one_is_not(length: int | None) -> None:
    """Whatever length S3 reports."""
    assert await payloads(Client(b"x" * 10, length)).fetch(PLACE) == "x" * 10
    with pytest.raises(NoPayload, match="larger than 10 bytes"):
        await payloads(Client(b"x" * 11, length)).fetch(PLACE)


async def test_a_payload_that_does_not_come_in_time_is_given_up() -> None:
    """The other messages of its batch wait for it."""
    with pytest.raises(NoPayload, match=r"not fetched within 0\.01 s"):
        await payloads(Client(None), seconds=0.01).fetch(PLACE)


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "NoSuchKey", "Message": "gone"}}, "GetObject"),
        ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"),
        EndpointConnectionError(endpoint_url="https://s3"),
        NoCredentialsError(),
        ConnectionResetError("reset"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_payload_that_s3_does_not_give_is_said_to_be_missing(failure: Exception) -> None:
    """Any other exception would end the queue's loop."""
    with pytest.raises(NoPayload, match=type(failure).__name__):
        await payloads(Client(failure)).fetch(PLACE)


async def test_a_key_that_fits_into_no_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON can hold half a surrogate pair, which the SDK cannot encode: it raises before it connects."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    fetching = S3Payloads(10, 5)
    with pytest.raises(NoPayload, match="UnicodeEncodeError"):
        await fetching.fetch(Pointer("big", "\ud800"))
    await fetching.aclose()


async def test_a_payload_that_is_no_text_is_refused() -> None:
    """A body is JSON."""
    with pytest.raises(NoPayload, match="UTF-8"):
        await payloads(Client(b"\xff")).fetch(PLACE)
