"""The code of the documentation does what it shows, beside a stack: in Chromium, Node and Python."""

import re
import shutil
import subprocess
import sys
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as TooLate
from tests.claims import eventually
from tests.snippets.blocks import ROOT, Block, blocks
from tests.snippets.project import CLIENTS, file_of, folder_of, missing, write

from .conftest import Connect
from .rig import Rig
from .snippets import body_for, bundle, node, page_with, placed, run_python

FOR_NODE = [block for block in blocks("js") if re.search('"(@socket.io/redis-emitter|node:.*)"', block.text)]
SCRIPTS = [block for block in blocks("js", "ts", "tsx", "vue") if block not in FOR_NODE]
PYTHON = {page: list(found) for page, found in groupby(blocks("python"), lambda block: block.page)}
ROOMS = ("sku:7", "sku:lamp", "vip", "order:17", "offers")
TOLD = {
    "item_added": {"id": 7, "title": "Blue kettle"},
    "price": {"sku": "lamp", "eur": 40},
    "notice": {"text": "hello"},
    "order": {"number": 17, "state": "shipped"},
}
"""What a page is told again and again, to everyone and in the rooms, until it has shown it."""

compiled = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def at(block: Block) -> str:
    return block.at


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle of each script; the gateway's address in it is that of the documentation."""
    folder = tmp_path_factory.mktemp("snippets")
    write(folder)
    files = [folder / folder_of(block.page) / file_of(block) for block in SCRIPTS]
    bundle(folder, files)
    (folder / "token").write_text("a token")
    return folder


def tell(rig: Rig) -> None:
    """Put one event of each kind on the queue, for the rooms that pages of the documentation join."""
    for event, data in TOLD.items():
        rooms = {} if event == "item_added" else {"rooms": ",".join(ROOMS)}
        rig.queue.put([data], event=event, **rooms)


# In Chromium

SHOWN: dict[str, list[str]] = {
    "README.md": ["fetchAll", "show"],
    "docs/clients.md": ["show"],
    "docs/how-to/from-python-socketio.md": ["fetchAll"],
    "docs/how-to/from-socketio-on-node.md": ["fetchAll"],
    "docs/how-to/rooms-and-tokens.md": ["show"],
    "docs/overview.md": ["fetchAll", "show"],
    "docs/past-events.md": [],
    "docs/security.md": [],
}
"""Which functions of its page each script calls, once its socket is connected and it was told something."""


@compiled
@pytest.mark.browser
@pytest.mark.parametrize("snippet", SCRIPTS, ids=at)
def test_a_script_runs_in_a_page(rig: Rig, chromium: Browser, bundles: Path, snippet: Block) -> None:
    """Without an error, connected, and it shows what it is told."""
    name = f"{folder_of(snippet.page)}/{file_of(snippet)}.bundle.js"
    script = placed((bundles / name).read_text("utf-8"), rig)
    (bundles / "script.js").write_text(script, "utf-8")
    expected = SHOWN.get(snippet.page, [])
    with page_with(chromium, bundles, body_for(rig, "script.js", snippet.text)) as (page, errors):
        if "socket" in snippet.text and snippet.name is None:
            eventually(lambda: rig.gateways[0].total("queuecast_gateway_connections"))

        def shows_it() -> bool:
            tell(rig)
            with suppress(TooLate):
                page.wait_for_function(
                    "expected => expected.every((name) => calls.includes(name))", arg=expected, timeout=2_000
                )
                return True
            assert errors == []
            return False

        eventually(shows_it)
        assert errors == []


@pytest.mark.browser
@pytest.mark.parametrize("snippet", blocks("html"), ids=at)
def test_a_page_loads_the_client_from_the_gateway(
    rig: Rig, chromium: Browser, tmp_path: Path, snippet: Block
) -> None:
    """Without an error. The tutorial's page has a test of its own besides, as have those of the how-tos."""
    for client in CLIENTS:
        shutil.copy(client, tmp_path)
    with page_with(chromium, tmp_path, placed(snippet.text, rig)) as (page, errors):
        assert page.evaluate("typeof io") == "function"
        assert errors == []


# In Node and Python


@compiled
@pytest.mark.javascript
@pytest.mark.parametrize("snippet", FOR_NODE, ids=at)
def test_an_emitter_of_node_reaches_a_browser(
    rig: Rig, connect: Connect, tmp_path: Path, snippet: Block
) -> None:
    """With the packages that the page names."""
    (client,) = connect(rig, 1)
    client.emit("subscribe", list(ROOMS))
    (script,) = write(tmp_path, [snippet])
    script = script.rename(script.with_suffix(".mjs"))
    script.write_text(placed(script.read_text("utf-8"), rig), "utf-8")
    with node(script, tmp_path):
        eventually(client.events)


REACHED: dict[str, list[str]] = {
    "README.md": ["price"],
    "docs/how-to/emitting.md": ["order", "export"],
    "docs/how-to/from-python-socketio.md": ["order"],
    "docs/overview.md": ["notice"],
    "docs/tutorial.md": ["price"],
    "docs/past-events.md": [],
}
"""Which events reach a browser in the rooms when a page's Python has run."""


CALLED = {
    "docs/how-to/emitting.md": "from orders import tell; from tasks import export; tell(17, ''); export(17)"
}
"""What a reader's own code calls of the functions on a page."""


@pytest.mark.javascript
@pytest.mark.parametrize("page", PYTHON)
def test_python_reaches_a_browser(rig: Rig, connect: Connect, tmp_path: Path, page: str) -> None:
    """A page's blocks run one after the other, as its reader would."""
    (client,) = connect(rig, 1)
    client.emit("subscribe", list(ROOMS))
    caller = Block(page, 0, "python", None, CALLED.get(page, ""), None)
    try:
        run_python(rig, page, [*PYTHON[page], caller], tmp_path)
        for event in REACHED.get(page, []):
            eventually(lambda event=event: client.events(event))
    finally:
        # What this stack leaves, such as a message that asks for acknowledgements, is not for the next test.
        rig.sqs.purge_queue(QueueUrl=rig.queue.url)


# At the prompt


@pytest.mark.javascript
@pytest.mark.parametrize("snippet", blocks("console"), ids=at)
def test_a_command_writes_what_is_shown(rig: Rig, connect: Connect, tmp_path: Path, snippet: Block) -> None:
    """With the files that its page shows, and two browsers in the room."""
    for client in (*connect(rig, 1), *connect(rig, 1)):
        client.emit("subscribe", "order:7")
    for file in blocks("yaml", "json"):
        if file.page == snippet.page and file.name:
            (tmp_path / file.name).write_text(file.text, "utf-8")
    command, _, shown = snippet.text.removeprefix("$ ").partition("\n")
    command = command.replace("python -m", f"{sys.executable} -m")
    environment = {"QUEUECAST_REDIS_URL": rig.redis_url, "PATH": "/usr/bin:/bin", "PYTHONPATH": IMPORTS}
    ended = subprocess.run(
        ("bash", "-c", command), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.rstrip() == shown.rstrip(), ended.stderr


IMPORTS = ":".join(str(ROOT / folder / "src") for folder in ("bus", "services/poller"))


@pytest.mark.parametrize("snippet", blocks("acl"), ids=at)
def test_redis_sets_up_the_user(rig: Rig, snippet: Block) -> None:
    """Each rule is one that Redis has."""
    _, name, *rules = snippet.text.split()
    with redis.Redis.from_url(rig.redis_url) as server:
        assert server.execute_command("ACL", "SETUSER", name, *rules) == b"OK"
        server.execute_command("ACL", "DELUSER", name)
