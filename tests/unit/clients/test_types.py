"""`clients/queuecast-events.d.ts`: what compiles is what the gateway answers."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from queuecast_gateway.access.authenticator import Code
from queuecast_gateway.wire.protocol import ACK_CODES

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TYPES = ROOT / "clients" / "queuecast-events.d.ts"
CLIENT = ROOT / "tests" / "e2e" / "js" / "node_modules" / "socket.io-client"
COMPILER = ROOT / "tests" / "observability" / "js" / "node_modules" / "typescript" / "bin" / "tsc"


def union(name: str) -> set[str]:
    """Return the texts of a type that is one of several texts."""
    found = re.search(rf"export type {name} =([^;]*);", TYPES.read_text("utf-8"))
    assert found is not None
    return set(re.findall(r'"(\w+)"', found[1]))


def test_the_codes_are_those_of_the_gateway() -> None:
    """A page that handles each of them handles all."""
    assert union("ErrorCode") == {*ACK_CODES}
    assert union("ConnectCode") == {*get_args(Code)}


@pytest.mark.skipif(
    shutil.which("node") is None or not COMPILER.exists(), reason="`make node` installs TypeScript"
)
def test_a_page_compiles_and_its_mistakes_do_not(tmp_path: Path) -> None:
    """With the stock client's own types, as strictly as the compiler can."""
    ours = {path.name.removesuffix(".d.ts"): [str(path)] for path in TYPES.parent.glob("*.d.ts")}
    options = {
        "strict": True,
        "noEmit": True,
        "exactOptionalPropertyTypes": True,
        "noUnusedLocals": True,
        "target": "es2022",
        "module": "nodenext",
        "lib": ["es2022", "dom"],
        "types": [],
        "paths": {**ours, "socket.io-client": [str(CLIENT / "build" / "esm")]},
    }
    shutil.copy(HERE / "page.ts", tmp_path)
    project = tmp_path / "tsconfig.json"
    project.write_text(json.dumps({"compilerOptions": options, "files": ["page.ts"]}))
    ended = subprocess.run(
        ("node", COMPILER, "--project", project), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout
