"""Runs a page's blocks of Python, one after the other, as its reader would.

Standard input has the blocks (JSON: a list of objects with `at`, `name`, `text`). Those that name a file are
written and imported; the others see `sqs` and `url`, the queue's, and `client`, a connected client of
python-socketio. Variables of the environment: `QUEUE_URL`, `REDIS_URL`, `GATEWAY`, and those of the AWS SDK.
"""

import ast
import asyncio
import importlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
import socketio


def module(name: str, text: str) -> None:
    """Write a block that names a file, and import it."""
    Path(name).write_text(text, "utf-8")
    importlib.import_module(Path(name).stem)


async def main() -> None:
    sys.path.insert(0, str(Path.cwd()))
    blocks = json.load(sys.stdin)
    names: dict[str, Any] = {"sqs": boto3.client("sqs"), "url": os.environ["QUEUE_URL"]}
    if any("client." in block["text"] for block in blocks):
        names["client"] = socketio.AsyncClient()
        await names["client"].connect(os.environ["GATEWAY"], transports=["websocket"])
    for block in blocks:
        if block["name"]:
            module(block["name"], block["text"])
            continue
        code = compile(block["text"], block["at"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)  # noqa: S307  # the documentation's own code
        if inspect.isawaitable(result):
            await result
    if "client" in names:
        await names["client"].disconnect()


asyncio.run(main())
