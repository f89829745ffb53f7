"""The emulator's HTTP server: SQS's JSON protocol and SNS's query protocol, without a check of signatures.

A request of SQS in another protocol gets a 400 that says what was expected.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import asyncio
import json
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from queuecast_local.sns_emulator import query
from queuecast_local.sns_emulator.topics import Topics
from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.errors import Refused, query_code
from queuecast_local.sqs_emulator.long_polls import LongPolls
from queuecast_local.sqs_emulator.queues import Queue

Json = dict[str, Any]

HOST = "127.0.0.1"
TARGET = "AmazonSQS."
FORM = "application/x-www-form-urlencoded"
CONTENT_TYPE = "application/x-amz-json-1.0"
MAX_REQUEST_BYTES = 16 * 1_048_576
"""A batch of 1 MiB, for each byte of which JSON may take six."""
JSON_PROTOCOL = (
    "This SQS emulator speaks the JSON protocol only: POST / with a header such as "
    "X-Amz-Target: AmazonSQS.SendMessage. The AWS CLI and the SDKs use it since November 2023: update yours."
)


class QueueServer:
    """The queues and their long polls. `clock` returns seconds since 1970 and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.actions = Actions(clock)
        self._long_polls = LongPolls(self.actions, clock)
        self._topics = Topics(self._deliver, self.actions.has_queue, clock)

    def application(self) -> web.Application:
        """Return the server as an aiohttp application."""
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        # Some SDKs post to the queue's URL, whose path is in the request too.
        application.router.add_route("*", "/{path:.*}", self.answer)
        return application

    async def answer(self, http: web.Request) -> web.StreamResponse:
        """Answer any request."""
        if not http.headers.get("X-Amz-Target", "").startswith(TARGET):
            return await self._topic_action(http) or await _other_protocol(http)
        try:
            action, request = await read_request(http)
            return json_response(http, await self.do(action, request))
        except Refused as refused:
            return error_response(400, refused.code, refused.message)

    async def do(self, action: str, request: Json) -> Json:
        """Do an action, and wake the receives that wait for what it has changed. Raises `Refused`."""
        if action == "ReceiveMessage":
            answer = await self._long_polls.receive(request)
        elif action == "DeleteQueue":
            queue = self.actions.queue(request)
            answer = self.actions.do(action, request)
            self._long_polls.forget(queue)
            return answer
        else:
            answer = self.actions.do(action, request)
        if "QueueUrl" in request:
            self.wake(self.actions.queue(request))
        elif action == "StartMessageMoveTask":
            for queue in self.actions.queues:
                self.wake(queue)
        return answer

    async def _topic_action(self, http: web.Request) -> web.Response | None:
        """Answer a request of SNS; None if it is none."""
        if http.content_type != FORM:
            return None
        form = {name: str(value) for name, value in (await http.post()).items()}
        if form.get("Version") != query.VERSION:
            return None
        request_id, action = str(uuid.uuid4()), form.get("Action", "")
        try:
            answer = self._topics.do(action, query.request_of(form))
            return web.Response(text=query.answer_to(action, answer, request_id), content_type="text/xml")
        except (Refused, ValueError, LookupError, TypeError) as exc:
            refused = exc if isinstance(exc, Refused) else Refused("InvalidParameter", f"Malformed: {exc}")
            text = query.error_of(refused.code, refused.message, request_id)
            status = 404 if refused.code == "NotFound" else 400
            return web.Response(status=status, text=text, content_type="text/xml")

    def _deliver(self, queue_arn: str, message: Json) -> None:
        """Put a message of a topic on a queue. Raises `Refused`."""
        request = {**message, "QueueUrl": queue_arn.rpartition(":")[2]}
        self.actions.do("SendMessage", request)
        self.wake(self.actions.queue(request))

    def wake(self, queue: Queue) -> None:
        """Answer the receives that wait on a queue with its messages."""
        self._long_polls.wake(queue)


async def read_request(http: web.Request) -> tuple[str, Json]:
    """Return a request's action and its parameters. Raises `Refused`."""
    try:
        request = json.loads(await http.read() or b"{}")
    except ValueError as exc:
        raise Refused("SerializationException", f"The body is not JSON: {exc}.") from exc
    if not isinstance(request, dict):
        raise Refused("SerializationException", "The body must be a JSON object.")
    return http.headers.get("X-Amz-Target", "").removeprefix(TARGET), request


def json_response(http: web.Request, answer: Json) -> web.Response:
    """Return an answer as a response. The queues' URLs get the host that the client used."""
    host = f"http://{http.host}"
    for name in ("QueueUrls", "queueUrls"):
        if name in answer:
            answer[name] = [host + path for path in answer[name]]
    if "QueueUrl" in answer:
        answer["QueueUrl"] = host + answer["QueueUrl"]
    return web.Response(text=json.dumps(answer), content_type=CONTENT_TYPE)


def error_response(status: int, code: str, message: str) -> web.Response:
    """Return an error as a response. The header has the code that the SDKs use."""
    blame = "Sender" if status < 500 else "Receiver"
    return web.Response(
        status=status,
        text=json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}),
        content_type=CONTENT_TYPE,
        headers={"x-amzn-query-error": f"{query_code(code)};{blame}"},
    )


async def _other_protocol(http: web.Request) -> web.Response:
    await http.read()
    if "Action" not in http.query and http.content_type != FORM:
        return web.Response(status=400, text=f"{JSON_PROTOCOL}\n")
    # An SDK with the query protocol shows its user the message in such a document.
    text = (
        '<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Type>Sender</Type>'
        f"<Code>UnsupportedOperation</Code><Message>{escape(JSON_PROTOCOL)}</Message></Error></ErrorResponse>"
    )
    return web.Response(status=400, text=text, content_type="text/xml")


def steady_clock() -> Callable[[], float]:
    """Return a clock of seconds since 1970 that ignores later changes of the machine's clock."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


async def serve(server: QueueServer, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        # A client that disconnects must get no message: it would be hidden for nothing.
        handler_cancellation=True,
        shutdown_timeout=0.1,
    )
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()
