"""Every block of code in the documentation is one that a test runs, or says why none does."""

from collections import Counter

import pytest
from tests.snippets.blocks import LANGUAGES, all_blocks, blocks_of

FEW = 6


def test_every_block_says_its_language_and_a_test_knows_it() -> None:
    """A block that no test runs is wrong a year later. Those of Sphinx are checked by `make docs-site`."""
    blocks = [block for block in all_blocks() if not block.language.startswith("{")]
    assert len(blocks) > 60
    assert [(block.at, block.language) for block in blocks if block.language not in LANGUAGES] == []


def test_few_blocks_are_not_run() -> None:
    """Each of them says why, above it."""
    excused = [(block.at, block.reason) for block in all_blocks() if block.reason]
    assert len(excused) <= FEW, excused


def test_a_file_is_on_a_page_once() -> None:
    """Another block imports it by this name."""
    names = Counter((block.page, block.name) for block in all_blocks() if block.name)
    assert [name for name, count in names.items() if count > 1] == []


def test_blocks_are_found() -> None:
    """With their indentation removed, and their lines counted as editors do."""
    page = (
        "# Page\n\n<!-- not run: why -->\n```sh\nls\n```\n\n* list\n\n"
        "  ```ts file=a.ts\n  if (x) {\n    y();\n  }\n  ```\n"
    )
    one, two = blocks_of("page.md", page)
    assert (one.at, one.language, one.name, one.text, one.reason) == ("page.md:5", "sh", None, "ls\n", "why")
    assert (two.at, two.language, two.name, two.reason) == ("page.md:11", "ts", "a.ts", None)
    assert two.text == "if (x) {\n  y();\n}\n"


def test_a_block_that_is_not_closed_is_named() -> None:
    """It would swallow the rest of the page."""
    with pytest.raises(ValueError, match=r"page\.md:2: the block is not closed"):
        list(blocks_of("page.md", "text\n```sh\nls\n"))
