import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from botocore import exceptions as sdk_errors
from tests.unit.fakes import FakeClock

from queuecast_poller.client import RENEW_SECONDS, Client, Garbled, refuse_garbage
from queuecast_poller.failure import Call, Failure, QueueUnavailable

EXPIRED = sdk_errors.ClientError({"Error": {"Code": "ExpiredToken"}}, "ReceiveMessage")
THROTTLED = sdk_errors.ClientError({"Error": {"Code": "RequestThrottled"}}, "ReceiveMessage")


class FakeSdk:
    """Makes clients of the SDK, which are numbers, and remembers which of them were closed."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed: list[int] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[int]:
        number = len(self.made)
        self.made.append(number)
        await asyncio.sleep(0)
        yield number
        self.closed.append(number)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sdk() -> FakeSdk:
    return FakeSdk()


@pytest.fixture
def client(sdk: FakeSdk, clock: FakeClock) -> Client:
    return Client("orders", sdk, clock)


async def call(client: Client, error: Exception | None = None) -> int:
    """Do a call that fails with `error`, if any; return which client it was lent."""
    lent = -1
    try:
        async with client.calling(Call.RECEIVE, 10) as sdk:
            lent = sdk
            if error is not None:
                raise error
    except QueueUnavailable:
        assert error is not None
    return lent


async def test_one_client_is_made_and_kept(client: Client, sdk: FakeSdk) -> None:
    """One per call leaks memory and sockets, and takes longer than most calls."""
    assert await asyncio.gather(*(call(client) for _ in range(5))) == [0] * 5
    await call(client, THROTTLED)
    assert sdk.made == [0]
    await client.close()
    assert sdk.closed == [0]


async def test_a_client_whose_credentials_were_refused_is_made_anew(
    client: Client, sdk: FakeSdk, clock: FakeClock
) -> None:
    """Only a new one reads the file again that something else has rewritten; nobody restarts the poller."""
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    assert [await call(client, EXPIRED), await call(client)] == [0, 1]
    assert sdk.closed == [0]


async def test_clients_are_not_made_in_a_hurry(client: Client, sdk: FakeSdk, clock: FakeClock) -> None:
    """While no credentials help, every try would pay for a new one."""
    for _ in range(10):
        await call(client, EXPIRED)
    clock.pass_by(RENEW_SECONDS)
    for _ in range(10):
        await call(client, EXPIRED)
    assert sdk.made == [0, 1]


async def test_a_client_is_closed_when_its_last_call_is_over(
    client: Client, sdk: FakeSdk, clock: FakeClock
) -> None:
    """A long poll that is cut off may have been handed messages already."""
    going_on = asyncio.Event()

    async def long_poll() -> None:
        async with client.calling(Call.RECEIVE, 10):
            await going_on.wait()

    await call(client)
    polling = asyncio.create_task(long_poll())
    await asyncio.sleep(0)
    clock.pass_by(RENEW_SECONDS)
    await call(client, EXPIRED)
    assert [await call(client), sdk.closed] == [1, []]
    going_on.set()
    await polling
    assert sdk.closed == [0]


async def test_who_used_the_old_client_does_not_put_aside_the_new_one(
    client: Client, sdk: FakeSdk, clock: FakeClock
) -> None:
    """Its credentials may be the good ones."""
    going_on = asyncio.Event()

    async def long_poll() -> None:
        async with client.calling(Call.RECEIVE, 10):
            await going_on.wait()
            raise EXPIRED

    await call(client)
    polling = asyncio.create_task(long_poll())
    await asyncio.sleep(0)
    clock.pass_by(RENEW_SECONDS)
    await call(client, EXPIRED)
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    going_on.set()
    with pytest.raises(QueueUnavailable):
        await polling
    assert await call(client) == 1
    assert sdk.closed == [0]


async def test_many_calls_that_are_refused_at_once_make_one_client(
    client: Client, sdk: FakeSdk, clock: FakeClock
) -> None:
    """Each receive and delete of a busy queue hears of it."""
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    await asyncio.gather(*(call(client, EXPIRED) for _ in range(8)))
    await asyncio.gather(*(call(client) for _ in range(8)))
    assert sdk.made == [0, 1]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (THROTTLED, Failure.THROTTLED),
        (
            sdk_errors.ClientError({"ResponseMetadata": {"HTTPStatusCode": 502}}, "ReceiveMessage"),
            Failure.SERVER_ERROR,
        ),
        (sdk_errors.ReadTimeoutError(endpoint_url="x"), Failure.TIMEOUT),
        (sdk_errors.ConnectTimeoutError(endpoint_url="x"), Failure.TIMEOUT),
        (aiohttp.ServerTimeoutError("slow"), Failure.TIMEOUT),
        (TimeoutError("slow"), Failure.TIMEOUT),
        (sdk_errors.EndpointConnectionError(endpoint_url="x"), Failure.CONNECTION),
        (sdk_errors.ConnectionClosedError(endpoint_url="x"), Failure.CONNECTION),
        (aiohttp.ClientPayloadError("cut off"), Failure.CONNECTION),
        (ConnectionResetError("reset"), Failure.CONNECTION),
        (EXPIRED, Failure.CREDENTIALS),
        (sdk_errors.NoCredentialsError(), Failure.CREDENTIALS),
        (sdk_errors.CredentialRetrievalError(provider="x", error_msg="y"), Failure.CREDENTIALS),
        (Garbled("no JSON"), Failure.GARBLED),
        (sdk_errors.ParamValidationError(report="x"), Failure.OTHER),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_every_failure_is_one_kind_with_a_reason(
    client: Client, error: Exception, reason: Failure
) -> None:
    """The intake waits them all out; the metrics say which it was, and the log of which queue."""
    with pytest.raises(QueueUnavailable, match=rf"receive \(orders\): {reason}: ") as caught:
        async with client.calling(Call.RECEIVE, 10):
            raise error
    assert caught.value.reason is reason
    assert caught.value.__cause__ is error


async def test_a_call_that_hangs_is_given_up(client: Client) -> None:
    """A peer that says nothing more would hold it for ever."""
    with pytest.raises(QueueUnavailable) as caught:
        async with client.calling(Call.DELETE, 0):
            await asyncio.Event().wait()
    assert (caught.value.call, caught.value.reason) == (Call.DELETE, Failure.TIMEOUT)


async def test_a_client_that_cannot_be_made_is_a_failed_call() -> None:
    """Credentials may come from a service that is away."""

    @asynccontextmanager
    async def make() -> AsyncIterator[Any]:
        raise sdk_errors.CredentialRetrievalError(provider="x", error_msg="y")
        yield

    with pytest.raises(QueueUnavailable) as caught:
        async with Client("orders", make).calling(Call.OPEN, 10):
            pass
    assert caught.value.reason is Failure.CREDENTIALS


async def test_a_mistake_of_our_own_is_not_taken_for_sqs(client: Client) -> None:
    """Waited out for ever, a bug would look like an outage."""
    with pytest.raises(KeyError):
        await call(client, KeyError("bug"))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Messages": []}'])
def test_an_answer_is_a_json_object(body: bytes) -> None:
    """Or nothing at all, where there is nothing to say."""
    answer = {"status_code": 200, "body": body}
    refuse_garbage(answer, parsed=None)
    assert answer["body"] == body


@pytest.mark.parametrize("body", [b'{"Messages": [{"Bo', b"<html>hello</html>", b"[]", b"\xff"])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    """The SDK takes it for an empty one: no messages, although some may have been handed out."""
    with pytest.raises(Garbled):
        refuse_garbage({"status_code": 200, "body": body})


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[]", b'"x"', b"\xff"])
def test_an_error_page_of_somebody_else_is_an_error_by_its_status(body: bytes) -> None:
    """The SDK fails on some of them with an error that is none of its own, which would end the poller."""
    answer = {"status_code": 502, "body": body}
    refuse_garbage(answer)
    assert answer["body"] == b""


def test_an_error_of_sqs_is_left_as_it_is() -> None:
    """Its code says more than its status."""
    answer = {"status_code": 400, "body": b'{"__type": "com.amazonaws.sqs#OverLimit"}'}
    refuse_garbage(answer)
    assert answer["body"]
