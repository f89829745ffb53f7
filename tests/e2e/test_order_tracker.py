"""`make order-tracker`: from an order in one browser, over SNS and SQS, to the pages that may see it."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.claims import eventually
from tests.reservation import PortBlock

from queuecast_local.processes import Process

from .local import REPOSITORY, variables, wait_until_started

EXAMPLE = REPOSITORY / "examples" / "order-tracker"
PAGE = EXAMPLE / "page"


def missing() -> str | None:
    """Return what this machine lacks for the example, or None."""
    if importlib.util.find_spec("fastapi") is None:
        return "FastAPI is missing: requirements/dev.txt has it"
    if not (PAGE / "node_modules" / "installed").exists():
        return "the page's packages are missing: `make node` installs them"
    return None


pytestmark = [pytest.mark.browser, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, built as `make order-tracker` builds it."""
    folder = tmp_path_factory.mktemp("page")
    built = subprocess.run(
        ("node", PAGE / "build.mjs", folder), capture_output=True, text=True, timeout=120, check=False
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def tracker(block: PortBlock, page_folder: Path) -> Iterator[tuple[str, Process]]:
    """The running example: the shop's URL, and its process."""
    port = block.port()
    own = variables(block)
    paths = os.pathsep.join(filter(None, (own["PYTHONPATH"], os.environ.get("PYTHONPATH"))))
    environment = {**own, "APP_PORT": str(port), "PAGE": str(page_folder), "PYTHONPATH": paths}
    process = Process("order-tracker", (sys.executable, str(EXAMPLE / "start.py")), environment)
    try:
        wait_until_started(process)
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.signal(signal.SIGINT)
        assert process.wait(60) == 0


@contextmanager
def signed_in(chromium: Browser, url: str, name: str) -> Iterator[Page]:
    """A browser of its own in which somebody has signed in, and whose page is connected."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("status")).to_have_text("connected")
        yield page


def order(page: Page, item: str) -> None:
    page.get_by_label("Item").fill(item)
    page.get_by_role("button", name="Order").click()


def test_each_change_of_an_order_is_on_the_pages_that_may_see_it(
    tracker: tuple[str, Process], chromium: Browser
) -> None:
    """And on no other; also what happened while a page's gateway was killed."""
    url, process = tracker
    with (
        signed_in(chromium, url, "ann") as ann,
        signed_in(chromium, url, "ben") as ben,
        signed_in(chromium, url, "staff") as staff,
    ):
        tab = ann.context.new_page()
        tab.goto(url)
        expect(tab.get_by_role("status")).to_have_text("connected")
        order(ann, "Oak lamp")
        order(ben, "Glass vase")
        lamp = "li:has-text('Oak lamp')"
        for page in (ann, tab, staff):
            expect(page.locator(f"{lamp} output")).to_have_text("placed")
        expect(staff.locator("li")).to_have_count(2)
        staff.locator(lamp).get_by_role("button", name="Next").click()
        for page in (ann, tab, staff):
            expect(page.locator(f"{lamp} output")).to_have_text("paid")
        expect(ben.locator("li")).to_have_count(1)
        expect(ben.locator("output")).to_have_text("placed")
        kill_gateways(process)
        staff.locator(lamp).get_by_role("button", name="Next").click()
        for page in (ann, tab, staff):
            expect(page.locator(f"{lamp} output")).to_have_text("packed")
        expect(ben.locator("li")).to_have_count(1)


def kill_gateways(process: Process) -> None:
    """Kill both gateways; `start.py` starts them again."""
    for pid in gateways(process):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: sum("started again" in line for line in process.tail) == 2)


def gateways(process: Process) -> list[int]:
    """Return the process ids of the gateways, from the lines that say how to kill each."""
    return [int(found[1]) for line in process.tail if (found := re.search(r"kill -9 (\d+)", line))]


@pytest.mark.parametrize(
    ("given", "says"),
    [("many", "APP_PORT: 'many'"), ("taken", "is in use: set APP_PORT to another one")],
)
def test_a_bad_port_is_named_with_its_variable(block: PortBlock, given: str, says: str) -> None:
    """Whoever reads it should know what to type next."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1]) if given == "taken" else given
        environment = {**os.environ, **variables(block), "APP_PORT": port}
        command = (sys.executable, EXAMPLE / "start.py")
        refused = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert refused.returncode == 2
    assert says in refused.stderr


def test_who_has_not_signed_in_gets_nothing(tracker: tuple[str, Process]) -> None:
    """Neither orders nor a token."""
    url, _ = tracker
    for path in ("orders", "token", "me"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/api/{path}", timeout=30)
        assert refused.value.code == 401
