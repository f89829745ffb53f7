"""`make screenshots`: pictures of the live board of a running stack: light, dark and as on a phone."""

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright
from tests.reservation import PortBlock

from queuecast_local import redis_server

from .board import Board
from .conftest import CHROMIUM, CHROMIUM_FLAGS
from .rig import Rig, running

GATEWAY = {
    "QUEUECAST_BOARD_RIGHTS": "view,send,kill",
    "QUEUECAST_BOARD_LINKS": "Docs=https://docs.example/",
    "QUEUECAST_ACKS": "true",
}
POLLER = {
    "QUEUECAST_ACK_SECONDS": "20",
    "QUEUECAST_HOLD_SECONDS": "3600",
    "QUEUECAST_BOARD_SENDS": "true",
}
KINDS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}
WARES = [
    {"id": "k7", "title": "Blue kettle", "price": 39.9, "stock": 4},
    {"id": "l2", "title": "Oak lamp", "price": 74},
    {"id": "m9", "title": "Walnut stool, hand-made, with a seat of woven paper cord", "price": 128},
]


def main() -> None:
    """Write the pictures into the folder that is the only argument. Exits with 1 without Chromium."""
    if CHROMIUM is None:
        sys.exit("Chromium is missing: there is none on PATH")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    block = PortBlock()
    with sync_playwright() as playwright, running(block, redis_server.find(), GATEWAY, POLLER) as rig:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        rig.queue.put(WARES)
        for kind, options in KINDS.items():
            board = Board(browser, rig.url(0), **options)  # type: ignore[arg-type]  # options of the library
            board.shows_state("connected")
            for name in show(board, rig):
                picture(board.page, folder / f"{kind}-{name}.png")
            board.close()
        browser.close()
    block.close()


def show(board: Board, rig: Rig):  # yields names, when the page shows what they name
    """Bring a board into one state after another, and yield the name of each."""
    page = board.page
    expect(board.item("m9")).to_be_visible()
    page.get_by_text("Send events").click()
    yield "items"
    page.get_by_text("Send events").click()
    board.opens("Events")
    page.locator("#room").fill("sku:7, sku:8")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_test_id("rooms")).to_contain_text("sku:8")
    page.get_by_role("button", name="Drop the connection").click()
    board.shows_state("offline")
    rig.queue.put([{"eur": 3, "was": 4}], rooms="sku:7", event="price")
    board.shows_state("recovered")
    expect(board.event("price").first).to_contain_text("sku:7")
    board.event("price").first.locator("summary").click()
    yield "events"
    board.opens("Replicas")
    expect(page.get_by_test_id("audience")).to_contain_text("sku:8")
    yield "replicas"
    board.opens("Latency")
    rig.queue.put([{"id": f"n{number}", "title": "Glass vase"} for number in range(40)])
    expect(page.get_by_test_id("stages").locator("tr").first).not_to_contain_text("–")
    yield "latency"
    page.get_by_text("Send events").click()
    page.get_by_label("Send by").select_option(label="queue queuecast")
    page.get_by_role("textbox", name="Event", exact=True).fill("order")
    page.get_by_role("textbox", name="Rooms", exact=True).fill("user:ann")
    page.get_by_label("Acknowledged by").select_option("any")
    page.get_by_label("Held for").fill("600")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_test_id("send-status")).to_contain_text("is held")
    rig.queue.put([{"order": 7, "table": 3}, {"order": 8}], rooms="sku:7", event="order", ack="any")
    expect(page.get_by_test_id("answers").get_by_role("listitem")).to_have_count(2)
    page.get_by_test_id("answers").get_by_role("button", name="Acknowledge").first.click()
    yield "answers"
    page.get_by_test_id("answers").get_by_role("button", name="Acknowledge").first.click()
    page.get_by_text("Send events").click()
    board.opens("Queues")
    rig.queue.put_raw(["no JSON"])
    expect(page.get_by_test_id("left").locator("tr").first).to_contain_text("dead letter")
    yield "queues"


def picture(page: Page, path: Path) -> None:
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=path, full_page=True)
    print(path)


if __name__ == "__main__":
    main()
