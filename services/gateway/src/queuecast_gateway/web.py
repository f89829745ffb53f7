"""Everything that is not Socket.IO on the public port: the live board's files."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


def web_app() -> Starlette:
    """Return the ASGI app that serves the live board at `/`."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=STATIC, html=True))])
