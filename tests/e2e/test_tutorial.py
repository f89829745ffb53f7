"""`docs/tutorial.md`: each of its steps, as a reader does them."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local.processes import Process

from .local import REPOSITORY, run, variables, wait_until_started
from .pages import serving

TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text("utf-8")
BALANCER = "http://127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    """Return the blocks of code in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


def assigned(command: str) -> dict[str, str]:
    """Return the variables that a command sets."""
    words = shlex.split(command)
    return dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))


SENT = [assigned(block) for block in blocks("sh") if block.startswith("make send")]
STARTED = [assigned(block) for block in blocks("sh") if block.rstrip().endswith("make run")]


@contextmanager
def started(environment: Mapping[str, str]) -> Iterator[Process]:
    """`make run`, until the context ends."""
    process = Process("run", (sys.executable, "-m", "queuecast_local"), environment)
    try:
        wait_until_started(process)
        yield process
    finally:
        process.signal(signal.SIGINT)
        assert process.wait(60) == 0


def killers(process: Process) -> list[int]:
    """Return the process ids of the gateways, from the lines that say how to kill each."""
    return [int(found[1]) for line in process.tail if (found := re.search(r"kill -9 (\d+)", line))]


def send(environment: Mapping[str, str], message: Mapping[str, str]) -> None:
    sent = run("queuecast_local.send", {**environment, **message})
    assert sent.returncode == 0, sent.stderr


def says(page: Page, state: str, price: str) -> None:
    expect(page.locator("#state")).to_have_text(state)
    expect(page.locator("#lamp")).to_have_text(price)


@pytest.mark.browser
def test_every_step_does_what_the_tutorial_says(block: PortBlock, chromium: Browser, tmp_path: Path) -> None:
    """Somebody who reads nothing else meets these promises first."""
    environment = variables(block)
    (shop,) = blocks("html")
    shop = shop.replace(BALANCER, f"http://127.0.0.1:{environment['BALANCER_PORT']}")
    (tmp_path / "index.html").write_text(shop)
    lamp, chair, later = SENT
    with serving(tmp_path) as url, chromium.new_context() as context:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#state")).to_have_text("no gateway at this address")
        with started(environment | STARTED[0]) as process:
            page.goto(url)
            says(page, "connected", "?")
            send(environment, lamp)
            says(page, "connected", "40 €")
            send(environment, chair)
            page.reload()
            says(page, "connected", "40 €")
            one, two = killers(process)
            os.kill(one, signal.SIGKILL)
            send(environment, later)
            expect(page.locator("#lamp")).to_have_text("35 €")
            eventually(
                lambda: any("gateway-1 ended by SIGKILL: started again" in line for line in process.tail)
            )
            os.kill(two, signal.SIGKILL)
            says(page, "back, and nothing was missed", "35 €")
        with started(environment | STARTED[1]):
            expect(page.locator("#state")).to_have_text("refused: Not authorised")
            (script,) = [
                shlex.split(line)[2] for line in blocks("sh") if line.startswith(".venv/bin/python -c")
            ]
            token = subprocess.check_output((sys.executable, "-c", script), text=True).strip()
            (connected,) = blocks("js")
            options = connected[connected.index("{") : connected.rindex("}") + 1].replace("…", token)
            allowed = shop.replace('{ transports: ["websocket"] }', options)
            assert allowed != shop
            (tmp_path / "index.html").write_text(allowed)
            page.reload()
            says(page, "connected", "?")
