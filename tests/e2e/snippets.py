"""Runs the code of the documentation beside a stack: in pages of Chromium, in Node and in Python."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page
from tests.snippets.blocks import ROOT, Block
from tests.snippets.project import HERE

from queuecast_local import sqs

from .pages import serving
from .rig import GATEWAYS, Rig

PRELUDE = """
window.calls = [];
const record = (name) => () => { calls.push(name); };
for (const name of ["fetchAll", "fetchOlder", "reload", "retry", "show", "signIn"]) {
  window[name] = record(name);
}
window.id = 7;
window.levels = new Map();
window.handlers = new Proxy({}, { get: (_, name) => record(`handlers.${String(name)}`) });
"""
"""What a page of the documentation has of its own, here as recorders: see `tests/snippets/page.d.ts`."""


def placed(text: str, rig: Rig) -> str:
    """Return code with the addresses of a stack instead of those of the documentation."""
    for shown in ("https://gateway.example", "http://127.0.0.1:8080", "http://127.0.0.1:8000"):
        text = text.replace(shown, rig.url(GATEWAYS[0]).rstrip("/"))
    return text.replace("redis://…", rig.redis_url).replace("redis://127.0.0.1:6380/0", rig.redis_url)


def bundle(folder: Path, files: Sequence[Path]) -> None:
    """Make a bundle for a browser of each file."""
    names = [str(path.relative_to(folder)) for path in files]
    ended = subprocess.run(
        ("node", HERE / "js" / "bundle.mjs", folder, *names), capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr


@contextmanager
def page_with(
    chromium: Browser, folder: Path, body: str, name: str = "index.html"
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page from a port of its own; yields it, and its errors so far."""
    (folder / name).write_text(f"<!doctype html><meta charset=utf-8>{body}", "utf-8")
    errors: list[str] = []
    with serving(folder) as url, chromium.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/{name}")
        yield page, errors


def body_for(rig: Rig, script: str, text: str) -> str:
    """Return the body of a page that runs a bundle. It has a socket, unless the code makes its own."""
    gateway = rig.url(GATEWAYS[0]).rstrip("/")
    own = "const socket" in text or "socket." not in text
    connected = "" if own else f'window.socket = io("{gateway}", {{ transports: ["websocket"] }});'
    return (
        f'<main id="root"></main><script src="{gateway}/socket.io/socket.io.min.js"></script>'
        f'<script>{PRELUDE}{connected}</script><script type="module" src="{script}"></script>'
    )


def run_python(rig: Rig, page: str, blocks: Sequence[Block], folder: Path) -> None:
    """Run a page's blocks of Python in a folder; fails if one raises."""
    given = [{"at": block.at, "name": block.name, "text": placed(block.text, rig)} for block in blocks]
    imports = (ROOT / "bus" / "src", HERE / "standins", *filter(None, [os.environ.get("PYTHONPATH")]))
    ended = subprocess.run(
        (sys.executable, HERE / "run_python.py"),
        cwd=folder,
        input=json.dumps(given),
        env={
            **os.environ,
            **sqs.environment(rig.stack.ports.sqs),
            "QUEUE_URL": rig.queue.url,
            "REDIS_URL": rig.redis_url,
            "GATEWAY": rig.url(GATEWAYS[0]),
            "PYTHONPATH": os.pathsep.join(map(str, imports)),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, f"{page}: {ended.stderr}"


@contextmanager
def node(path: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script in Node until the context ends; fails if it ended with an error before."""
    process = subprocess.Popen(("node", path), cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        yield process
        assert process.poll() in (None, 0), process.stderr.read() if process.stderr else ""
    finally:
        process.kill()
        process.communicate(timeout=30)
