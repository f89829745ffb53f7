"""The live board in a real Chromium, on two gateways at a time."""

import base64
import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.claims import eventually

from .javascript import JS, missing
from .rig import Rig

CLIENT = "vendor/socket.io-4.8.4.min.js"


class Board:
    """One tab with the live board of one gateway, and everything that went wrong in it."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self._context = browser.new_context(**options)  # type: ignore[arg-type]  # options of the library
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda asked: asked.url.startswith(url) or self.elsewhere.append(asked.url))
        self.page.goto(url)

    def shows_state(self, state: str) -> None:
        """Claim that the connection is, or soon becomes, in this state."""
        expect(self.page.get_by_test_id("state")).to_have_attribute("data-state", state, timeout=20_000)

    def item(self, item_id: str):  # a locator of the library
        return self.page.locator(f'li[data-item-id="{item_id}"]')

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def boards(rig: Rig, chromium: Browser) -> Iterator[list[Board]]:
    """The boards of both gateways, one light, one dark and as narrow as a phone."""
    phone = {"width": 320, "height": 640}
    opened = [
        Board(chromium, rig.url(0), color_scheme="light"),
        Board(chromium, rig.url(1), color_scheme="dark", viewport=phone),
    ]
    for board in opened:
        board.shows_state("connected")
    yield opened
    for board in opened:
        board.close()


@pytest.mark.browser
def test_items_appear_on_every_board_and_leave_every_board(rig: Rig, boards: list[Board]) -> None:
    """The first thing that a newcomer sees: two tabs, two gateways, one list."""
    rig.queue.put([{"id": "by-button", "title": "Blue kettle"}, {"id": "by-key", "title": "Oak lamp"}])
    for number, board in enumerate(boards):
        expect(board.item("by-button")).to_contain_text("Blue kettle")
        expect(board.item("by-key")).to_be_visible()
        expect(board.page.get_by_test_id("replica")).to_have_text(f"gateway-{number + 1}")
        expect(board.page.get_by_test_id("latency")).to_have_text(re.compile(r"\d"))
    boards[0].item("by-button").get_by_role("button").click()
    boards[1].item("by-key").focus()
    boards[1].page.keyboard.press("Delete")
    for board in boards:
        expect(board.item("by-button")).to_have_count(0)
        expect(board.item("by-key")).to_have_count(0)
        assert board.faults == []
        assert board.elsewhere == []


@pytest.mark.browser
def test_the_board_fits_a_phone_in_light_and_dark(rig: Rig, boards: list[Board]) -> None:
    """Sideways scrolling and unreadable colours are faults."""
    rig.queue.put([{"id": "long", "title": "word" * 100, "note": "x" * 300}])
    backgrounds = set()
    for board in boards:
        expect(board.item("long")).to_be_visible()
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert board.page.evaluate(width) == 0
        backgrounds.add(board.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    boards[0].item("long").get_by_role("button").click()


@pytest.mark.browser
def test_the_board_says_when_its_gateway_is_gone_and_comes_back(own_rig: Rig, chromium: Browser) -> None:
    """Somebody who looks must know whether what they see is now."""
    board = Board(chromium, own_rig.url(0))
    board.shows_state("connected")
    own_rig.queue.put([{"id": "seen"}])
    expect(board.item("seen")).to_be_visible()
    own_rig.end_gateway(0)
    board.shows_state("offline")
    own_rig.start_gateway(0)
    board.shows_state("recovered")
    board.close()


def test_the_page_names_the_hash_of_the_client_that_the_gateway_serves(rig: Rig) -> None:
    """Subresource Integrity: a browser runs the published client or none."""
    page = urllib.request.urlopen(rig.url(0), timeout=10).read().decode()
    client = urllib.request.urlopen(rig.url(0, f"/{CLIENT}"), timeout=10).read()
    digest = base64.b64encode(hashlib.sha384(client).digest()).decode()
    assert f'src="/{CLIENT}" integrity="sha384-{digest}"' in page


@pytest.mark.javascript
def test_the_served_client_is_the_published_one(rig: Rig) -> None:
    """Byte for byte what npm has."""
    published: Path = JS / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"
    assert missing() is None
    served = urllib.request.urlopen(rig.url(0, f"/{CLIENT}"), timeout=10).read()
    assert served == published.read_bytes()


def test_only_the_boards_files_are_served(rig: Rig) -> None:
    """A static file server must not leave its folder."""
    for path in ("/..%2fapp.py", "/../app.py", "/%2e%2e/app.py", "/nothing"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(rig.url(0, path), timeout=10)
    eventually(lambda: all(gateway.ready for gateway in rig.gateways))
