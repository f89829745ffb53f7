"""What tests do with a live board as a console: open it, join rooms, send."""

from typing import Any

from playwright.sync_api import expect

from .board import Board


def opened(board: Board) -> Board:
    """Wait until a board is connected and knows its rights."""
    board.shows_state("connected")
    expect(board.page.locator("#send")).to_be_visible()
    return board


def fits(board: Board) -> bool:
    """Say whether nothing makes the page scroll sideways."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return bool(board.page.evaluate(width) == 0)


def join(board: Board, rooms: str) -> None:
    board.page.locator("#room").fill(rooms)
    board.page.get_by_role("button", name="Join").click()


def send_form(board: Board) -> Any:
    """Open the form that sends; return its locator."""
    form = board.page.locator("#send")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def sent_from(board: Board, data: str, rooms: str = "", count: int = 1) -> None:
    """Send events from the page, and wait until the gateway says that they are sent."""
    page = board.page
    send_form(board)
    page.get_by_role("textbox", name="Rooms", exact=True).fill(rooms)
    page.get_by_label("Times").fill(str(count))
    page.get_by_label("Data, as JSON").fill(data)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_test_id("send-status")).to_contain_text(f"Sent {count:,} ×")
