"""A driver for the JavaScript client in headless Chromium: it passes lines on to a page with `drive.js`."""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route, async_playwright

JS = Path(__file__).parents[1] / "js"
CLIENT = JS / "node_modules" / "socket.io-client-4.8"
PATHS = {
    "/interop.html": ("text/html", "<script src='/interop-client.js'></script>"),
    "/interop-client.js": ("text/javascript", (CLIENT / "dist" / "socket.io.js").read_text("utf-8")),
    "/interop-drive.js": ("text/javascript", (JS / "drive.js").read_text("utf-8")),
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    # The page comes from the driver, so Chromium does not see that it is of this machine.
    "--disable-features=LocalNetworkAccessChecks",
]
START = """async () => {
  const { drive } = await import("/interop-drive.js");
  globalThis.command = drive(io, (one) => report(JSON.stringify(one)));
}"""


async def serve(route: Route) -> None:
    """Answer what the page asks of its origin, and leave the rest to the gateway."""
    path = "/" + route.request.url.partition("://")[2].partition("/")[2]
    if path in PATHS:
        kind, body = PATHS[path]
        await route.fulfill(content_type=kind, body=body)
    else:
        await route.continue_()


async def run(page: Page, lines: asyncio.StreamReader) -> None:
    """Carry out the commands, on a page whose origin is that of the first URL."""
    is_open = False
    async for line in lines:
        command: dict[str, Any] = json.loads(line)
        if not is_open:
            await page.goto(command["url"] + "/interop.html")
            await page.evaluate(START)
            is_open = True
        await page.evaluate("(told) => { command(told); }", command)


async def main() -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = await browser.new_page()
        await page.route("**/interop*", serve)
        page.on("crash", lambda _: print("the page has crashed", file=sys.stderr, flush=True))
        await page.expose_function("report", lambda line: print(line, flush=True))
        version = json.loads((CLIENT / "package.json").read_text("utf-8"))["version"]
        runtime = f"Chromium {browser.version.partition('.')[0]}"
        print(json.dumps({"report": "ready", "version": version, "runtime": runtime}), flush=True)
        await run(page, lines)
        await browser.close()


asyncio.run(main())
