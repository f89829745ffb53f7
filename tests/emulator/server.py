"""The SQS emulator of `make run`, which fails on demand here.

    python -m tests.emulator.server --port N

`POST /faults` takes a list of faults (see `faults`) that replaces the present one, `GET /faults` says how
often each has struck. A fault concerns the requests and the answers that come after it.
"""

import argparse
import asyncio
import json
import random
import socket
import struct
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web
from tests.emulator.faults import Fault, Faults, Moment, altered

from queuecast_local.sqs_emulator.answers import failure
from queuecast_local.sqs_emulator.errors import Refused
from queuecast_local.sqs_emulator.server import (
    QueueServer,
    error_response,
    json_response,
    read_request,
    serve,
    steady_clock,
)

Json = dict[str, Any]

LINGER_NOT = struct.pack("ii", 1, 0)


class FailingServer(QueueServer):
    """The emulator's server, and what goes wrong meanwhile."""

    def __init__(self, clock: Callable[[], float], roll: Callable[[], float]) -> None:
        super().__init__(clock)
        self._faults = Faults(roll)

    def application(self) -> web.Application:
        # aiohttp tries the more specific path first.
        application = super().application()
        application.router.add_post("/faults", self._replace_faults)
        application.router.add_get("/faults", self._show_faults)
        return application

    async def answer(self, http: web.Request) -> web.StreamResponse:
        action, request = await read_request(http)
        if fault := self._faults.strike(action, Moment.BEFORE):
            instead = await self._fail(fault, http)
            if instead is not None:
                return instead
        try:
            answer = await self.do(action, request)
        except Refused as refused:
            return error_response(400, refused.code, refused.message)
        fault = None
        if action != "ReceiveMessage" or answer:
            fault = self._faults.strike(action, Moment.AFTER)
        return await self._spoil(fault, http, request, answer)

    async def do(self, action: str, request: Json) -> Json:
        """Do an action; of a batch that is struck, the second entry, the fourth and so on."""
        if not (request.get("Entries") and self._faults.strike(action, Moment.ENTRIES)):
            return await super().do(action, request)
        done = request["Entries"][1::2]
        answer = await super().do(action, {**request, "Entries": done}) if done else {"Successful": []}
        failed = [
            failure(entry["Id"], "InternalError", "The emulator was told to say so.", sender_fault=False)
            for entry in request["Entries"][::2]
        ]
        return {**answer, "Failed": [*answer.get("Failed", ()), *failed]}

    async def _show_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.shown())

    async def _replace_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults.replace(json.loads(await request.read()))
        except ValueError as exc:
            return web.Response(status=400, text=str(exc))
        return web.json_response(self._faults.shown())

    async def _fail(self, fault: Fault, http: web.Request) -> web.Response | None:
        """Answer instead of acting; None if the action shall be done after all."""
        match fault.kind:
            case "status":
                return web.Response(status=fault.status or 500, text=fault.body, content_type="text/xml")
            case "error":
                return error_response(
                    fault.status or 400, fault.code or "", "The emulator was told to say so."
                )
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

    async def _spoil(
        self, fault: Fault | None, http: web.Request, request: Json, answer: Json
    ) -> web.StreamResponse:
        """Send the answer, or what is left of it."""
        match fault.kind if fault else None:
            case "reset_after":
                _reset(http)
                return web.Response()
            case "cut_body":
                return await _cut(http, json_response(http, answer))
            case "corrupt":
                answer["Messages"][0]["Body"] = altered(answer["Messages"][0]["Body"])
            case "duplicate":
                queue = self.actions.queue(request)
                queue.repeat(answer["Messages"][0]["MessageId"])
                self.wake(queue)
        return json_response(http, answer)


async def _cut(http: web.Request, whole: web.Response) -> web.StreamResponse:
    body = str(whole.text).encode()
    response = web.StreamResponse()
    response.content_type = whole.content_type
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An SQS emulator that fails on demand")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(FailingServer(steady_clock(), random.random), parser.parse_args().port))
