"""The JavaScript and TypeScript of the documentation as files: a folder for a page, a module for a block."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.snippets.blocks import ROOT, Block, blocks

HERE = Path(__file__).parent
COMPILED = ("js", "ts", "tsx", "vue")
CLIENTS = sorted((ROOT / "clients").iterdir())
"""What the documentation tells a reader to copy."""

MODULES = HERE / "js" / "node_modules"
CLIENT_MODULES = ROOT / "tests" / "e2e" / "js" / "node_modules"
COMPILER = ROOT / "tests" / "observability" / "js" / "node_modules" / "typescript" / "bin" / "tsc"
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)


def missing() -> str | None:
    """Return what this machine lacks to compile, or None."""
    if shutil.which("node") is None:
        return "Node is missing: there is no `node` on PATH"
    for folder in (MODULES, CLIENT_MODULES, COMPILER.parents[2]):
        if not (folder / "installed").exists():
            return f"{folder.relative_to(ROOT)} is missing: `make node` installs it"
    return None


def folder_of(page: str) -> str:
    """Return the name of the folder of a page."""
    return page.removesuffix(".md").replace("/", "-")


def file_of(block: Block) -> str:
    """Return the name of the file of a block."""
    return block.name or f"line{block.line}.{block.language}"


def write(folder: Path, chosen: Iterable[Block] | None = None) -> list[Path]:
    """Write the blocks that are compiled, and what they import, into a folder; return their files."""
    written = []
    for block in blocks(*COMPILED, "html", "json") if chosen is None else chosen:
        for name, text in _modules(block):
            path = folder / folder_of(block.page) / name
            if not path.parent.exists():
                path.parent.mkdir(parents=True)
                for client in CLIENTS:
                    shutil.copy(client, path.parent)
            path.write_text(text, "utf-8")
            written.append(path)
    link_modules(folder)
    if sources := [str(path) for path in written if path.suffix == ".vue"]:
        subprocess.run(("node", HERE / "js" / "vue.mjs", *sources), check=True)
    return written


def link_modules(folder: Path) -> None:
    """Give the files of a folder the packages that they import."""
    for modules in (MODULES, CLIENT_MODULES):
        for found in modules.iterdir():
            _link(found, folder / "node_modules" / found.name)


def configuration(folder: Path, *patterns: str) -> Path:
    """Write the compiler's settings for a folder: for the files of these patterns, or those of `write`."""
    options = {
        "strict": True,
        "allowJs": True,
        "checkJs": True,
        "noEmit": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "moduleDetection": "force",
        "jsx": "react-jsx",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": ["node"],
        "skipLibCheck": True,
        "paths": {"queuecast-room": ["./queuecast-room.d.ts"]},
    }
    for ambient in (*HERE.glob("*.d.ts"), *CLIENTS):
        shutil.copy(ambient, folder)
    path = folder / "tsconfig.json"
    ours = [f"**/{client.name}" for client in CLIENTS if client.suffix == ".js"]
    chosen = {"include": ["*.d.ts", *(patterns or ["*/*"])], "exclude": ["node_modules", *ours]}
    path.write_text(json.dumps({"compilerOptions": options, **chosen}))
    return path


def _modules(block: Block) -> Iterable[tuple[str, str]]:
    if block.language == "html":
        for number, found in enumerate(_SCRIPT.finditer(block.text)):
            if found["code"].strip():
                yield f"line{block.line}-{number}.js", found["code"]
    elif block.language == "json":
        if '"ok"' in block.text:
            kind = 'import("./queuecast-events").Ack<import("./queuecast-events").Past<any>>'
            yield f"line{block.line}.ts", f"export const shown: {kind} = {block.text}"
    else:
        yield file_of(block), block.text


def _link(source: Path, target: Path) -> None:
    """Link to a package, or to each of those of an organisation."""
    if source.name.startswith("@"):
        for each in source.iterdir():
            _link(each, target / each.name)
    elif source.is_dir() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
