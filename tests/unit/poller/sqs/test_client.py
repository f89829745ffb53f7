import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
import yarl
from botocore import exceptions as sdk_errors
from multidict import CIMultiDict, CIMultiDictProxy
from tests.unit.endpoint import URL, Keys, refusal
from tests.unit.fakes import FakeClock

from queuecast_edge.environment import SettingsError
from queuecast_poller.sqs.client import RENEW_SECONDS, Client
from queuecast_poller.sqs.credentials import Access
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable
from queuecast_poller.sqs.response import Garbled, Response

EXPIRED = refusal("ExpiredTokenException", 403)
THROTTLED = refusal("RequestThrottled")
FINE = Response(200, {}, b"{}")
NOON = 1_795_953_600.0
"""2026-11-29T12:00:00Z."""


class FakeSdk:
    """Finds credentials: a new key each time; or fails with the given errors."""

    def __init__(self) -> None:
        self.lookups = 0
        self.errors: list[Exception] = []
        self.access = Access(URL, "eu-west-1", Keys(), None, public=True)

    async def __call__(self) -> Access:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.lookups += 1
        if self.access.credentials is None:
            return self.access
        return Access(URL, "eu-west-1", Keys(f"KEY{self.lookups}"), None, public=True)


class Wire:
    """Gives the given answers in turn and keeps the headers. A future is awaited."""

    def __init__(self) -> None:
        self.answers: list[Response | Exception | asyncio.Future[Response]] = []
        self.headers: list[Mapping[str, str]] = []
        self.opened = 0
        self.closed = 0
        self.posted = asyncio.Event()

    async def open(self, _: Access) -> "Wire":
        self.opened += 1
        return self

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Response:
        self.headers.append(headers)
        self.posted.set()
        answer = self.answers.pop(0) if self.answers else FINE
        if isinstance(answer, asyncio.Future):
            return await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1

    @property
    def keys(self) -> list[str]:
        """Return the access keys of all requests."""
        return [
            headers["authorization"].partition("Credential=")[2].partition("/")[0] for headers in self.headers
        ]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sdk() -> FakeSdk:
    return FakeSdk()


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(sdk: FakeSdk, wire: Wire, clock: FakeClock) -> Client:
    return Client("orders", sdk, wire.open, clock, lambda: NOON)


async def call(client: Client) -> dict[str, Any] | Failure:
    """Make a call; return its answer, or why it failed."""
    try:
        return await client.call(Call.RECEIVE, "ReceiveMessage", {}, 10)
    except QueueUnavailable as exc:
        return exc.reason


async def test_the_sdk_is_asked_once_and_one_connection_pool_is_kept(
    client: Client, sdk: FakeSdk, wire: Wire
) -> None:
    """Asking the SDK takes longer than most calls."""
    await asyncio.gather(*(call(client) for _ in range(5)))
    wire.answers = [THROTTLED]
    assert await call(client) is Failure.THROTTLED
    assert (sdk.lookups, wire.opened) == (1, 1)
    await client.close()
    assert wire.closed == 1


async def test_credentials_that_were_refused_are_looked_up_anew(
    client: Client, wire: Wire, clock: FakeClock
) -> None:
    """Only a new session reads a file again that something else has rewritten, without a restart."""
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    wire.answers = [EXPIRED]
    assert [await call(client), await call(client)] == [Failure.CREDENTIALS, {}]
    assert wire.keys == ["KEY1", "KEY1", "KEY2"]
    assert wire.opened == 1


async def test_credentials_are_not_looked_up_in_a_hurry(
    client: Client, sdk: FakeSdk, wire: Wire, clock: FakeClock
) -> None:
    """While none work, every try would pay for a lookup."""
    wire.answers = [EXPIRED] * 20
    for _ in range(10):
        await call(client)
    clock.pass_by(RENEW_SECONDS)
    for _ in range(10):
        await call(client)
    assert sdk.lookups == 2


async def test_a_refusal_of_the_old_key_does_not_forget_the_new_one(
    client: Client, sdk: FakeSdk, wire: Wire, clock: FakeClock
) -> None:
    """The new one may be valid."""
    going_on: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    wire.answers = [going_on, EXPIRED]
    polling = asyncio.create_task(call(client))
    await wire.posted.wait()
    clock.pass_by(RENEW_SECONDS)
    await call(client)
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    going_on.set_result(EXPIRED)
    assert await polling is Failure.CREDENTIALS
    await call(client)
    assert wire.keys == ["KEY1", "KEY1", "KEY2", "KEY2"]


async def test_many_calls_that_are_refused_at_once_ask_once(
    client: Client, sdk: FakeSdk, wire: Wire, clock: FakeClock
) -> None:
    """Each receive and delete of a busy queue is refused."""
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    wire.answers = [EXPIRED] * 8
    await asyncio.gather(*(call(client) for _ in range(8)))
    await asyncio.gather(*(call(client) for _ in range(8)))
    assert sdk.lookups == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (THROTTLED, Failure.THROTTLED),
        (Response(502, {}, b"<html>bad gateway</html>"), Failure.SERVER_ERROR),
        (Response(301, {"location": "http://elsewhere.example/"}, b""), Failure.OTHER),
        (Response(200, {}, b'{"Messages": [{"Bo'), Failure.GARBLED),
        (sdk_errors.ReadTimeoutError(endpoint_url="x"), Failure.TIMEOUT),
        (sdk_errors.ConnectTimeoutError(endpoint_url="x"), Failure.TIMEOUT),
        (aiohttp.ServerTimeoutError("slow"), Failure.TIMEOUT),
        (TimeoutError("slow"), Failure.TIMEOUT),
        (sdk_errors.EndpointConnectionError(endpoint_url="x"), Failure.CONNECTION),
        (aiohttp.ServerDisconnectedError(), Failure.CONNECTION),
        (aiohttp.ClientPayloadError("cut off"), Failure.CONNECTION),
        (ConnectionResetError("reset"), Failure.CONNECTION),
        (
            aiohttp.ClientHttpProxyError(
                aiohttp.RequestInfo(yarl.URL(URL), "POST", CIMultiDictProxy(CIMultiDict()), yarl.URL(URL)),
                (),
                status=407,
            ),
            Failure.CONNECTION,
        ),
        (
            aiohttp.ClientResponseError(
                aiohttp.RequestInfo(yarl.URL(URL), "POST", CIMultiDictProxy(CIMultiDict()), yarl.URL(URL)),
                (),
                status=400,
                message="Bad status line",
            ),
            Failure.GARBLED,
        ),
        (EXPIRED, Failure.CREDENTIALS),
        (sdk_errors.NoCredentialsError(), Failure.CREDENTIALS),
        (sdk_errors.CredentialRetrievalError(provider="x", error_msg="y"), Failure.CREDENTIALS),
        (sdk_errors.ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole"), Failure.CREDENTIALS),
        (Garbled("no JSON"), Failure.GARBLED),
        (sdk_errors.UnknownKeyError(value="x", param="y", choices="z"), Failure.OTHER),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception | Response) else str(value),
)
async def test_every_failure_is_one_kind_with_a_reason(
    client: Client, wire: Wire, answer: Any, reason: Failure
) -> None:
    """The intake waits all of them out; metrics have the reason, and the log the queue."""
    wire.answers = [answer]
    with pytest.raises(QueueUnavailable, match=rf"receive \(orders\): {reason}: ") as caught:
        await client.call(Call.RECEIVE, "ReceiveMessage", {}, 10)
    assert caught.value.reason is reason


async def test_a_call_that_hangs_is_given_up(client: Client, wire: Wire) -> None:
    """A silent peer would block it for ever."""
    await call(client)
    wire.answers = [asyncio.get_running_loop().create_future()]
    with pytest.raises(QueueUnavailable) as caught:
        await client.call(Call.DELETE, "DeleteMessageBatch", {}, 0)
    assert (caught.value.call, caught.value.reason) == (Call.DELETE, Failure.TIMEOUT)


async def test_credentials_that_cannot_be_found_are_a_failed_call(client: Client, sdk: FakeSdk) -> None:
    """They may come from a service that is unavailable."""
    sdk.errors = [sdk_errors.CredentialRetrievalError(provider="x", error_msg="y")]
    assert [await call(client), await call(client)] == [Failure.CREDENTIALS, {}]


@pytest.mark.parametrize(
    "error",
    [
        sdk_errors.NoRegionError(),
        sdk_errors.InvalidRegionError(region_name="us east"),
        sdk_errors.ProfileNotFound(profile="typo"),
        ValueError("Invalid endpoint: localhost:4566"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_sdk_that_is_configured_wrongly_is_a_wrong_setting(
    client: Client, sdk: FakeSdk, error: Exception
) -> None:
    """Time does not mend it, and retrying for ever would hide it."""
    sdk.errors = [error]
    with pytest.raises(SettingsError, match="orders"):
        await call(client)


async def test_a_configuration_that_breaks_later_is_waited_out(
    client: Client, sdk: FakeSdk, wire: Wire, clock: FakeClock
) -> None:
    """Somebody is editing the file, and a running poller goes on."""
    await call(client)
    clock.pass_by(RENEW_SECONDS)
    wire.answers = [EXPIRED]
    sdk.errors = [sdk_errors.ConfigParseError(path="credentials", error="x")]
    assert [await call(client) for _ in range(3)] == [Failure.CREDENTIALS, Failure.CREDENTIALS, {}]


async def test_without_credentials_an_emulator_is_asked_unsigned_and_aws_is_not_asked(
    client: Client, sdk: FakeSdk, wire: Wire
) -> None:
    """An emulator needs none; AWS would refuse the call, with a less helpful message."""
    sdk.access = Access("http://127.0.0.1:9324", "us-east-1", None, None, public=False)
    assert await call(client) == {}
    assert "authorization" not in wire.headers[0]
    other = Client("orders", sdk, wire.open)
    sdk.access = Access(URL, "us-east-1", None, None, public=True)
    assert await call(other) is Failure.CREDENTIALS
    assert len(wire.headers) == 1


async def test_a_clock_that_is_wrong_is_corrected_by_the_one_of_sqs(client: Client, wire: Wire) -> None:
    """SQS refuses a signature older than five minutes, and a poller cannot set the host's clock."""
    late = refusal("InvalidSignatureException", 403, date="Sun, 29 Nov 2026 12:10:00 GMT")
    wire.answers = [late]
    assert [await call(client), await call(client)] == [Failure.CREDENTIALS, {}]
    assert [headers["x-amz-date"] for headers in wire.headers] == ["20261129T120000Z", "20261129T121000Z"]
    assert wire.keys == ["KEY1", "KEY1"]


@pytest.mark.parametrize("date", ["Sun, 29 Nov 2026 12:00:30 GMT", "yesterday", ""])
async def test_a_clock_that_is_right_stays(client: Client, wire: Wire, date: str) -> None:
    """Otherwise every refused key would move it by the time that the answer took."""
    wire.answers = [refusal("InvalidSignatureException", 403, date=date)]
    await call(client)
    await call(client)
    assert [headers["x-amz-date"] for headers in wire.headers] == ["20261129T120000Z"] * 2


async def test_a_mistake_of_our_own_is_not_taken_for_sqs(client: Client, wire: Wire) -> None:
    """Waited out for ever, a bug would look like an outage."""
    wire.answers = [KeyError("bug")]
    with pytest.raises(KeyError):
        await call(client)


async def test_a_request_says_what_is_asked_as_whom(client: Client, wire: Wire) -> None:
    """SQS goes by the target, and accepts a signature only with the headers that it names."""
    await client.call(Call.DELETE, "DeleteMessageBatch", json.dumps({"a": 1}).encode(), 10)
    (headers,) = wire.headers
    assert headers["x-amz-target"] == "AmazonSQS.DeleteMessageBatch"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert "/20261129/eu-west-1/sqs/aws4_request" in headers["authorization"]
