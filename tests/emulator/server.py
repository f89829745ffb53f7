"""An SQS emulator for the fault tests, which stays fast on a deep queue and fails on demand.

    python -m tests.emulator.server --port N

SQS's JSON protocol is at `POST /`, without a check of signatures. `POST /faults` takes a list of faults (see
`faults`) that replaces the present one, `GET /faults` says how often each has struck. A fault concerns
the requests that come after it, and the answers that are given after it.
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web
from tests.emulator.faults import Fault, Faults, Moment, altered

from queuecast_local.sqs_emulator.actions import Actions
from queuecast_local.sqs_emulator.answers import failure
from queuecast_local.sqs_emulator.errors import Refused, query_code
from queuecast_local.sqs_emulator.long_polls import LongPolls

Json = dict[str, Any]

HOST = "127.0.0.1"
TARGET = "AmazonSQS."
CONTENT_TYPE = "application/x-amz-json-1.0"
MAX_REQUEST_BYTES = 16 * 1_048_576
"""A batch of 1 MiB, each byte of which JSON may write in six."""
LINGER_NOT = struct.pack("ii", 1, 0)


class QueueServer:
    """Queues, who waits for their messages, and what goes wrong meanwhile."""

    def __init__(self, clock: Callable[[], float], roll: Callable[[], float]) -> None:
        self._actions = Actions(clock)
        self._long_polls = LongPolls(self._actions, clock)
        self._faults = Faults(roll)

    def application(self) -> web.Application:
        """Return the server as an application of aiohttp."""
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.router.add_post("/", self._act)
        application.router.add_post("/faults", self._replace_faults)
        application.router.add_get("/faults", self._show_faults)
        return application

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.shown())

    async def _replace_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults.replace(json.loads(await request.read()))
        except ValueError as exc:
            return web.Response(status=400, text=str(exc))
        return web.json_response(self._faults.shown())

    async def _act(self, http: web.Request) -> web.StreamResponse:
        action = http.headers.get("X-Amz-Target", "").removeprefix(TARGET)
        request: Json = json.loads(await http.read())
        if fault := self._faults.strike(action, Moment.BEFORE):
            instead = await self._fail(fault, http)
            if instead is not None:
                return instead
        try:
            answer = await self._do(action, request)
        except Refused as refused:
            return _error(400, refused.code, refused.message)
        if "QueueUrl" in answer:
            answer["QueueUrl"] = f"http://{http.host}{answer['QueueUrl']}"
        fault = None
        if action != "ReceiveMessage" or answer:
            fault = self._faults.strike(action, Moment.AFTER)
        return await self._spoil(fault, http, request, answer)

    async def _fail(self, fault: Fault, http: web.Request) -> web.Response | None:
        """Answer instead of acting; None if the action shall be done after all."""
        match fault.kind:
            case "status":
                return web.Response(status=fault.status or 500, text=fault.body, content_type="text/xml")
            case "error":
                return _error(fault.status or 400, fault.code or "", "The emulator was told to say so.")
            case "hang":
                await asyncio.sleep(fault.seconds or 0)
                _close(http)
                return web.Response()
            case "reset_before":
                _reset(http)
                return web.Response()
            case _:
                await asyncio.sleep(fault.seconds or 0)
                return None

    async def _do(self, action: str, request: Json) -> Json:
        if action == "ReceiveMessage":
            answer = await self._long_polls.receive(request)
        elif request.get("Entries") and self._faults.strike(action, Moment.ENTRIES):
            answer = self._do_half(action, request)
        else:
            answer = self._actions.do(action, request)
        if "QueueUrl" in request:
            self._long_polls.wake(self._actions.queue(request))
        elif action == "StartMessageMoveTask":
            for queue in self._actions.queues:
                self._long_polls.wake(queue)
        return answer

    def _do_half(self, action: str, request: Json) -> Json:
        """Do the second entry, the fourth and so on; the first is always one that fails."""
        done = request["Entries"][1::2]
        answer = self._actions.do(action, {**request, "Entries": done}) if done else {"Successful": []}
        failed = [
            failure(entry["Id"], "InternalError", "The emulator was told to say so.", sender_fault=False)
            for entry in request["Entries"][::2]
        ]
        return {**answer, "Failed": [*answer.get("Failed", ()), *failed]}

    async def _spoil(
        self, fault: Fault | None, http: web.Request, request: Json, answer: Json
    ) -> web.StreamResponse:
        """Send the answer, or what is left of it."""
        match fault.kind if fault else None:
            case "reset_after":
                _reset(http)
                return web.Response()
            case "cut_body":
                return await _cut(http, answer)
            case "corrupt":
                answer["Messages"][0]["Body"] = altered(answer["Messages"][0]["Body"])
            case "duplicate":
                queue = self._actions.queue(request)
                queue.repeat(answer["Messages"][0]["MessageId"])
                self._long_polls.wake(queue)
        return _json(answer)


def _json(answer: Json) -> web.Response:
    return web.Response(text=json.dumps(answer), content_type=CONTENT_TYPE)


def _error(status: int, code: str, message: str) -> web.Response:
    blame = "Sender" if status < 500 else "Receiver"
    return web.Response(
        status=status,
        text=json.dumps({"__type": f"com.amazonaws.sqs#{code}", "message": message}),
        content_type=CONTENT_TYPE,
        headers={"x-amzn-query-error": f"{query_code(code)};{blame}"},
    )


async def _cut(http: web.Request, answer: Json) -> web.StreamResponse:
    body = json.dumps(answer).encode()
    response = web.StreamResponse()
    response.content_type = CONTENT_TYPE
    response.content_length = len(body)
    await response.prepare(http)
    await response.write(body[: len(body) // 2])
    _close(http)
    return response


def _close(http: web.Request) -> None:
    if http.transport is not None:
        http.transport.close()


def _reset(http: web.Request) -> None:
    """End the connection with a reset, as a peer does that died: what was to be sent is gone."""
    if http.transport is not None:
        http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        http.transport.abort()


async def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    started, monotonic = time.time(), time.monotonic()
    # A step of the machine's clock must not return messages.
    server = QueueServer(lambda: started + time.monotonic() - monotonic, random.random)
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        # Who hangs up must get no message: what its receive would still bring would be hidden for nothing.
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An SQS emulator that fails on demand")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
