#!/usr/bin/env bash
# Server-sent events: aiosseclient cuts JSON at a line separator
#
# Versions: aiosseclient 0.1.8, httpx-sse 0.4.3 (PyPI).
# Expected: the specification (HTML, section 9.2.5) ends lines at CR, LF or both. U+2028 may stand inside a line;
# `JSON.stringify` and `json.dumps(ensure_ascii=False)` write it as it is, and it comes with text that is pasted from a web
# page.
# Seen: aiosseclient splits with `str.splitlines`, which takes U+2028, U+0085 and others for ends of lines. The data ends
# there, the rest is dropped with a warning, and what is left is no JSON.
#
# Output:
#> httpx-sse    {'note': 'plain'}
#> httpx-sse    {'note': 'one\u2028two'}
#> httpx-sse    {'note': 'one\x85two'}
#> aiosseclient {'note': 'plain'}
#> aiosseclient no JSON: {"note": "one
#> aiosseclient no JSON: {"note": "one

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m venv --without-pip venv
python3 -m pip --python venv/bin/python install --quiet --no-compile --root-user-action ignore aiosseclient==0.1.8 httpx-sse==0.4.3 httpx==0.28.1

cat > probe.py <<'PROBE'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import httpx_sse
from aiosseclient import aiosseclient

notes = ["plain", "one\u2028two", "one\u0085two"]


class Stream(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for note in notes:
            self.wfile.write(f"data: {json.dumps({'note': note}, ensure_ascii=False)}\n\n".encode())

    def log_message(self, *arguments):
        pass


def valid(data):
    try:
        return ascii(json.loads(data))
    except ValueError:
        return f"no JSON: {data}"


async def aio(address):
    return [valid(event.data) async for event in aiosseclient(address)]


server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", address) as source:
    for data in (event.data for event in source.iter_sse()):
        print("httpx-sse   ", valid(data))
for line in asyncio.run(aio(address)):
    print("aiosseclient", line)
PROBE
venv/bin/python probe.py 2> warnings | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
