"""`docs/api.md`: its commands, as a reader types them, and what it says about operations and problems."""

import asyncio
import json
import re
import shutil
from typing import Any

import pytest
from tests.snippets.blocks import blocks
from tests.snippets.commands import commands

from queuecast_gateway.api.operations import OPERATIONS

from .api import TOKENS, Answer, ApiSite
from .page import page

PAGE = "docs/api.md"
CURLS = [block.text for block in blocks("sh") if block.page == PAGE and "curl" in block.text]
SHOWN = [json.loads(block.text) for block in blocks("json") if block.page == PAGE]


async def typed(command: str, url: str) -> tuple[int, str]:
    """Run a command in a shell with the variables of the page; return its exit code and output."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        env={"API": url, "TOKEN": TOKENS["ops"][1], "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


def joined(block: str) -> list[str]:
    """Return the commands of a block, each in one line or with its quotation over several."""
    return [f"curl{each}" for each in re.split(r"^curl", block, flags=re.MULTILINE) if each.strip()]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
async def test_every_command_of_the_page_does_what_it_says(api_site: ApiSite) -> None:
    """In the page's order. The answers have the described form, and the first one that which is shown."""
    used = set()
    async with api_site.start(presence_rooms="*") as (one, api), page(one.port) as first:
        assert (await first.ask("subscribe", ["order:17", "sku:7", "sku:8"]))["ok"]
        answers: list[Any] = []
        for block in CURLS:
            for command in joined(block):
                code, output = await typed(command, api.url)
                assert code == 0, (command, output)
                answers.append(json.loads(output))
                (words,) = (each.words for each in commands(command))
                path = words[1].removeprefix("$API").partition("?")[0]
                method = "POST" if "--json" in words else "GET"
                api.check(method, path, Answer(200, {"Content-Type": "application/json"}, answers[-1]))
                used.add((method, path))
        assert answers[0].keys() == SHOWN[0].keys()
        assert await first.event() == ["order_shipped", {"id": 17}]
        assert [await first.event() for _ in range(2)] == [["price", {"eur": 30}], ["price", {"eur": 45}]]
        again, _ = await typed(joined(CURLS[0])[0], api.url)
        assert again == 0
        refused = await api.publish(rooms=["x", "a,b"])
        assert refused.body == SHOWN[1]
    assert used == {(each.method, each.path) for each in OPERATIONS} - {("GET", "/openapi.json")}
