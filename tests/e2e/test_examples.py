"""The pages of `examples/`, in a real browser, from a port of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .pages import serving
from .rig import GATEWAYS, Rig

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Where the examples are served, on a port of their own."""
    with serving(EXAMPLES) as url:
        yield url


@pytest.mark.browser
def test_the_vanilla_page_shows_past_prices_and_new_ones(rig: Rig, chromium: Browser, pages: str) -> None:
    """Opened late, it shows what came before."""
    lamp, chair = "lamp-of-this-test", "chair-of-this-test"
    rig.queue.put([{"sku": lamp, "eur": 49.9}], event="price", rooms="prices")
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{pages}/vanilla/?gateway={rig.url(GATEWAYS[0])}")
        expect(page.get_by_role("status")).to_have_text("connected")
        expect(page.locator(f"#{lamp}")).to_have_text("49.90 €")
        rig.queue.put([{"sku": chair, "eur": 120}], event="price", rooms="prices")
        expect(page.locator(f"#{chair}")).to_have_text("120.00 €")
        rig.queue.put([{"sku": lamp, "eur": 39}], event="price", rooms="prices")
        expect(page.locator(f"#{lamp}")).to_have_text("39.00 €")


@pytest.mark.browser
def test_the_vanilla_page_says_what_is_wrong(chromium: Browser, pages: str) -> None:
    """Nobody has to open the console."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{pages}/vanilla/?gateway={pages}")
        expect(page.get_by_role("status")).to_contain_text("There is no gateway at")
