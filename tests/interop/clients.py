"""The clients that people have: for each, its version, how it is built and started, and what is known of it.

The version stands in the file that the language has for it: `package.json`, `pom.xml`, `go.mod`,
`Cargo.toml`; that of python-socketio is the one of the services.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD_SECONDS = 1800


@dataclass(frozen=True)
class Kit:
    """What drivers of one language need: `programs` on PATH, and what `build` makes in `folder`: `product`.

    `pins` is the file with the version of the client.
    """

    folder: Path
    pins: Path
    programs: Sequence[str] = ()
    build: Sequence[str] = ()
    product: str = ""

    @property
    def missing(self) -> str | None:
        """What this machine lacks, or None."""
        for program in self.programs:
            if shutil.which(program) is None:
                return f"there is no `{program}` on PATH"
        if self.product and not (self.folder / self.product).exists():
            return f"it is not built: `{' '.join(self.build)}` in tests/interop/{self.folder.name}"
        return None

    def make(self) -> str | None:
        """Build it; return why that was not possible, or None."""
        if self.build and all(map(shutil.which, self.programs)):
            built = subprocess.run(
                self.build,
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=BUILD_SECONDS,
                check=False,
            )
            if built.returncode:
                return f"it cannot be built: {(built.stderr or built.stdout)[-500:]}"
        return self.missing


@dataclass(frozen=True, eq=False)
class Client:
    """One client on one platform. Those with the same `row` share a row of docs/clients.md."""

    row: str
    """The client, with its line of versions if there are several."""
    on: str
    """What it runs on, if it can run on several."""
    transports: str
    kit: Kit
    command: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    """What it is told besides the URL: `transports`, and whatever else only its driver knows."""
    advice: str = "nothing"
    auth: Mapping[str, Any] = field(default_factory=dict)
    """What the advice says is to be said in `auth`."""
    refused: str | None = None
    """A part of what its user sees when it tries to connect, if it cannot; None if it can."""
    recovers: bool = False
    keeps_order: bool = True
    is_patient: bool = True
    """Whether it bears a ping that comes ten seconds late."""
    lacks: Sequence[str] = ()
    """The checks that it fails by a fault of its own, with Node's server too; they are not tried."""
    quick: bool = False
    """Whether `make test` has it too."""

    @property
    def name(self) -> str:
        return ", ".join(filter(None, (self.row, self.on, self.transports))).replace("`", "")


def _npm(folder: str, *more: str) -> Kit:
    stamps = [f"tests/interop/{name}/node_modules/installed" for name in (folder, *more)]
    make = ("make", "--no-print-directory", "-C", str(ROOT), *stamps)
    return Kit(HERE / folder, HERE / folder / "package.json", ("node", "npm"), make, str(ROOT / stamps[-1]))


JS = _npm("js")
RUNTIMES = _npm("js", "runtimes")
PYTHON = Kit(HERE / "python", ROOT / "requirements" / "dev.txt")
CHROMIUM = Kit(HERE / "js", JS.pins, ("npm", "chromium"), JS.build, JS.product)
MAVEN = ("mvn", "-q", "-B", "compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib")
JAVA = Kit(HERE / "java", HERE / "java" / "pom.xml", ("java", "mvn"), MAVEN, "target/lib")
CARGO = ("cargo", "build", "--release", "--target-dir", "target")
RUST = Kit(HERE / "rust", HERE / "rust" / "Cargo.toml", ("cargo",), CARGO, "target/release")
GO = Kit(HERE / "go", HERE / "go" / "go.mod", ("go",), ("go", "build", "-o", "build/driver"), "build/driver")

POLLING: Mapping[str, Any] = {"transports": ["polling"]}
WEBSOCKET: Mapping[str, Any] = {"transports": ["websocket"]}
WEBTRANSPORT = {"transports": ["webtransport", "websocket"], "tryAllTransports": True}
NEWEST = "nothing; with `webtransport` as the first transport, `tryAllTransports: true`"
COUNTS = "`auth: {recovery: false}`, if a handler counts its arguments"
COUNTS_IN_JAVA = '`auth: {"recovery": "false"}`, if a handler counts its arguments'
THREADS = (
    "nothing; each packet has a thread of its own: their order may change, and on a busy machine an event "
    "with bytes may be lost (`ValueError` in `_handle_eio_message`)"
)
OPTING_OUT_IN_RUST = '`auth` with `{"recovery": false}`, or `?recovery=false` in the URL'
IN_RUST = f"{OPTING_OUT_IN_RUST}; **it loses every binary event** otherwise, and some of them even then"
IN_GO = "nothing; over long-polling it never sends bytes, to no server"
EIO_3 = {"refused": "Engine.IO 3", "advice": "upgrade: it speaks Engine.IO 3"}
MSGPACK = {"refused": "msgpack", "advice": "remove the option `parser`"}
COMMANDS: Mapping[str, Sequence[str]] = {
    "Node": ("node",),
    "Bun": (str(HERE / "runtimes/node_modules/.bin/bun"),),
    "Deno": ("env", "DENO_NO_UPDATE_CHECK=1", str(HERE / "runtimes/node_modules/.bin/deno"), "run", "-A"),
}


def _script(on: str, version: str, transports: str, *parser: str, **known: Any) -> Client:
    row = f"JavaScript `socket.io-client` {version}{''.join(f' with `{name}`' for name in parser)}"
    command = (*COMMANDS[on], "driver.js", f"socket.io-client-{version}", *parser)
    advice = {"4.8": NEWEST}.get(version, COUNTS)
    kit, is_node = (JS, True) if on == "Node" else (RUNTIMES, False)
    return Client(row, on, transports, kit, command, quick=is_node, **{"advice": advice, **known})


def _browser(transports: str, **known: Any) -> Client:
    command = (sys.executable, "../chromium/driver.py")
    row = "JavaScript `socket.io-client` 4.8"
    return Client(row, "Chromium", transports, CHROMIUM, command, recovers=True, advice=NEWEST, **known)


def _python(way: str, module: str, transports: str, **known: Any) -> Client:
    row = f"`python-socketio` 5, {way}"
    # It waits for something to send, as the answer to a ping, for an interval and five seconds more.
    patience = {"is_patient": False}
    return Client(row, "", transports, PYTHON, (sys.executable, module), quick=True, **patience, **known)


def _threads(transports: str, **known: Any) -> Client:
    return _python("sync", "with_threads.py", transports, keeps_order=False, advice=THREADS, **known)


def _java(transports: str, **known: Any) -> Client:
    command = ("java", "-Xmx256m", "-cp", "target/classes:target/lib/*", "Driver")
    return Client(
        "Java `io.socket:socket.io-client` 2", "", transports, JAVA, command, advice=COUNTS_IN_JAVA, **known
    )


def _rust(transports: str, **known: Any) -> Client:
    row, auth = "Rust `rust_socketio` 0.6", {"recovery": False}
    return Client(
        row,
        "",
        transports,
        RUST,
        ("target/release/queuecast-interop",),
        advice=IN_RUST,
        auth=auth,
        lacks=("carries bytes",),
        **known,
    )


def _go(transports: str, **known: Any) -> Client:
    return Client(
        "Go `zishang520/socket.io` 3",
        "",
        transports,
        GO,
        ("build/driver",),
        recovers=True,
        advice=IN_GO,
        **known,
    )


# Its next request finds another gateway once its own has said that it is not ready.
POLLS: Mapping[str, Any] = {"options": POLLING, "is_patient": False}
SOCKETS: Mapping[str, Any] = {"options": WEBSOCKET}

CLIENTS: Sequence[Client] = (
    *(
        client
        for on in COMMANDS
        for client in (
            _script(on, "4.8", "default", recovers=True),
            _script(on, "4.8", "polling", recovers=True, **POLLS),
            _script(on, "4.8", "WebSocket", recovers=True, **SOCKETS),
            _script(on, "4.5", "default"),
            _script(on, "3.1", "default"),
            _script(on, "2.5", "default", **EIO_3),
        )
    ),
    _script("Node", "2.5", "WebSocket", **SOCKETS, **EIO_3),
    _script("Node", "4.8", "default", "socket.io-msgpack-parser", **MSGPACK),
    _browser("default"),
    _browser("polling", **POLLS),
    _browser("WebSocket", **SOCKETS),
    _browser("WebTransport first", options=WEBTRANSPORT),
    _python("async", "with_asyncio.py", "default"),
    _python("async", "with_asyncio.py", "polling", options=POLLING),
    _python("async", "with_asyncio.py", "WebSocket", options=WEBSOCKET),
    _threads("default"),
    _threads("polling", options=POLLING),
    _threads("WebSocket", options=WEBSOCKET),
    _java("default"),
    _java("polling", **POLLS),
    _java("WebSocket", **SOCKETS),
    _rust("default"),
    _rust("polling", **POLLS),
    _rust("WebSocket", **SOCKETS),
    _go("default"),
    _go("polling", lacks=("carries bytes",), **POLLS),
    _go("WebSocket", **SOCKETS),
)
