"""`docs/how-to/`: the pages show what they promise, from one event to the next, in a real browser."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.claims import eventually
from tests.reservation import PortBlock
from tests.snippets.blocks import Block, blocks
from tests.snippets.project import CLIENTS, missing, write

from queuecast_local import redis_server

from .rig import GATEWAYS, Rig, running
from .snippets import bundle, page_with, placed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
SECRET = "a-secret-of-at-least-32-characters"


def files(page: str) -> Mapping[str, Block]:
    """Return the files that a page shows, by their names."""
    return {block.name: block for block in blocks() if block.page == f"docs/how-to/{page}.md" and block.name}


@contextmanager
def opened(
    rig: Rig, chromium: Browser, folder: Path, page: str, entry: str
) -> Iterator[tuple[Page, list[str]]]:
    """Open the page whose script is one of the files that a how-to shows."""
    write(folder, [block for block in files(page).values() if block.language in ("ts", "tsx", "vue")])
    source = next(folder.glob(f"*/{entry}"))
    bundle(folder, [source])
    made = source.with_name(f"{entry}.bundle.js")
    made.write_text(placed(made.read_text("utf-8"), rig), "utf-8")
    body = f'<main id="root"></main><script type="module" src="{made.relative_to(folder)}"></script>'
    with page_with(chromium, folder, body) as shown:
        yield shown


def follows_the_lamp(rig: Rig, page: Page, errors: list[str], output: str) -> None:
    """Fail unless the page shows the price from before it was opened, and each later one, also recovered."""
    shown = page.locator(output)
    expect(shown).to_have_text("40 €")
    expect(shown).to_have_attribute("title", "live")
    price(rig, 35)
    expect(shown).to_have_text("35 €")
    assert errors == []


def price(rig: Rig, eur: int) -> None:
    rig.queue.put([{"sku": "lamp", "eur": eur}], event="price", rooms="sku:lamp")


@pytest.mark.parametrize(("framework", "entry"), [("react", "main.tsx"), ("vue", "main.ts")])
def test_a_component_shows_the_last_price_and_each_later_one(
    rig: Rig, chromium: Browser, tmp_path: Path, framework: str, entry: str
) -> None:
    """With the framework's own packages, compiled and bundled as an application is."""
    price(rig, 40)
    with opened(rig, chromium, tmp_path, framework, entry) as (page, errors):
        follows_the_lamp(rig, page, errors, "output")


def test_a_page_without_a_build_shows_the_last_price_and_each_later_one(
    rig: Rig, chromium: Browser, tmp_path: Path
) -> None:
    """From the files that it names, and nothing else."""
    for client in CLIENTS:
        shutil.copy(client, tmp_path)
    price(rig, 40)
    shop = placed(files("plain-javascript")["index.html"].text, rig)
    with page_with(chromium, tmp_path, shop) as (page, errors):
        follows_the_lamp(rig, page, errors, "#lamp")


def test_a_room_is_followed_through_the_end_of_a_gateway(
    block: PortBlock, chromium: Browser, tmp_path: Path
) -> None:
    """`followRoom` after a recovery, and after an absence too long for one: none missing, none twice."""
    origins = {"QUEUECAST_ORIGINS": "self,http://127.0.0.1:*", "QUEUECAST_RECOVERY_SECONDS": "1"}
    script = """
import { followRoom } from "./queuecast-room.js";
window.socket = io("GATEWAY", { transports: ["websocket"], reconnectionDelayMax: 500 });
window.seen = [];
window.states = [];
followRoom(socket, "room", { n: (n) => seen.push(n) }, { onState: (...state) => states.push(state) });
"""
    for client in CLIENTS:
        shutil.copy(client, tmp_path)
    with running(block, redis_server.find(), origins) as rig:
        gateway = rig.url(GATEWAYS[0]).rstrip("/")
        (tmp_path / "page.js").write_text(script.replace("GATEWAY", gateway))
        body = f'<script src="{gateway}/socket.io/socket.io.min.js"></script>'
        numbers = iter(range(1, 1000))

        def put(count: int) -> None:
            rig.queue.put([next(numbers) for _ in range(count)], event="n", rooms="room")

        put(3)
        with page_with(chromium, tmp_path, f'{body}<script type="module" src="page.js"></script>') as (
            page,
            errors,
        ):

            def seen() -> list[int]:
                return sorted(page.evaluate("seen"))

            eventually(lambda: seen() == [1, 2, 3])
            put(2)
            eventually(lambda: seen() == [*range(1, 6)])
            rig.end_gateway(GATEWAYS[0])
            put(4)
            eventually(lambda: page.evaluate("states.at(-1)[0]") == "away")
            rig.start_gateway(GATEWAYS[0])
            put(1)
            eventually(lambda: seen() == [*range(1, 11)])
            eventually(lambda: page.evaluate("states.at(-1)[0]") == "live")
            page.evaluate("socket.io.engine.close()")
            put(1)
            eventually(lambda: seen() == [*range(1, 12)])
            assert errors == []


def test_a_token_of_the_how_to_opens_the_rooms_that_it_names(
    block: PortBlock, chromium: Browser, tmp_path: Path
) -> None:
    """The back end's half and the page's, against a gateway that asks for tokens."""
    how_to = [block for block in blocks() if block.page == "docs/how-to/rooms-and-tokens.md"]
    (script,) = [block for block in how_to if block.language == "js"]
    tokens = files("rooms-and-tokens")["tokens.py"].text
    names: dict[str, object] = {}
    exec(tokens, names)  # noqa: S102  # the documentation's own code
    assert names["SECRET"] == SECRET
    (tmp_path / "token").write_text(names["token_for"]("ann", [17]))  # type: ignore[operator]
    write(tmp_path, [script])
    (source,) = tmp_path.glob("*/line*.js")
    bundle(tmp_path, [source])
    settings = {
        "QUEUECAST_ORIGINS": "self,http://127.0.0.1:*",
        "QUEUECAST_AUTH": "jwt",
        "QUEUECAST_AUTH_SECRET": SECRET,
    }
    record = (
        'window.shown = []; window.show = (s) => shown.push(s); window.signIn = () => shown.push("sign in");'
    )
    with running(block, redis_server.find(), settings) as rig:
        made = source.with_name(f"{source.name}.bundle.js")
        text = placed(made.read_text("utf-8"), rig)
        made.write_text(text, "utf-8")
        (tmp_path / "other.js").write_text(text.replace("order:17", "order:18"), "utf-8")
        for name, expected in ((str(made.relative_to(tmp_path)), "live"), ("other.js", "forbidden")):
            body = f'<script>{record}</script><script type="module" src="{name}"></script>'
            with page_with(chromium, tmp_path, body) as (page, errors):
                eventually(lambda page=page, expected=expected: expected in page.evaluate("shown"))
                assert errors == []
        (tmp_path / "token").write_text(jwt.encode({"sub": "ann"}, "another-secret-of-at-least-32-bytes"))
        with page_with(chromium, tmp_path, body) as (page, _):
            eventually(lambda: "sign in" in page.evaluate("shown"))
