"""A token for the HTTP API of the local gateways: a new one for each run, in a file that ends with it."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from queuecast_local.ports import Ports

FILE = "QUEUECAST_API_TOKEN_FILE"


@contextmanager
def api_token(ports: Ports, environ: Mapping[str, str]) -> Iterator[tuple[str | None, dict[str, str]]]:
    """Yield a token that may do everything, and the setting with its file.

    There is neither if there is no API; nor a token if the environment has a file of its own.
    """
    if ports.api is None or environ.get(FILE):
        yield None, {}
        return
    token = secrets.token_hex(16)
    with TemporaryDirectory(prefix="queuecast-") as folder:
        path = Path(folder) / "tokens"
        path.touch(0o600)
        path.write_text(f"make-run publish,command,view,identities,history {token}\n", "ascii")
        yield token, {FILE: str(path)}
