"""The cluster's own metrics, at an address of their own: kube-state-metrics, from a file."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from queuecast_local.ports import HOST

SAID = Path(__file__).with_name("third_party.prom").read_bytes()


class Said(BaseHTTPRequestHandler):
    """Answers every request with the file."""

    def do_GET(self) -> None:  # the library's own spelling
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(SAID)))
        self.end_headers()
        self.wfile.write(SAID)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""


@contextmanager
def cluster(port: int) -> Iterator[str]:
    """Serve the file on this port until the context ends; yield the address."""
    server = ThreadingHTTPServer((HOST, port), Said)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{HOST}:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
