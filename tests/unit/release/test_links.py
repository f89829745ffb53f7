"""Every link between the pages of the repository leads to a file that exists, and a heading that it has."""

import re

import pytest
from tests.snippets.blocks import ROOT, pages

FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^()\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return FENCE.sub("", text)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the sites that show Markdown make them."""
    found: dict[str, int] = {}
    names = set()
    for heading in HEADING.findall(prose(text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = found.get(name, 0)
        found[name] = again + 1
        names.add(f"{name}-{again}" if again else name)
    return names


def leads_somewhere(page: str, path: str, anchor: str = "") -> bool:
    """Say whether a link of a page has a target: a file, and a heading in it if the link has an anchor."""
    target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    if not anchor or target.suffix != ".md":
        return target.exists()
    return target.exists() and anchor in anchors(target.read_text("utf-8"))


@pytest.mark.parametrize("page", pages())
def test_each_link_of_a_page_leads_somewhere(page: str) -> None:
    """`make docs-site` finds these too, and nobody runs it before each commit."""
    text = (ROOT / page).read_text("utf-8")
    lost = [link for link in LINK.findall(prose(text)) if not leads_somewhere(page, *link.split("#"))]
    assert lost == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    """The test above can fail."""
    assert LINK.findall("see [a](b.md#c) and [d](https://e)") == ["b.md#c"]
    assert anchors("# A\n## What it is not\n```sh\n# no heading\n```\n## `x` & y\n## A\n") == {
        "a",
        "what-it-is-not",
        "x--y",
        "a-1",
    }
