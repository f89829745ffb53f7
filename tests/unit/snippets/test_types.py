"""JavaScript and TypeScript in the documentation compile, with the client's own types and ours."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.snippets.blocks import ROOT, Block
from tests.snippets.project import COMPILER, configuration, link_modules, missing, write

UNTYPED = re.compile(r"\S+\.js\(\d+,\d+\): error TS(18047|2531|7005|7006|7031|7034): ")
"""What JavaScript cannot say: the type of a name, and that the page has the element."""

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def compiled(folder: Path, *patterns: str) -> str:
    """Return what the compiler says about the files of a folder: nothing if all is well."""
    command = ("node", COMPILER, "--project", configuration(folder, *patterns))
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return "".join(f"{line}\n" for line in ended.stdout.splitlines() if not UNTYPED.match(line))


def test_every_script_of_the_documentation_compiles(tmp_path: Path) -> None:
    """Also a fragment, with what its page would have: `tests/snippets/page.d.ts`."""
    assert len(write(tmp_path)) > 10
    assert compiled(tmp_path) == ""


def test_the_page_of_the_order_tracker_compiles(tmp_path: Path) -> None:
    """With the types of the client and ours, as strictly as the documentation's."""
    sources = Path("examples", "order-tracker", "page", "src")
    shutil.copytree(ROOT / sources, tmp_path / sources)
    shutil.copytree(ROOT / "clients", tmp_path / "clients")
    link_modules(tmp_path)
    assert compiled(tmp_path, f"{sources}/*.ts", f"{sources}/*.tsx") == ""


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("js", 'socket.emit("subscribe", 7, (ack) => {});', "not assignable"),
        ("js", "undeclared();", "undeclared"),
        ("ts", 'import { io } from "socket.io-client";\nio({ transport: [] });', "transport"),
        ("tsx", "export const Page = () => <b onclick={1} />;", "onclick"),
        (
            "vue",
            '<script setup lang="ts">\nconst n: number = "x";\n</script>\n<template>{{ n }}</template>\n',
            "number",
        ),
        ("json", '{"ok": true, "rooms": 7}', "string[]"),
    ],
)
def test_a_mistake_is_found(tmp_path: Path, language: str, text: str, said: str) -> None:
    """The test above can fail."""
    write(tmp_path, [Block("page.md", 1, language, None, text, None)])
    assert said in compiled(tmp_path)
