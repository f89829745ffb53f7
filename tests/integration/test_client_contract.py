"""One suite for our SQS client and for the SDK's: with the same servers they ask and fail alike.

They differ in two points: ours follows no redirect, and does not take an invalid answer for an empty one.
"""

import asyncio
import json
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import web
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
    SSLError,
)

from queuecast_local import sqs
from queuecast_poller.sqs.client import Client
from queuecast_poller.sqs.credentials import Access, find_access
from queuecast_poller.sqs.failure import Call, Failure, QueueUnavailable, reason_of
from queuecast_poller.sqs.queue_address import parse_queue
from queuecast_poller.sqs.transport import Transport, open_transport

from . import emulators
from .emulators import Emulator, TestedQueue
from .services import HOST, free_port

Json = dict[str, Any]

SECONDS = 60
"""How long the SDK waits for an answer, as ours does."""
ALL = {"MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], "MaxNumberOfMessages": 10}


class Refusal(Exception):
    """A call failed, for this reason."""

    def __init__(self, reason: Failure) -> None:
        super().__init__(reason)
        self.reason = reason


class Ours:
    def __init__(self, queue: str, stack: AsyncExitStack) -> None:
        async def transport(access: Access) -> Transport:
            return await open_transport(access.url, access.ca_bundle, 4)

        self._client = Client(queue, lambda: find_access(parse_queue(queue)), transport)
        stack.push_async_callback(self._client.close)

    async def __call__(self, action: str, **request: Any) -> Json:
        try:
            return await self._client.call(Call.OPEN, action, request, 60)
        except QueueUnavailable as exc:
            raise Refusal(exc.reason) from exc


class Sdks:
    """The SDK's client as the poller used it; its errors get our names."""

    def __init__(self, queue: str, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._sdk: Any = None

    async def __call__(self, action: str, **request: Any) -> Json:
        if self._sdk is None:
            config = AioConfig(
                connect_timeout=5,
                read_timeout=SECONDS,
                retries={"mode": "standard", "total_max_attempts": 1},
            )
            made = get_session().create_client("sqs", config=config)
            self._sdk = await self._stack.enter_async_context(made)
        method = getattr(self._sdk, re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower())
        try:
            answer: Json = await method(**request)
        except ClientError as exc:
            status = exc.response["ResponseMetadata"]["HTTPStatusCode"]
            raise Refusal(reason_of(exc.response["Error"]["Code"], status)) from exc
        except ReadTimeoutError as exc:
            raise Refusal(Failure.TIMEOUT) from exc
        except (ConnectionClosedError, EndpointConnectionError, SSLError, HTTPClientError) as exc:
            raise Refusal(Failure.CONNECTION) from exc
        return _as_json({name: value for name, value in answer.items() if name != "ResponseMetadata"})


def _as_json(value: Any) -> Any:
    """Undo what the SDK did to bytes."""
    if isinstance(value, dict):
        return {name: _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    return b64encode(value).decode() if isinstance(value, bytes) else value


Make = Callable[..., Ours | Sdks]


@pytest.fixture(params=[Sdks, Ours], ids=["sdk", "ours"])
async def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Return a function that makes a client of either kind, with the environment of that moment."""
    for name in (
        "AWS_PROFILE",
        "AWS_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    async with AsyncExitStack() as stack:
        yield lambda queue="orders": request.param(queue, stack)


@pytest.fixture(scope="module")
def our_emulator() -> Iterator[Emulator]:
    with emulators.ours() as emulator:
        yield emulator


def leads_to(port: int, monkeypatch: pytest.MonkeyPatch, scheme: str = "http") -> None:
    """Make both clients call what listens there."""
    for name, value in sqs.environment(port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"{scheme}://{HOST}:{port}")


@pytest.fixture(params=["moto", "ours"])
def queue(
    request: pytest.FixtureRequest, our_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestedQueue]:
    """A queue on either emulator."""
    emulator = our_emulator if request.param == "ours" else Emulator(request.getfixturevalue("moto"))
    leads_to(emulator.port, monkeypatch)
    yield emulator.queue()
    our_emulator.fail()


async def test_a_message_comes_as_it_was_sent(make: Make, queue: TestedQueue) -> None:
    """The poller checks body and attributes, text and bytes, against their checksums."""
    attributes = {
        "rooms": {"DataType": "String", "StringValue": "sku:7"},
        "price": {"DataType": "Number", "StringValue": "3.50"},
        "key": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    body = '{"title": "Blåer Kessel 🫖"}'
    sent = queue.client.send_message(QueueUrl=queue.url, MessageBody=body, MessageAttributes=attributes)
    answer = await make()("ReceiveMessage", QueueUrl=queue.url, WaitTimeSeconds=1, **ALL)
    (message,) = answer["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], body)
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"]["key"]["BinaryValue"] == "AP8="
    assert message["MessageAttributes"]["price"] == attributes["price"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


async def test_an_empty_receive_is_an_answer_without_messages(make: Make, queue: TestedQueue) -> None:
    """SQS leaves the `Messages` key out."""
    assert not (await make()("ReceiveMessage", QueueUrl=queue.url, WaitTimeSeconds=0)).get("Messages")


async def test_a_batch_says_of_each_entry_what_became_of_it(make: Make, queue: TestedQueue) -> None:
    """Status 200 says nothing about the entries."""
    queue.send("a")
    (message,) = queue.receive()
    entries = [
        {"Id": "0", "ReceiptHandle": "nonsense"},
        {"Id": "1", "ReceiptHandle": message["ReceiptHandle"]},
    ]
    hidden = [{**entry, "VisibilityTimeout": 9} for entry in entries]
    call = make()
    for action, asked in (("ChangeMessageVisibilityBatch", hidden), ("DeleteMessageBatch", entries)):
        answer = await call(action, QueueUrl=queue.url, Entries=asked)
        assert [entry["Id"] for entry in answer["Successful"]] == ["1"]
        (failed,) = answer["Failed"]
        assert (failed["Id"], failed["Code"]) == ("0", "ReceiptHandleIsInvalid")


async def test_a_queue_that_is_not_there_is_missing(make: Make, queue: TestedQueue) -> None:
    """The poller distinguishes it from a network that is down."""
    with pytest.raises(Refusal) as caught:
        await make()("GetQueueUrl", QueueName="nowhere")
    assert caught.value.reason is Failure.MISSING


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "status", "status": 500}, Failure.SERVER_ERROR),
        ({"kind": "status", "status": 503, "body": "<html>busy</html>"}, Failure.SERVER_ERROR),
        ({"kind": "error", "status": 403, "code": "RequestThrottled"}, Failure.THROTTLED),
        ({"kind": "error", "status": 400, "code": "ThrottlingException"}, Failure.THROTTLED),
        ({"kind": "error", "status": 400, "code": "OverLimit"}, Failure.THROTTLED),
        ({"kind": "error", "status": 403, "code": "ExpiredToken"}, Failure.CREDENTIALS),
        ({"kind": "error", "status": 403, "code": "AccessDeniedException"}, Failure.DENIED),
        ({"kind": "error", "status": 400, "code": "KmsThrottled"}, Failure.THROTTLED),
        ({"kind": "error", "status": 400, "code": "QueueDoesNotExist"}, Failure.MISSING),
        ({"kind": "reset_before"}, Failure.CONNECTION),
        ({"kind": "reset_after"}, Failure.CONNECTION),
        ({"kind": "cut_body"}, Failure.CONNECTION),
    ],
    ids=lambda value: "-".join(map(str, dict(value).values())) if isinstance(value, dict) else value,
)
async def test_a_call_that_fails_has_one_reason(
    make: Make, our_emulator: Emulator, fault: Json, reason: Failure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metric means the same, whichever client is in use."""
    leads_to(our_emulator.port, monkeypatch)
    queue = our_emulator.queue()
    queue.send("a")
    our_emulator.fail({"action": "ReceiveMessage", "times": 1, **fault})
    call = make()
    with pytest.raises(Refusal) as caught:
        await call("ReceiveMessage", QueueUrl=queue.url)
    assert caught.value.reason is reason
    assert our_emulator.struck() == [1]
    assert "Messages" not in await call("GetQueueAttributes", QueueUrl=queue.url, AttributeNames=["All"])


@dataclass
class Recorder:
    """A server that records its requests and answers as it is told."""

    port: int
    answer: web.Response | None = None
    seen: list[tuple[str, Json, Any]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(
            (
                request.raw_path if hasattr(request, "raw_path") else request.path,
                headers,
                await request.json(),
            )
        )
        return self.answer or web.json_response({"QueueUrl": f"http://{HOST}/1/orders"})

    def scope(self) -> str:
        """The scope of the last request's signature, without the day."""
        return re.sub(
            r"/\d{8}/", "/", self.seen[-1][1]["authorization"].split("Credential=")[1].split(",")[0]
        )


async def serve(recorder: Recorder, stack: AsyncExitStack, context: ssl.SSLContext | None = None) -> Recorder:
    runner = web.ServerRunner(web.Server(recorder.handle))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, HOST, recorder.port, ssl_context=context).start()
    return recorder


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def recorder(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = await serve(Recorder(free_port()), stack)
    leads_to(recorder.port, monkeypatch)
    return recorder


async def test_a_request_is_a_signed_document(
    make: Make, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to the endpoint's path, with the target and, for temporary credentials, their token."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token/+==")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://{HOST}:{recorder.port}/sqs/")
    await make()("GetQueueUrl", QueueName="orders")
    ((path, headers, body),) = recorder.seen
    assert (path, body) == ("/sqs/", {"QueueName": "orders"})
    assert headers["x-amz-target"] == "AmazonSQS.GetQueueUrl"
    assert headers["content-type"] == "application/x-amz-json-1.0"
    assert headers["x-amz-security-token"] == "token/+=="
    assert headers["host"] == f"{HOST}:{recorder.port}"
    assert recorder.scope() == "local/us-east-1/sqs/aws4_request"
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"} <= set(signed)


async def test_a_proxy_carries_what_it_is_there_for(
    make: Make, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may be a pod's only way out; `NO_PROXY` names the hosts that are reached without it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://sqs.example")
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@{HOST}:{recorder.port}")
    await make()("GetQueueUrl", QueueName="orders")
    ((path, headers, _),) = recorder.seen
    assert path == "http://sqs.example/"
    assert headers["proxy-authorization"] == f"Basic {b64encode(b'user:secret').decode()}"
    monkeypatch.setenv("NO_PROXY", HOST)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://{HOST}:{recorder.port}")
    await make()("GetQueueUrl", QueueName="orders")
    assert recorder.seen[-1][0] == "/"


async def test_a_proxy_opens_a_tunnel_to_what_has_certificates_of_ones_own(
    make: Make, stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`HTTPS_PROXY` and `AWS_CA_BUNDLE` are both usual in a company's network."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST).configure_cert(context)
    recorder = await serve(Recorder(free_port()), stack, context)
    leads_to(recorder.port, monkeypatch, "https")
    asked: list[bytes] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        inner_reader, inner_writer = await asyncio.open_connection(HOST, recorder.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))

    proxy_port = free_port()
    proxy = await asyncio.start_server(tunnel, HOST, proxy_port)
    stack.callback(proxy.close)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{HOST}:{proxy_port}")
    with pytest.raises(Refusal) as caught:
        await make()("GetQueueUrl", QueueName="orders")
    assert caught.value.reason is Failure.CONNECTION, "the certificate's issuer is unknown"
    bundle = tmp_path / "bundle.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    await make()("GetQueueUrl", QueueName="orders")
    assert len(recorder.seen) == 1
    assert asked[-1].startswith(f"CONNECT {HOST}:{recorder.port} ".encode())


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


async def test_ours_a_redirect_is_not_followed(recorder: Recorder, stack: AsyncExitStack) -> None:
    """The SDK follows it, and shows the session token to whatever server is there."""
    recorder.answer = web.Response(status=307, headers={"Location": f"http://{HOST}:{recorder.port}/other"})
    with pytest.raises(Refusal) as caught:
        await Ours("orders", stack)("GetQueueUrl", QueueName="orders")
    assert caught.value.reason is Failure.OTHER
    assert "which is not followed" in str(caught.value.__cause__)
    assert len(recorder.seen) == 1


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", '{"Messages": [{"Bo'])
async def test_ours_an_invalid_answer_is_garbled(
    recorder: Recorder, stack: AsyncExitStack, body: str
) -> None:
    """The SDK takes it for an empty answer, although SQS may have handed out messages."""
    recorder.answer = web.Response(text=body)
    with pytest.raises(Refusal) as caught:
        await Ours("orders", stack)("ReceiveMessage", QueueUrl="http://x/1/orders")
    assert caught.value.reason is Failure.GARBLED


async def test_ours_an_answer_has_an_end(
    recorder: Recorder, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that never stops sending would fill the memory."""
    monkeypatch.setattr("queuecast_poller.sqs.transport.MAX_ANSWER_BYTES", 1_000)
    recorder.answer = web.Response(text=json.dumps({"QueueUrl": "x" * 1_000}))
    with pytest.raises(Refusal) as caught:
        await Ours("orders", stack)("GetQueueUrl", QueueName="orders")
    assert caught.value.reason is Failure.GARBLED
    monkeypatch.setattr("queuecast_poller.sqs.transport.MAX_ANSWER_BYTES", 2_000)
    recorder.answer = web.Response(text=json.dumps({"QueueUrl": "x" * 1_000}))
    assert len((await Ours("orders", stack)("GetQueueUrl", QueueName="orders"))["QueueUrl"]) == 1_000


async def test_ours_a_queue_is_asked_in_the_region_of_its_url(
    recorder: Recorder, stack: AsyncExitStack
) -> None:
    """Emulators, and proxies in front of SQS, choose the queue by the signature's region."""
    await Ours("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", stack)("GetQueueUrl", QueueName="x")
    assert recorder.scope() == "local/eu-west-1/sqs/aws4_request"
